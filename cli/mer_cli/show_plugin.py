"""`mer show-plugin`: a plugin's options and where it comes from, read without importing it. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mer_cli.options import JsonOption, KindOption, RegistryOption
from mer_cli.plugins import plugin_data, plugin_manager, say_registry

if TYPE_CHECKING:
    from mer_core.describe import Description, Option
    from mer_core.manager import Found


def show_plugin(
    name: Annotated[str, typer.Argument(help="The plugin's name, as `mer list-plugins` shows it.")],
    kind: KindOption = None,
    registry_file: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a plugin's options, their defaults and meaning, and where it comes from."""
    from mer_core.describe import describe

    manager = plugin_manager(registry_file)
    say_registry(manager)
    found = manager.find(name, kind)
    description = describe(found.plugin)
    if as_json:
        print(json.dumps(_data(found, description), indent=1, ensure_ascii=False))
    else:
        _show(found, description)


def _data(found: Found, description: Description) -> dict[str, Any]:
    return plugin_data(found) | {
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
