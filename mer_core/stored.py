"""Predictions of a run as they lie on disk, held against the run's own utterances before a figure is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_core.errors import RunError
from mer_core.files import read_json
from mer_core.optimism import ON_TEST
from mer_core.rundir import Cell
from mer_core.scoring import digest_of, read_predictions
from mer_core.types import Predictions, Utterance


@dataclass(frozen=True, slots=True)
class Stored:
    """The predictions of one cell, and whether their file is another than the one that the run wrote."""

    predictions: Predictions
    changed: bool


def read_cell(cell: Cell, listing: Sequence[Utterance]) -> Stored:
    """Read a cell's predictions.

    A file that was changed and still makes sense is used, since figures follow the files; `changed` says so.

    Args:
        cell: the fold and seed.
        listing: the utterances of the run.

    Raises:
        RunError: the file is missing, contradicts itself, or has utterances or labels that are not those of the run.
    """
    return _read(cell.predictions, read_json(cell.history), listing)


def read_selected_on_test(cell: Cell, listing: Sequence[Utterance]) -> Stored | None:
    """Read the predictions of the epoch that selecting on test would have taken; None where the run recorded none.

    Raises:
        RunError: as `read_cell` does.
    """
    told = read_json(cell.history).get(ON_TEST)
    if told and not cell.selected_on_test.is_file():
        raise RunError(
            f"{cell.selected_on_test} is missing",
            hint=f"Remove {cell.predictions.name} beside it and go on with mer run --resume to train the fold again.",
        )
    return _read(cell.selected_on_test, told, listing) if told else None


def _read(path: Path, told: Mapping[str, Any], listing: Sequence[Utterance]) -> Stored:
    predictions = read_predictions(path)
    labels = {u.id: u.label for u in listing}
    for id_, label in zip(predictions.ids, predictions.labels, strict=True):
        if id_ not in labels:
            raise _tampered(path, f"{id_} is no utterance of the run")
        if label != labels[id_]:
            raise _tampered(path, f"{id_} is labelled {label}, in the run {labels[id_]}")
    return Stored(predictions, changed=told.get("predictions_digest") != digest_of(path.read_bytes().decode()))


def _tampered(path: Path, fact: str) -> RunError:
    return RunError(f"{path}: {fact}", hint="The file was changed after it was written: run the fold again.")
