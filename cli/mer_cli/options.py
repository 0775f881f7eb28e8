"""Options that several commands share, and how lists are written on the command line."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mer_core.plugin import Kind

Item = TypeVar("Item")


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


RegistryOption = Annotated[
    Path | None,
    typer.Option("--registry", metavar="FILE", help="Registry file; else registry.toml here, else the shipped one."),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.")]
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out utterances that cannot be used, and list them.")
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Neither read nor keep prepared utterances: prepare each anew, every time.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, as `mer run` leaves it.")]
FoldOption = Annotated[str | None, typer.Option("--fold", metavar="NAME", help="Use this fold's models only.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
KindOption = Annotated[Kind | None, typer.Option("--kind", help="One kind of plugin only.")]


def listed(text: str, what: Callable[[str], Item] = str) -> list[Item]:  # type: ignore[assignment]
    """Return the items of `a,b`.

    Raises:
        typer.BadParameter: an item is not what it should be, or there is none.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise typer.BadParameter("names nothing; separate several by commas")
    try:
        return [what(part) for part in parts]
    except ValueError:
        raise typer.BadParameter(f"{text!r}: whole numbers, separated by commas, are needed") from None
