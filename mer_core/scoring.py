"""Predict once; the file it is written to is the one source of every figure."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from accelerate import Accelerator

from mer_core import ranks
from mer_core.data.batches import plan_scoring
from mer_core.data.examples import Examples, device_of
from mer_core.data.loading import on_device
from mer_core.errors import DataError, RunError
from mer_core.files import read_utf8, write_text
from mer_core.pipeline import Pipeline
from mer_core.types import Predictions

SCORING_BATCH = 32
_FIXED = ["id", "label", "predicted"]


@torch.inference_mode()
def predict(
    pipeline: Pipeline, examples: Examples, indices: Sequence[int], *, accelerator: Accelerator | None = None
) -> Predictions:
    """Return the class probabilities of the utterances at `indices`, in that order."""
    was_training = pipeline.training
    pipeline.eval()
    lengths = examples.lengths
    plan = plan_scoring(range(len(indices)), [lengths[i] for i in indices], batch_size=SCORING_BATCH)
    plan = plan[ranks.rank() :: ranks.world()]
    p_NC, device = torch.zeros(len(indices), len(examples.classes)), device_of(pipeline)
    with closing(on_device(pipeline, examples, [[indices[i] for i in part] for part in plan], device)) as batches:
        for part, batch in zip(plan, batches, strict=True):
            with accelerator.autocast() if accelerator else torch.autocast("cpu", enabled=False):
                logits_BC = pipeline(batch).logits_BC
            p_NC[part] = logits_BC.float().softmax(-1).cpu()
    pipeline.train(was_training)
    p_NC = ranks.total(p_NC.to(device)).cpu()
    chosen = [examples.utterances[i] for i in indices]
    return Predictions([u.id for u in chosen], examples.classes, [u.label or "" for u in chosen], p_NC)


def predictions_text(predictions: Predictions) -> str:
    """Return predictions as CSV: columns id, label, predicted, then p_<class> for each class."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow([*_FIXED, *(f"p_{name}" for name in predictions.classes)])
    columns = zip(predictions.ids, predictions.labels, predictions.predicted, predictions.p_NC.tolist(), strict=True)
    for id_, label, predicted, p_C in columns:
        rows.writerow([id_, label, predicted, *(f"{p:.9g}" for p in p_C)])
    return file.getvalue()


def digest_of(text: str) -> str:
    """Return the BLAKE2b of a file's text, 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write `predictions_text` to a file, all or nothing."""
    write_text(path, predictions_text(predictions))


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        RunError: the file is missing, or was changed so that it contradicts itself.
    """
    try:
        header, *rows = list(csv.reader(io.StringIO(read_utf8(path), newline=""))) or [[]]
    except FileNotFoundError:
        raise RunError(f"{path} is missing", hint="Go on with mer run --resume: the fold is trained again.") from None
    except DataError as cause:
        raise RunError(cause.message, hint="Run the fold again.") from cause
    except csv.Error as cause:
        raise RunError(f"{path} is damaged: {cause}", hint="Run the fold again.") from cause
    classes = [name.removeprefix("p_") for name in header[len(_FIXED) :]]
    if header[: len(_FIXED)] != _FIXED or not classes or not rows:
        raise RunError(f"{path} is not a file of predictions", hint=f"Its columns are {', '.join(_FIXED)}, p_<class>….")
    for number, row in enumerate(rows, start=2):
        if wrong := _malformed(header, row):
            raise RunError(f"{path}, line {number}: {wrong}", hint="Run the fold again.")
    p_NC = torch.tensor([[float(p) for p in row[len(_FIXED) :]] for row in rows])
    predictions = Predictions([row[0] for row in rows], classes, [row[1] for row in rows], p_NC)
    _check(path, predictions, [row[2] for row in rows])
    return predictions


def not_a_number(column: str, value: str) -> str:
    """Return what is wrong with a value that should be a number, or nothing."""
    try:
        float(value)
    except ValueError:
        return f'{column} is "{value}", not a number'
    return ""


def _malformed(header: Sequence[str], row: Sequence[str]) -> str:
    if len(row) != len(header):
        return f"{len(row)} values for {len(header)} columns"
    cells = list(zip(header, row, strict=True))[len(_FIXED) :]
    return next(filter(None, (not_a_number(column, value) for column, value in cells)), "")


def _check(path: Path, predictions: Predictions, predicted: Sequence[str]) -> None:
    rows = zip(predictions.ids, predictions.labels, predicted, predictions.p_NC.tolist(), strict=True)
    seen: set[str] = set()
    for number, (id_, label, name, p_C) in enumerate(rows, start=2):
        wrong = _contradiction(predictions.classes, label, name, p_C) or (id_ in seen and f"{id_} has come before")
        if wrong:
            raise RunError(
                f"{path}, line {number}: {wrong}", hint="It was changed after it was written: run the fold again."
            )
        seen.add(id_)


def _contradiction(classes: Sequence[str], label: str, predicted: str, p_C: Sequence[float]) -> str:
    """Return what is wrong with a row, or nothing."""
    if label not in classes:
        return f"label {label!r} is none of the classes {', '.join(classes)}"
    if predicted not in classes or p_C[classes.index(predicted)] < max(p_C):
        return f"predicted is {predicted!r}, but another class is more probable"
    if not math.isclose(sum(p_C), 1.0, abs_tol=1e-3):
        return f"the probabilities add up to {sum(p_C):.4f}, not 1"
    return ""
