"""`mer compare`: whether two systems differ, from their stored predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mer_core.statistics import Comparison, System


def compare(
    systems: Annotated[
        list[Path],
        typer.Argument(metavar="SYSTEM...", help="Run directories, or CSV files: id, label, p_<class>…"),
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every figure there as JSON.")
    ] = None,
) -> None:
    """Compare systems by their stored predictions: intervals and paired tests, every pair."""
    from dataclasses import asdict

    from mer_cli import console
    from mer_core.files import write_json
    from mer_core.statistics import compare as compared
    from mer_core.statistics import load_system

    places = [path.resolve() for path in systems]
    for path in sorted({place for place in places if places.count(place) > 1}):
        console.note(f"{path.name} is named {places.count(path)} times: it is compared with itself")
    comparison = compared(_named_apart([load_system(path) for path in systems], systems))
    if json_file is not None:
        write_json(json_file, asdict(comparison))
    _show(comparison)
    if json_file is not None:
        console.line(f"written to: {json_file}")


def _named_apart(systems: Sequence[System], paths: Sequence[Path]) -> list[System]:
    """Return the systems, those of one name called by their paths."""
    from dataclasses import replace

    names = [system.name for system in systems]
    return [
        replace(system, name=str(path)) if names.count(system.name) > 1 else system
        for system, path in zip(systems, paths, strict=True)
    ]


def _show(comparison: Comparison) -> None:
    from mer_cli import comparisons, console
    from mer_core.statistics.words import basis, sentences, signs_line

    for warning in comparison.warnings:
        console.note(warning)
    console.table(comparisons.systems_table(comparison))
    if comparison.pairs:
        console.table(comparisons.differences_table(comparison))
        console.table(comparisons.mcnemar_table(comparison))
    console.line()
    for text in (*sentences(comparison), *map(signs_line, comparison.pairs)):
        console.line(text)
    console.line()
    for text in basis(comparison):
        console.line(text, faint=True)
