"""What every contract class shares: how the plugin is made, and the verdicts that are neither ok nor failed.

pytest is not needed to use a contract: `mer check-plugin` calls the same methods.
"""

from __future__ import annotations

import shutil
import tempfile
import unittest
import weakref
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ValidationError
from torch import nn

from mer_core.compose import members
from mer_core.config import PluginConfig
from mer_core.plugin import Kind


class Relaxed(unittest.SkipTest):
    """The plugin declares that it does not make this promise. pytest shows it as skipped, with the reason."""


class Reported(unittest.SkipTest):
    """Worth knowing and not required. pytest shows it as skipped, with the reason."""


class Contract:
    """The promises of one kind of plugin as `test_…` methods. Inherit it under pytest and name the plugin:

        class TestGated(FusionContract):
            plugin = Gated
            options = {"dim": 8}

    `options` may be left out where Config has defaults for all. A plugin that reads files overrides `make_options`;
    one that is built in another way than `plugin(config, **widths)` overrides `make`.

    The docstring of a check begins with the promise; the line that begins with "Mend:" says what usually breaks it.
    """

    kind: ClassVar[Kind]
    protocol: ClassVar[type]
    plugin: type
    options: Mapping[str, Any] = {}
    device: str = "cpu"
    """Where tensors and modules are put; `mer check-plugin --device` sets it."""
    seen: str = ""
    """What the last check found, for the table of `mer check-plugin`."""

    def make_options(self, folder: Path) -> Mapping[str, Any]:
        """Return the options to build the plugin with; `folder` is empty and may be written to."""
        return self.options

    def make(self, **widths: Any) -> Any:
        """Return a new plugin."""
        return self.plugin(self.config(), **widths)

    def config(self, **changes: Any) -> PluginConfig:
        """Return the checked options, with changes."""
        config_class: type[PluginConfig] = self.plugin.Config  # type: ignore[attr-defined]
        return config_class.model_validate({**self._options, **changes})

    def test_builds(self) -> None:
        """The plugin can be built and has every member of its contract.

        Mend: give the class a nested `class Config(PluginConfig)`, the constructor and the methods of its contract in
        mer_core.protocols, and pass the options that have no default.
        """
        config_class = getattr(self.plugin, "Config", None)
        is_ours = isinstance(config_class, type) and issubclass(config_class, PluginConfig)
        assert is_ours, f"{self.plugin.__name__} has no nested `class Config(PluginConfig)`"
        try:
            made = self.make_one()
        except ValidationError as error:
            raise AssertionError(f"its options cannot be used: {error}") from None
        lacking = [name for name in members(self.protocol) if not hasattr(made, name)]
        assert not lacking, f"{self.plugin.__name__} lacks {', '.join(lacking)} of {self.protocol.__name__}"
        if self.kind in ("encoder", "fusion", "aux"):
            assert isinstance(made, nn.Module), f"{self.plugin.__name__} is not a torch.nn.Module"
        self.saw(f"{self.plugin.__name__} with {self.config()!r}")

    def test_options_are_explained(self) -> None:
        """Every option has a docstring below it, which `mer show-plugin` prints (reported, not required).

        Mend: write a docstring under each field of Config with its meaning and unit.
        """
        fields = self.plugin.Config.model_fields  # type: ignore[attr-defined]
        silent = [name for name, field in fields.items() if not field.description]
        if silent:
            raise Reported(f"no docstring under {', '.join(silent)}")
        self.saw(f"{len(fields)} of {len(fields)}")

    def make_one(self) -> Any:
        """Return a plugin with the widths that its kind is built with."""
        return self.make()

    def seeded(self, seed: int, **widths: Any) -> Any:
        """Return a new plugin whose random weights depend on `seed` alone; the global source is left as it was."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.make(**widths)

    def saw(self, text: str) -> None:
        """Note what a check found."""
        self.seen = text

    @cached_property
    def folder(self) -> Path:
        """A folder of this contract's own, removed with it."""
        made = tempfile.mkdtemp(prefix="mer-contract-")
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return Path(made)

    @cached_property
    def _options(self) -> Mapping[str, Any]:
        folder = self.folder / "options"
        folder.mkdir()
        return self.make_options(folder)
