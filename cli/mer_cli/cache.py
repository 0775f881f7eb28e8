"""`mer cache`: what is kept of prepared utterances. Imports no torch before a command runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from mer_cli.options import JsonOption


class Action(StrEnum):
    """What to do with the cache."""

    info = "info"
    clear = "clear"
    verify = "verify"


DAMAGED = 1


def cache(action: Annotated[Action, typer.Argument(help="What to do.")], as_json: JsonOption = False) -> None:
    """Show, empty or check the cache of prepared utterances.

    It lies in MER_CACHE, else in your cache folder, and grows to MER_CACHE_LIMIT (50GB) at most; what was not used for
    longest gives way. `info` says how much is there, `clear` removes it, `verify` reads all of it, names what is
    damaged, takes it out, and ends with 1 where there was some.
    """
    {Action.info: _info, Action.clear: _clear, Action.verify: _verify}[action](as_json=as_json)


def _info(*, as_json: bool) -> None:
    from mer_cli import console
    from mer_core.data.cache import info
    from mer_core.data.store import cache_limit, default_store

    folder, there = default_store().folder, info(default_store().folder)
    if as_json:
        print(json.dumps({"folder": str(folder), "limit_bytes": int(cache_limit()), **asdict(there)}, indent=1))
        return
    size, limit = _size(there.num_bytes), _size(cache_limit())
    console.names(
        [("folder", str(folder)), ("items", str(there.items)), ("size", f"{size} of {limit}, {there.packs} packs")]
    )


def _clear(*, as_json: bool) -> None:
    from mer_cli import console
    from mer_core.data.cache import clear
    from mer_core.data.store import default_store

    gone = clear(default_store().folder)
    if as_json:
        print(json.dumps(asdict(gone), indent=1))
    else:
        console.line(f"{gone.items} items removed, {_size(gone.num_bytes)}")


def _verify(*, as_json: bool) -> None:
    from mer_cli import console
    from mer_core.data.cache import verify
    from mer_core.data.store import default_store

    with console.preparing("bytes checked:") as progress:
        sound, damaged = verify(default_store().folder, progress)
    if as_json:
        rows = [{"of": one.of, "key": one.key, "pack": str(one.pack)} for one in damaged]
        print(json.dumps({"sound": sound, "damaged": rows}, indent=1))
    else:
        for one in damaged:
            console.line(f"damaged, removed: {one.of or one.key}, in {one.pack}")
        console.line(f"{sound} items are sound, {len(damaged)} were damaged")
    if damaged:
        raise typer.Exit(DAMAGED)


def _size(num_bytes: int) -> str:
    from pydantic import ByteSize

    return ByteSize(num_bytes).human_readable(decimal=True, separator=" ")
