"""`mer show-plugin`: a plugin's options and where it comes from, read without importing it. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import JsonOption, KindOption, RegistryOption
from mer_cli.plugins import plugin_manager

if TYPE_CHECKING:
    from mer_core.describe import Description, Option
    from mer_core.manager import Found, PluginManager
    from mer_core.plugin import Kind


def show_plugin(
    name: Annotated[str, typer.Argument(help="The plugin's name, as `mer list-plugins` shows it.")],
    kind: KindOption = None,
    registry_file: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a plugin's options, their defaults and meaning, and where it comes from."""
    from mer_core.describe import describe

    found = pick(plugin_manager(registry_file), name, kind)
    description = describe(found.plugin)
    if as_json:
        print(json.dumps(_data(found, description), indent=1, ensure_ascii=False))
    else:
        _show(found, description)


def pick(manager: PluginManager, name: str, kind: Kind | None) -> Found:
    """Return the one plugin of that name.

    Raises:
        PluginError: there is none, or there are several of different kinds.
    """
    from mer_core.errors import PluginError, suggest

    if kind is not None:
        return manager.get(kind, name)
    named = [found for found in manager.all() if found.plugin.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        kinds = ", ".join(found.kind for found in named)
        raise PluginError(
            f'"{name}" is the name of several plugins: {kinds}', hint=f"Say which: --kind {named[0].kind}"
        )
    known = [found.plugin.name for found in manager.all()]
    raise PluginError(
        f'plugin "{name}" is not known{suggest(name, known)}. Known: {", ".join(known)}.', hint="See: mer list-plugins"
    )


def _data(found: Found, description: Description) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "name": found.plugin.name,
        "summary": found.plugin.summary,
        "distribution": found.origin.name,
        "version": found.origin.version,
        "place": found.origin.place,
        "target": found.plugin.target,
        "file": str(description.file),
        "line": description.line,
        "doc": description.doc,
        "options": [asdict(option) for option in description.options],
    }


def _show(found: Found, description: Description) -> None:
    from mer_cli import console

    console.heading(f"{found.kind} {found.plugin.name}", found.plugin.summary)
    if description.doc:
        console.paragraphs(description.doc)
    if description.options:
        rows = [_row(option) for option in description.options]
        console.table(console.Table(["option", "type", "default", "meaning"], rows, num_names=4))
    else:
        console.line("\nno options")
    console.line()
    console.names(
        [
            ("from", f"{found.origin} ({found.origin.place})"),
            ("class", found.plugin.target),
            ("source", f"{description.file}:{description.line}"),
        ]
    )


def _row(option: Option) -> list[str]:
    default = "needed" if option.default is None else option.default
    return [option.name, f"{option.type} {option.bounds}".strip(), default, option.meaning]
