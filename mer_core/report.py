"""All figures of a run, computed from its prediction files and from nothing else."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mer_core.compose import build
from mer_core.data.protocol import SELECTIONS, protocol_of, remark
from mer_core.files import read_json, write_json
from mer_core.listing import read_listing
from mer_core.manager import PluginManager
from mer_core.optimism import ON_TEST
from mer_core.protocols import Evaluator
from mer_core.rundir import Cell, RunDir
from mer_core.spec import PipelineSpec
from mer_core.stored import read_cell, read_selected_on_test
from mer_core.types import Figure, Predictions, Utterance


def evaluate(spec: PipelineSpec, manager: PluginManager, predictions: Predictions) -> dict[str, Figure]:
    """Return the figures of every evaluator of the pipeline."""
    figures: dict[str, Figure] = {}
    for part in spec.evaluators:
        evaluator: Evaluator = build(manager, "evaluator", part, path=f"evaluators.{part.use}")
        figures |= evaluator.evaluate(predictions)
    return figures


def scalars(figures: dict[str, Figure]) -> dict[str, float]:
    """Return the figures that are one number."""
    return {name: value for name, value in figures.items() if isinstance(value, float)}


def write_report(run: RunDir, manager: PluginManager, *, cells: Sequence[Cell] | None = None) -> dict[str, Any]:
    """Compute every figure from the run's predictions, write report.json and return it.

    Raises:
        RunError: a prediction file is missing, or contradicts itself or the run.
    """
    info, listing = run.info(), read_listing(run.utterances)
    spec = PipelineSpec.model_validate(info["spec"])
    rows = [_row(cell, spec, manager, listing) for cell in (cells or run.cells())]
    report = {
        "pipeline": info["pipeline"],
        "classes": info["classes"],
        "protocol": protocol_of(info),
        "select": spec.protocol.select,
        "selection": SELECTIONS[spec.protocol.select],
        "remark": remark(spec.protocol),
        "cells": rows,
        "summary": summarise(rows),
        "optimism": optimism(rows),
        "changed": [name for row in rows for name in row["changed"]],
        "padding": _mean_padding(rows),
        "confusion": _pooled(rows),
        "ceilings": info.get("ceilings", {}),
        "left_out": info.get("left_out", {}),
        "uses_context": info.get("uses_context", {}),
        "remarks": info.get("remarks", []),
        "provenance": info["provenance"] | {"corpus": info["corpus"], "folds_hash": info["folds_hash"]},
    }
    write_json(run.report, report)
    return report


def optimism(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return for each single-number figure what selecting the epoch on test would have claimed, and how much more.

    `last_epoch` has WA and UA on the test fold after the last epoch, as the histories say them. All are means over
    cells; there is nothing where a cell has no record of it.
    """
    if not rows or any(row["on_test"] is None for row in rows):
        return {}
    told = {}
    for name in scalars(rows[0]["figures"]):
        claimed = statistics.fmean(row["on_test"]["figures"][name] for row in rows)
        reported = statistics.fmean(row["figures"][name] for row in rows)
        told[name] = {"claimed": claimed, "difference": claimed - reported}
    last = rows[0]["on_test"]["last_epoch"]
    return told | {
        "last_epoch": {key: statistics.fmean(row["on_test"]["last_epoch"][key] for row in rows) for key in last}
    }


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return for each single-number figure: the mean over cells, and the standard deviations over folds and seeds.

    `sd_folds` is that of the folds' means over seeds, `sd_seeds` that of the seeds' means over folds; each is None
    where there is only one.
    """
    names = list(scalars(rows[0]["figures"])) if rows else []
    return {
        name: {
            "mean": statistics.fmean(row["figures"][name] for row in rows),
            "sd_folds": _sd(rows, "fold", name),
            "sd_seeds": _sd(rows, "seed", name),
        }
        for name in names
    }


def _row(cell: Cell, spec: PipelineSpec, manager: PluginManager, listing: Sequence[Utterance]) -> dict[str, Any]:
    stored, claim = read_cell(cell, listing), read_selected_on_test(cell, listing)
    history = read_json(cell.history)
    padded = [epoch["padding"] for epoch in history["epochs"] if "padding" in epoch]
    files = [(cell.predictions, stored), (cell.selected_on_test, claim)]
    return {
        "seed": cell.seed,
        "fold": cell.fold,
        "utterances": len(stored.predictions.ids),
        "selected_epoch": history["selected_epoch"],
        "padding": statistics.fmean(padded) if padded else None,
        "figures": evaluate(spec, manager, stored.predictions),
        "on_test": claim
        and {
            "selected_epoch": history[ON_TEST]["selected_epoch"],
            "figures": scalars(evaluate(spec, manager, claim.predictions)),
            "last_epoch": history["epochs"][-1][ON_TEST],
        },
        "changed": [str(Path(*path.parts[-3:])) for path, one in files if one and one.changed],
    }


def _mean_padding(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the padding of all trainings, as a share of the real frames; None where runs of an older mer lack it."""
    padded = [row["padding"] for row in rows if row["padding"] is not None]
    return statistics.fmean(padded) if padded else None


def _sd(rows: Sequence[dict[str, Any]], group: str, name: str) -> float | None:
    keys = sorted({row[group] for row in rows})
    means = [statistics.fmean(row["figures"][name] for row in rows if row[group] == key) for key in keys]
    if any(math.isnan(mean) for mean in means):  # statistics.stdev fails on NaN
        return math.nan if len(means) > 1 else None
    return statistics.stdev(means) if len(means) > 1 else None


def _pooled(rows: Sequence[dict[str, Any]]) -> dict[str, list[list[int]]]:
    """Add up each matrix of counts over all cells."""
    matrices: dict[str, list[list[int]]] = {}
    for row in rows:
        for name, figure in row["figures"].items():
            if isinstance(figure, list):
                before = matrices.get(name, [[0] * len(figure)] * len(figure))
                matrices[name] = [
                    [a + b for a, b in zip(x, y, strict=True)] for x, y in zip(before, figure, strict=True)
                ]
    return matrices
