"""`mer protocol`: what figures can be measured under, in words. Imports no torch."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mer_cli.options import JsonOption, RegistryOption

if TYPE_CHECKING:
    from mer_core.spec import ProtocolSpec


class Action(StrEnum):
    """What to show."""

    list = "list"
    show = "show"


def protocol(
    action: Annotated[Action, typer.Argument(help="All protocols, or what one says.")],
    name: Annotated[str | None, typer.Argument(help="The protocol to show.")] = None,
    registry_file: RegistryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the protocols of the registry, or say in words what one does.

    `mer run --protocol NAME` uses one. Add your own as tables [protocols.NAME] of a registry file.
    """
    from mer_core.registry import load_registry

    if (name is None) == (action is Action.show):
        raise typer.BadParameter("`list` takes no name, `show NAME` needs one")
    known = load_registry(registry_file)
    if name is None:
        _list(known.spec.protocols, as_json=as_json)
    else:
        known.protocol(name)
        _show(name, known.spec.protocols[name], as_json=as_json)


def _list(protocols: dict[str, ProtocolSpec], *, as_json: bool) -> None:
    from mer_cli import console
    from mer_core.data.protocol import protocol_hash

    rows = {name: (one.summary, protocol_hash(one)) for name, one in protocols.items()}
    if as_json:
        print(json.dumps([{"name": n, "summary": s, "hash": h} for n, (s, h) in rows.items()], indent=1))
    else:
        shown = [[name, summary, digest[:8]] for name, (summary, digest) in rows.items()]
        console.table(console.Table(["name", "summary", "hash"], shown, num_names=3))


def _show(name: str, spec: ProtocolSpec, *, as_json: bool) -> None:
    from mer_cli import console
    from mer_core.data.protocol import in_words, protocol_hash

    digest, told = protocol_hash(spec), list(in_words(spec))
    if as_json:
        settings = spec.model_dump(mode="json", exclude={"summary"})
        data = {"name": name, "summary": spec.summary, "hash": digest, "in_words": told, "settings": settings}
        print(json.dumps(data, indent=1, ensure_ascii=False))
        return
    console.heading(f"protocol {name}", spec.summary)
    console.line()
    for text in told:
        console.line(text)
    console.line()
    console.names([("hash", digest), ("use it", f"mer run --protocol {name}")])
