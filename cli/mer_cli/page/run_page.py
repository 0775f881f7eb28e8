"""The page of one run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mer_cli import comparisons, results
from mer_cli.console import Table
from mer_cli.page import browser, confidence, diagnosed, plots, recordings
from mer_cli.page.content import Page, Section
from mer_core.attention import Attention, attends, attention_of
from mer_core.files import read_json
from mer_core.inference import TrainedRun
from mer_core.listing import read_listing
from mer_core.report import write_report
from mer_core.rundir import Cell
from mer_core.statistics import compare, load_system
from mer_core.types import Utterance

ATTENTION = 100
"""Of so many utterances, those with the highest loss, the page shows what the fusion attends to."""


def run_page(trained: TrainedRun) -> Page:
    """Return the page of a run, every figure of it computed from the prediction files.

    Raises:
        RunError: a file of the run is missing or contradicts itself.
    """
    run, info = trained.run, trained.run.info()
    report, listing = write_report(run, trained.manager), read_listing(run.utterances)
    system = load_system(run.path)
    tested = [(trial.fold or "", trial.predictions) for trial in system.trials]
    histories = [read_json(cell.history)["epochs"] for cell in run.cells()]
    curves = plots.losses(histories)
    return Page(
        title=f"{info['pipeline']}: {report['selection']}",
        subtitle=f"{run.path}{results.measured_under(report)}",
        warnings=results.warning_lines(report),
        sections=[
            Section(
                "figures",
                "Figures",
                words=[comparisons.interval_words(compare([system])), *results.beside_lines(report)],
                tables=[results.figures_table(report), *filter(None, [results.ceilings_table(report)])],
                plots=[plots.folds(report["cells"])],
            ),
            Section("confusion", "Confusion", tables=results.confusion_tables(report)),
            Section("training", "Training", plots=[curves] if curves else []),
            confidence.section([trial.predictions for trial in system.trials]),
            diagnosed.section(run.path),
            Section(
                "utterances",
                "Utterances",
                words=[_browser_words(report)],
                browser=_browser(trained, listing, tested),
            ),
            Section(
                "provenance",
                "What produced this",
                tables=[_provenance(report)],
                listing=json.dumps(info["spec"], indent=1, ensure_ascii=False),
            ),
        ],
    )


def _browser_words(report: dict[str, Any]) -> str:
    seeds = len({cell["seed"] for cell in report["cells"]})
    several = f", the mean of {seeds} seeds" if seeds > 1 else ""
    return (
        f"Each utterance as the model that had not seen it judges it{several}. The loss is the cross entropy of the "
        "true class. Choose a cell of the matrix to see its utterances."
    )


def _browser(trained: TrainedRun, listing: Sequence[Utterance], tested: Sequence[Any]) -> dict[str, Any]:
    rows = browser.judged(listing, tested)
    utterances = [row.utterance for row in rows]
    return browser.data(
        rows,
        trained.classes,
        recordings=recordings.embedded(utterances),
        attention=_attention(trained, rows[:ATTENTION]),
    )


def _attention(trained: TrainedRun, rows: Sequence[browser.Judged]) -> dict[str, Attention]:
    """Return the attention of these utterances, by the first seed's model of their fold."""
    if not attends(trained):
        return {}
    cells: dict[str, Cell] = {cell.fold: cell for cell in reversed(trained.cells)}
    wanted: dict[Cell, list[Utterance]] = defaultdict(list)
    for row in rows:
        wanted[cells[row.fold]].append(row.utterance)
    return attention_of(trained, wanted)


def _provenance(report: dict[str, Any]) -> Table:
    told = report["provenance"]
    parts = {**told["plugins"], **told["packages"]}
    rest = {key: value for key, value in told.items() if isinstance(value, str)}
    return Table(columns=["", ""], rows=[[name, str(value)] for name, value in {**rest, **parts}.items()], num_names=2)
