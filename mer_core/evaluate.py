"""Scores of a trained run on other data than its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_core.data.apply import relabelled
from mer_core.data.protocol import SELECTIONS
from mer_core.errors import RunError
from mer_core.files import write_json
from mer_core.inference import TrainedRun, check_labels, mean_predictions
from mer_core.provenance import corpus_fingerprint, provenance
from mer_core.report import evaluate, summarise
from mer_core.rundir import Cell, RunDir
from mer_core.scoring import write_predictions
from mer_core.types import Predictions, Utterance


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What each model of a run predicts for the data, the mean of the models, and all figures."""

    each: Mapping[Cell, Predictions]
    together: Predictions
    report: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write report.json, predictions.csv (the mean of the models), and each model's as a run directory has them."""
        for cell, predictions in self.each.items():
            write_predictions(RunDir(folder).cell(cell.seed, cell.fold).predictions, predictions)
        write_predictions(folder / "predictions.csv", self.together)
        write_json(RunDir(folder).report, self.report)


def check_free(folder: Path) -> None:
    """Refuse a place that holds something already.

    Raises:
        RunError: it is a file, or a folder that is not empty.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RunError(f"{folder} exists", hint="Choose another place with --out; nothing was changed.")


def evaluate_trained(
    trained: TrainedRun,
    utterances: Sequence[Utterance],
    *,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score every model of a run, and their mean, on these utterances.

    Raises:
        DataError: labels are missing or are not classes of the run, or utterances cannot be used.
    """
    utterances = relabelled(trained.spec.protocol, utterances)
    check_labels(utterances, trained.classes)
    each, left_out = trained.predict_each(utterances, skip_bad=skip_bad, progress=progress)
    together = mean_predictions(list(each.values()))
    rows = [
        {
            "seed": cell.seed,
            "fold": cell.fold,
            "utterances": len(predictions.ids),
            "figures": evaluate(trained.spec, trained.manager, predictions),
        }
        for cell, predictions in each.items()
    ]
    figures = evaluate(trained.spec, trained.manager, together)
    info, select = trained.run.info(), trained.spec.protocol.select
    report = {
        "run": str(trained.run.path),
        "pipeline": info["pipeline"],
        "classes": list(trained.classes),
        "select": select,
        "selection": SELECTIONS[select],
        "remark": SELECTIONS[select] if select == "test" else "",
        "cells": rows,
        "summary": summarise(rows),
        "together": figures,
        "confusion": {name: figure for name, figure in figures.items() if isinstance(figure, list)},
        "left_out": left_out,
        "uses_context": info.get("uses_context", {}),
        "remarks": info.get("remarks", []),
        "provenance": provenance(trained.spec, trained.manager)
        | {"corpus": corpus_fingerprint([u for u in utterances if u.id not in left_out])},
    }
    return Evaluation(each, together, report)
