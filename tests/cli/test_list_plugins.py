"""`mer list-plugins`."""

import json
from importlib.metadata import EntryPoint

import pytest

from mer_core import manager


def test_every_kind_is_listed_with_where_it_comes_from(mer):
    shown = mer("list-plugins").stdout
    rows = {tuple(line.split()[:2]): line for line in shown.splitlines() if line.strip()}
    assert rows["fusion", "cross-attn"].split()[-2] == "mer-core"
    assert rows["encoder", "toy-text"].rstrip().endswith("toy_parts.py")
    assert "which emotion is named" in rows["encoder", "toy-text"]
    assert {key[0] for key in rows} >= {"encoder", "fusion", "aux", "evaluator", "corpus"}


def test_one_kind_for_programs(mer):
    data = json.loads(mer("list-plugins", "--kind", "corpus", "--json").stdout)
    names = {row["name"]: row for row in data["plugins"]}
    assert {row["kind"] for row in data["plugins"]} == {"corpus"}
    assert names["toy"]["distribution"] == "toy_parts.py"
    assert names["manifest"]["distribution"] == "mer-core"
    assert names["manifest"]["version"]


def test_a_registry_in_the_working_folder_counts(mer, workplace):
    (workplace / "registry.toml").write_text('[plugins]\nfiles = ["toy_fusion.py"]\n')
    refused = mer("list-plugins", registry=None)
    assert refused.exit_code == 2
    assert "toy_fusion.py" in refused.stderr
    (workplace / "toy_fusion.py").write_text(
        "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
        "@hookimpl\ndef mer_fusions():\n    yield Plugin('mine', 'toy_fusion:Mine', 'my own')\n"
    )
    assert "my own" in mer("list-plugins", registry=None).stdout


def test_an_unknown_kind(mer):
    result = mer("list-plugins", "--kind", "fusions")
    assert result.exit_code == 2
    assert "'fusions' is not one of 'encoder', 'fusion', 'aux', 'evaluator', 'corpus'" in result.stderr


@pytest.fixture
def broken(monkeypatch):
    """A distribution whose plugin module cannot be imported."""
    good = manager.entry_points(group="mer")
    bad = EntryPoint("film", "no_such_module_of_mer", "mer")
    monkeypatch.setattr(manager, "entry_points", lambda group: [*good, bad])


def test_a_broken_plugin_is_listed_below_with_its_cause(mer, broken):
    result = mer("list-plugins")
    assert result.exit_code == 0
    assert "cross-attn" in result.stdout
    cause = "ModuleNotFoundError: No module named 'no_such_module_of_mer'"
    assert f"not usable: film (entry point film): {cause}" in result.stderr
    (row,) = json.loads(mer("list-plugins", "--json").stdout)["broken"]
    assert row["cause"] == cause
