"""`mer bench`: this machine's speed at the project's job and at a peer's, as ratios."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mer_cli.options import listed
from mer_cli.words import percent

DEFAULT_ROWS = "usual,tuned,bf16,tasks,overhead"
INTERRUPTED = 130


class Size(StrEnum):
    """Size of the models."""

    base = "base"
    tiny = "tiny"


def bench(
    ctx: typer.Context,
    peer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A peer's training script; it prints its speed as JSON.")
    ] = None,
    scoring_peer: Annotated[Path | None, typer.Option(metavar="FILE", help="A peer's scoring script.")] = None,
    rows: Annotated[
        str, typer.Option(metavar="A,B", help="Of usual, tuned, bf16, gpu, tasks, overhead, scoring.")
    ] = DEFAULT_ROWS,
    size: Annotated[Size, typer.Option(help="Of both encoders.")] = Size.base,
    utterances: Annotated[int, typer.Option(min=1, help="Of random sound, in IEMOCAP's lengths.")] = 64,
    batch_size: Annotated[int, typer.Option(min=1, help="Utterances per batch.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="How often each job runs.")] = 3,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the figures go, as JSON.")] = Path("bench.json"),
) -> None:
    """Compare the project's speed with a peer's, alternating, several times each."""
    from mer_cli import console
    from mer_core.bench.compare import Comparison
    from mer_core.bench.machine import machine
    from mer_core.bench.rows import Settings
    from mer_core.bench.rows import rows as rows_of
    from mer_core.files import write_json

    settings = Settings(size=size.value, utterances=utterances, batch_size=batch_size)
    chosen = rows_of(settings, listed(rows))
    peers = _peers(chosen, {"peer": peer, "scoring peer": scoring_peer})
    before = machine()
    try:
        with tempfile.TemporaryDirectory() as cache:
            taken = Comparison(
                rows=chosen, peers=peers, repeats=repeats, env={"MER_CACHE": cache}, progress=_say
            ).take()
    except KeyboardInterrupt:
        typer.echo("Stopped. Nothing was stored.")
        raise typer.Exit(INTERRUPTED) from None
    write_json(out, {"command": shlex.join(["mer", *ctx.obj]), "machine": before, "repeats": repeats} | taken)
    console.table(_ratios(taken["rows"]))
    if left := [name for name in rows_of(settings, None) if name not in chosen]:
        console.line(f"not measured here: {', '.join(left)} (--rows)")
    for title, jobs in taken["jobs"].items():
        told = jobs[-1]["told"]
        if shares := told.get("shares"):
            console.table(_shares(title, told, shares))
        if "flops" in told:
            console.line(_arithmetic(title, told))
    console.line(f"written to: {out}")


def _peers(chosen: Mapping[str, Any], given: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the script of each side that the rows need.

    Raises:
        typer.BadParameter: one was not given, or is no file.
    """
    sides = {run.side for row in chosen.values() for run in (row.first, row.second)} - {"mer"}
    for side in sorted(sides):
        option, path = f"--{side.replace(' ', '-')}" if side != "peer" else "--peer", given[side]
        if path is None:
            needing = ", ".join(name for name, row in chosen.items() if side in (row.first.side, row.second.side))
            raise typer.BadParameter(f"the rows {needing} need {option} FILE, a script of yours")
        if not path.is_file():
            raise typer.BadParameter(f"{option}: there is no file {path}")
    return {side: path for side, path in given.items() if path is not None}


def _say(title: str, number: int, total: int) -> None:
    print(f"{number} of {total}  {title}", flush=True)


def _ratios(rows: Mapping[str, Mapping[str, Any]]) -> Any:
    from mer_cli.console import Table

    shown = [
        [
            row["work"],
            row["against"].replace("`", ""),
            f"{row['utterances_per_second']:.3g}",
            f"{row['others_utterances_per_second']:.3g}",
            f"{row['ratio']:.2f}",
            f"{row['lowest']:.2f}–{row['highest']:.2f}",
            row["asked"],
            "yes" if row["met"] else "no",
            f"{row['peak_gib']:.1f}",
            f"{row['others_peak_gib']:.1f}",
        ]
        for row in rows.values()
    ]
    columns = ["work", "against", "mer, utt/s", "other, utt/s", "ratio", "spread", "asked", "met", "GiB", "other GiB"]
    return Table(columns, shown, "median of the ratios", num_names=2)


def _shares(title: str, told: Mapping[str, Any], shares: Mapping[str, float]) -> Any:
    from mer_cli.console import Table

    front_end = f"read, loaded and front end: {told['prepare_s']:.1f} s before; padding {told['padding']:.3f}"
    return Table(["part", "%"], [[part, percent(share)] for part, share in shares.items()], f"{title}\n{front_end}")


def _arithmetic(title: str, told: Mapping[str, Any]) -> str:
    speed, most = (flops / 1e9 for flops in (told["flops"] / told["seconds"], told["peak_flops"]))
    share = f"{percent(told['utilisation'])} % of this machine's {most:,.0f}"
    return f"arithmetic of {title}: {told['flops'] / 1e12:,.3g} TFLOP, {speed:,.0f} GFLOP/s, {share}"
