"""The plugin manager of commands that need no pipeline. Imports no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mer_core.manager import PluginManager

FILE_NAME = "registry.toml"


def plugin_manager(registry_file: Path | None) -> PluginManager:
    """Return the installed plugins and those that the user's registry names.

    The registry that ships names none, so it is not read: building its models takes 0.05 s.

    Raises:
        MerError: the user's registry file cannot be used, or a plugin that it names.
    """
    if registry_file is None and not Path(FILE_NAME).is_file():
        from mer_core.manager import PluginManager

        return PluginManager()
    from mer_core.registry import load_registry

    return load_registry(registry_file).manager()


def say_registry(manager: PluginManager) -> None:
    """Say on stderr which registry file's plugins are used: they run, though nobody installed them."""
    for line in dict.fromkeys(f"{row.origin} is used: {row.by}" for row in manager.candidates() if row.by_registry):
        print(line, file=sys.stderr)
