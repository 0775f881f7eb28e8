"""What an encoder needs and is not installed is named with the extra that brings it."""

import sys

import pytest

from mer_core.errors import PluginError, SpecError
from mer_core.resolve import plugin_config
from mer_core.spec import PartSpec


def test_without_opensmile_the_extra_is_named_and_the_list_still_works(manager, monkeypatch):
    monkeypatch.delitem(sys.modules, "mer_plugins.encoders.egemaps", raising=False)
    monkeypatch.setitem(sys.modules, "opensmile", None)
    assert "egemaps" in {found.plugin.name for found in manager.all("encoder")}
    with pytest.raises(PluginError, match=r"encoder \"egemaps\" .* cannot be loaded: .*\nInstall .*\[egemaps\]"):
        manager.load("encoder", "egemaps")


def test_without_its_file_precomputed_names_the_option(manager):
    with pytest.raises(SpecError, match=r"encoders.audio.path: is needed"):
        plugin_config(manager, "encoder", PartSpec(use="precomputed"), path="encoders.audio")
