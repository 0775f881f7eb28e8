"""`mer evaluate`: the figures of a trained run on other data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mer_cli.options import Device, DeviceOption, FoldOption, NoCacheOption, RegistryOption, RunArgument, SkipBadOption

if TYPE_CHECKING:
    from mer_core.evaluate import Evaluation


def evaluate(
    run: RunArgument,
    data: Annotated[str, typer.Option(metavar="CORPUS[:PATH]", help="demo, iemocap:DIR or manifest:FILE.csv|jsonl.")],
    fold: FoldOption = None,
    device: DeviceOption = Device.auto,
    registry_file: RegistryOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write predictions and report.json there; else nothing.")
    ] = None,
    skip_bad: SkipBadOption = False,
    no_cache: NoCacheOption = False,
) -> None:
    """Score a trained run on other data."""
    from mer_cli import console
    from mer_cli.quiet import quiet_libraries
    from mer_core.registry import load_registry

    quiet_libraries()
    manager = load_registry(registry_file).manager()

    from mer_core.data.store import chosen_store
    from mer_core.evaluate import check_free, evaluate_trained
    from mer_core.inference import open_trained, overlap, read_utterances

    if out is not None:
        check_free(out)
    trained = open_trained(run, manager, device=device.value, fold=fold, store=chosen_store(no_cache=no_cache))
    utterances = read_utterances(manager, data)
    if shared := overlap(trained.run, utterances):
        console.note(
            f"{shared} of {len(utterances)} utterances have an id of the corpus this run was trained on: "
            "these are no figures of unseen speech"
        )
    for modality, count in trained.lacking(utterances, skip_bad=skip_bad).items():
        console.note(f"{count} of {len(utterances)} utterances have no {modality}; the run goes without")
    with console.preparing() as progress:
        evaluation = evaluate_trained(trained, utterances, skip_bad=skip_bad, progress=progress)
    if out is not None:
        evaluation.write(out)
    _show(evaluation, out)


def _show(evaluation: Evaluation, out: Path | None) -> None:
    from mer_cli import console, results

    report = evaluation.report
    console.table(results.figures_table(report))
    for matrix in results.confusion_tables(report):
        console.table(matrix)
    console.line()
    for text in [*results.remark_lines(report), *results.left_out_lines(report)]:
        console.line(text)
    if out is not None:
        console.line(f"written to: {out}")
