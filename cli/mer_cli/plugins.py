"""The plugin manager of commands that need no pipeline. Imports no torch."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mer_core.manager import Found, PluginManager

FILE_NAME = "registry.toml"


def plugin_manager(registry_file: Path | None) -> PluginManager:
    """Return the installed plugins and those that the user's registry names.

    A registry without a table `plugins`, as the one that ships, is not checked here: building the models of its
    pipelines takes a tenth of a second.

    Raises:
        MerError: the user's registry file cannot be used, or a plugin that it names.
    """
    if registry_file is None and not _names_plugins(Path(FILE_NAME)):
        from mer_core.manager import PluginManager

        return PluginManager()
    from mer_core.registry import load_registry

    return load_registry(registry_file).manager()


def plugin_data(found: Found) -> dict[str, Any]:
    """Return what `--json` says of any plugin."""
    return {
        "kind": found.kind,
        "name": found.plugin.name,
        "summary": found.plugin.summary,
        "distribution": found.origin.name,
        "version": found.origin.version,
        "place": found.origin.place,
    }


def _names_plugins(file: Path) -> bool:
    """Tell whether a registry file names plugins; what cannot be told is left to the registry's own reader."""
    try:
        return "plugins" in tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def say_registry(manager: PluginManager) -> None:
    """Say on stderr which registry file's plugins are used: they run, though nobody installed them."""
    for line in dict.fromkeys(f"{row.origin} is used: {row.by}" for row in manager.candidates() if row.by_registry):
        print(line, file=sys.stderr)
