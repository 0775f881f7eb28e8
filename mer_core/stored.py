"""Predictions of a run as they lie on disk, held against the run's own utterances before a figure is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mer_core.errors import RunError
from mer_core.files import read_json
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
    predictions = read_predictions(cell.predictions)
    labels = {u.id: u.label for u in listing}
    for id_, label in zip(predictions.ids, predictions.labels, strict=True):
        if id_ not in labels:
            raise _tampered(cell, f"{id_} is no utterance of the run")
        if label != labels[id_]:
            raise _tampered(cell, f"{id_} is labelled {label}, in the run {labels[id_]}")
    now = digest_of(cell.predictions.read_bytes().decode())
    return Stored(predictions, changed=read_json(cell.history).get("predictions_digest") != now)


def _tampered(cell: Cell, fact: str) -> RunError:
    return RunError(
        f"{cell.predictions}: {fact}", hint="The file was changed after it was written: run the fold again."
    )
