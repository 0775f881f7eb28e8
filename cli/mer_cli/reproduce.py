"""`mer reproduce`: the tables of a paper, every row trained and tested alike, in one command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mer_cli.options import Device, DeviceOption, NoCacheOption, RegistryOption, SkipBadOption
from mer_cli.run import INTERRUPTED

if TYPE_CHECKING:
    from mer_core.tables.reproduce import Reproduction

Engine = Literal["processes", "ray"]
FAILED = 1


def reproduce(
    ctx: typer.Context,
    data: Annotated[
        str | None, typer.Option(metavar="CORPUS[:PATH]", help="iemocap:DIR or another corpus; demo if not given.")
    ] = None,
    tables: Annotated[
        list[str] | None, typer.Option("--table", metavar="NAME", help="A table of the registry; repeatable.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="What rows depart from: paper with --data, else demo.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="What figures are measured under: mer protocol list.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Train every fold with the seeds 1 to N.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Folds at once; else by cores and memory.")] = None,
    engine: Annotated[Engine, typer.Option(help="What runs the folds: processes here, or Ray.")] = "processes",
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster; else Ray is started on this machine.")
    ] = None,
    device: DeviceOption = Device.auto,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set a key of every row; repeatable.")
    ] = None,
    registry_file: RegistryOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where tables and rows are kept; else tables/PIPELINE.")
    ] = None,
    skip_bad: SkipBadOption = False,
    no_cache: NoCacheOption = False,
) -> None:
    """Make the tables of a paper: train and test every row, and show it beside what was published.

    The same command again goes on where it was cut off, and tries again what failed.
    """
    from mer_cli.quiet import quiet_libraries
    from mer_core.data.store import chosen_store
    from mer_core.registry import load_registry
    from mer_core.resolve import Overrides
    from mer_core.tables.rows import default_tables

    quiet_libraries()
    registry = load_registry(registry_file)
    base = pipeline or ("paper" if data else "demo")
    from mer_core.tables.reproduce import Reproduction

    reproduction = Reproduction(
        registry=registry,
        manager=registry.manager(),
        tables=list(dict.fromkeys(tables or default_tables(registry))),
        pipeline=base,
        overrides=Overrides(data=data, protocol=protocol, sets=sets or ()),
        out=out or Path("tables") / base,
        seeds=range(1, seeds + 1),
        device=device.value,
        jobs=jobs,
        skip_bad=skip_bad,
        store=chosen_store(no_cache=no_cache),
        engine=_engine(engine, address),
    )
    try:
        made = _watched(reproduction)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. Go on with: {shlex.join(['mer', *ctx.obj])}")
        raise typer.Exit(INTERRUPTED) from None
    _show(made, reproduction.out)
    if any(row["failed"] for table in made for row in table["rows"]):
        raise typer.Exit(FAILED)


def _engine(name: Engine, address: str | None) -> Callable[..., None]:
    if name == "ray":
        from mer_core.ray_cells import RayEngine

        return RayEngine(address)
    if address is not None:
        raise typer.BadParameter("--address is for --engine ray")
    from mer_core.workers import in_processes

    return in_processes


def _watched(reproduction: Reproduction) -> list[dict[str, Any]]:
    from dataclasses import replace

    from mer_cli import grid

    with grid.watch(remark=reproduction.remark()) as listener:
        return replace(reproduction, listener=listener).run()


def _show(made: Sequence[Mapping[str, Any]], out: Path) -> None:
    from mer_cli import console, tables

    for table in made:
        for warning in table["warnings"]:
            console.note(warning)
        for shown in tables.shown(table):
            console.table(shown)
        console.line()
        for text in tables.lines(table):
            console.line(text)
    console.line(f"tables: {out}")
