"""`mer list-plugins`: what can be named in a registry file or on the command line. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mer_cli.options import JsonOption, KindOption, RegistryOption
from mer_cli.plugins import plugin_manager

if TYPE_CHECKING:
    from mer_core.manager import Broken, Found


def list_plugins(kind: KindOption = None, registry_file: RegistryOption = None, as_json: JsonOption = False) -> None:
    """List the plugins that are installed or named by the registry."""
    manager = plugin_manager(registry_file)
    if as_json:
        print(json.dumps({"plugins": _rows(manager.all(kind)), "broken": _broken(manager.broken)}, indent=1))
    else:
        _show(manager.all(kind), manager.broken)


def _rows(plugins: Sequence[Found]) -> list[dict[str, Any]]:
    return [
        {
            "kind": found.kind,
            "name": found.plugin.name,
            "summary": found.plugin.summary,
            "distribution": found.origin.name,
            "version": found.origin.version,
            "place": found.origin.place,
        }
        for found in plugins
    ]


def _broken(broken: Sequence[Broken]) -> list[dict[str, str]]:
    return [{"distribution": str(b.origin), "place": b.origin.place, "cause": first_line(b.cause)} for b in broken]


def first_line(cause: BaseException) -> str:
    """Return an error's type and the first line of what it says."""
    text = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def _show(plugins: Sequence[Found], broken: Sequence[Broken]) -> None:
    from mer_cli import console

    rows = [[found.kind, found.plugin.name, found.plugin.summary, str(found.origin)] for found in plugins]
    console.table(console.Table(["kind", "name", "summary", "from"], rows, num_names=4))
    for row in _broken(broken):
        console.note(f"not usable: {row['distribution']} ({row['place']}): {row['cause']}")
