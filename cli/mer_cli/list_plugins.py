"""`mer list-plugins`: what can be named in a registry file or on the command line. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import JsonOption, KindOption, RegistryOption
from mer_cli.plugins import plugin_data, plugin_manager

if TYPE_CHECKING:
    from mer_core.manager import Candidate, Found, PluginManager

USED = ("loaded", "shadowed")
"""States that need no word: its plugins are there, be it by another way."""


def list_plugins(
    kind: KindOption = None,
    why: Annotated[
        bool, typer.Option("--why", help="Show everything that may bring plugins, and what became of it.")
    ] = False,
    registry_file: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the plugins that are installed or named by the registry.

    MER_DISABLE_PLUGINS=NAME,NAME switches off plugins, distributions or plugin files by name, for every command;
    MER_TRACE_PLUGINS=1 shows the traceback of a plugin that is broken.
    """
    manager = plugin_manager(registry_file)
    candidates = manager.candidates(kind)
    if why:
        _show_why(manager, candidates, as_json=as_json)
    elif as_json:
        unusable = [_candidate(row) for row in candidates if row.state not in USED]
        print(
            json.dumps({"plugins": [plugin_data(found) for found in manager.all(kind)], "unusable": unusable}, indent=1)
        )
    else:
        _show(manager, manager.all(kind), candidates)


def _candidate(row: Candidate) -> dict[str, Any]:
    return {
        "distribution": row.origin.name,
        "version": row.origin.version,
        "place": row.origin.place,
        "by": row.by,
        "state": row.state,
        "reason": row.reason,
        "plugins": [{"kind": found.kind, "name": found.plugin.name} for found in row.found],
        "printed": row.printed,
    }


def _show(manager: PluginManager, plugins: Sequence[Found], candidates: Sequence[Candidate]) -> None:
    from mer_cli import console

    rows = [[found.kind, found.plugin.name, found.plugin.summary, str(found.origin)] for found in plugins]
    console.table(console.Table(["kind", "name", "summary", "from"], rows, num_names=4))
    for text in _remarks(manager, candidates):
        console.note(text)


def _remarks(manager: PluginManager, candidates: Sequence[Candidate]) -> list[str]:
    """Return a line for each thing that is not used, for what nothing is called, and for the registry that is used."""
    clashes = {row.reason: f"not usable: {row.reason}" for row in candidates if row.state == "clash"}
    others = [
        f"not usable: {row.origin} ({row.origin.place}): {row.state}: {row.reason}{_names(row, ': ')}"
        for row in candidates
        if row.state not in (*USED, "clash")
    ]
    registry = {f"{row.origin} is used: {row.by}": None for row in candidates if row.by_registry}
    return [*registry, *clashes.values(), *others, *_unknown(manager)]


def _unknown(manager: PluginManager) -> list[str]:
    return [f"MER_DISABLE_PLUGINS names {name}, and nothing here is called that" for name in manager.unknown_disabled]


def _names(row: Candidate, before: str = "") -> str:
    names = ", ".join(f"{found.kind} {found.plugin.name}" for found in row.found)
    return f"{before}{names}" if names else ""


def _show_why(manager: PluginManager, candidates: Sequence[Candidate], *, as_json: bool) -> None:
    from mer_core import API_VERSION

    if as_json:
        rows = [_candidate(row) for row in candidates]
        data = {"api_version": API_VERSION, "candidates": rows, "unknown_disabled": manager.unknown_disabled}
        print(json.dumps(data, indent=1, ensure_ascii=False))
        return
    from mer_cli import console

    shown = [[str(row.origin), row.by, row.state, _told(row)] for row in candidates]
    console.table(console.Table(["from", "named by", "state", "plugins, or why not"], shown, num_names=4))
    console.line(f"\nplugin API {API_VERSION}")
    for text in _unknown(manager):
        console.note(text)


def _told(row: Candidate) -> str:
    """Return a candidate's plugins, why they are not used, and the first line of what its import printed."""
    first, _, more = row.printed.strip().partition("\n")
    printed = f"prints when imported: {first!r}{' …' if more else ''}" if row.printed.strip() else ""
    return "; ".join(filter(None, (_names(row), row.reason, printed))) or "no plugins"
