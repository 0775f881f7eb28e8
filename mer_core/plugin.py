"""What a plugin hook returns: a typed, lazy descriptor. Imports no torch."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from mer_core.errors import PluginError

Kind = Literal["encoder", "fusion", "aux", "evaluator", "corpus"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One part that can be named in a registry file or on the command line.

    Args:
        name: what users type, in lower case, for example `cross-attn`.
        target: where the class is, `"package.module:Class"`; imported only when the part is used.
        summary: one line for `mer list-plugins`.
        extra: the extra of the distribution that the part needs, for example `demo`; named when an import fails.

    Raises:
        PluginError: the name or the target is not of that form.
    """

    name: str
    target: str
    summary: str
    extra: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise PluginError(
                f"plugin name {self.name!r} is not usable",
                hint="Use lower-case letters, digits, '-' and '_'.",
            )
        if not re.fullmatch(r"[\w.]+:\w+", self.target):
            raise PluginError(
                f'plugin "{self.name}" has target {self.target!r}', hint='Write it as "package.module:Class".'
            )

    def load(self) -> type:
        """Import the class. An error of the import itself is passed on unchanged."""
        module, _, attribute = self.target.partition(":")
        loaded = getattr(importlib.import_module(module), attribute)
        if not isinstance(loaded, type):
            raise TypeError(f"{self.target} is not a class")
        return loaded
