"""Systems from where they lie: a run directory, or a file of other people's predictions."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mer_core.data.protocol import protocol_in, remark
from mer_core.errors import DataError, RunError
from mer_core.files import read_utf8
from mer_core.listing import read_listing
from mer_core.rundir import RunDir
from mer_core.scoring import not_a_number
from mer_core.statistics.systems import System, Trial
from mer_core.stored import read_cell
from mer_core.types import Predictions

NEEDED = ("id", "label")
PREFIX = "p_"
FORMAT = "Columns: id, label, and p_<class> for each class, or predicted."
ROUNDING = 0.005
"""How far a probability may be off: two decimals are enough."""


def load_system(path: Path) -> System:
    """Return the system of a run directory, or of a CSV file of predictions. Its name is that of the place.

    Raises:
        RunError: a fold of the run has no predictions, or a file of it contradicts the run.
        DataError: the CSV file cannot be used.
    """
    return _imported(path) if path.suffix.lower() == ".csv" else _of_run(path)


def _of_run(path: Path) -> System:
    run = RunDir(path)
    cells, listing = list(run.cells()), read_listing(run.utterances)
    missing = [cell for cell in cells if not cell.predictions.is_file()]
    if missing:
        raise RunError(
            f"{len(missing)} of {len(cells)} folds and seeds of {path} have no predictions, for example fold "
            f"{missing[0].fold} with seed {missing[0].seed}",
            hint=f"Finish it first: the same mer run as before, with --resume --out {path}",
        )
    stored = {cell: read_cell(cell, listing) for cell in cells}
    name, info = path.resolve().name, run.info()
    warnings = [f"{cell.predictions} was changed after the run wrote it" for cell in cells if stored[cell].changed]
    if told := remark(protocol_in(info)):
        warnings.append(f"{name}: {told}")
    return System(
        name=name,
        trials=tuple(Trial(cell.seed, cell.fold, stored[cell].predictions) for cell in cells),
        utterances={u.id: u for u in listing},
        info=info,
        warnings=tuple(warnings),
    )


def _imported(path: Path) -> System:
    try:
        reader = csv.reader(io.StringIO(read_utf8(path), newline=""))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist", hint="Name a run directory or a CSV file of predictions.") from None
    try:
        header, *rows = list(reader) or [[]]
    except csv.Error as cause:
        place = f"{path}, line {reader.line_num}"
        raise DataError(f"{place}: not comma-separated values ({cause})", hint=FORMAT) from cause
    _check_columns(path, header, rows)
    if any(name.startswith(PREFIX) for name in header):
        predictions = _with_probabilities(path, header, rows)
    else:
        predictions = _with_classes(header, rows)
    return System(name=path.stem, trials=(Trial(None, None, predictions),), warnings=_ties(path, predictions))


def _check_columns(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    given = "predicted" in header or any(name.startswith(PREFIX) for name in header)
    lacking = [name for name in NEEDED if name not in header] + ([] if given else ["predicted or p_<class>"])
    if lacking:
        raise DataError(f"{path} has no column {', '.join(lacking)}; it has {', '.join(header) or 'none'}", hint=FORMAT)
    if not rows:
        raise DataError(f"{path} has no predictions", hint=FORMAT)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(f"{path}, line {number}: {len(row)} values for {len(header)} columns", hint=FORMAT)
    first: dict[str, int] = {}
    for number, id_ in enumerate(_column(header, rows, "id"), start=2):
        if first.setdefault(id_, number) != number:
            fact = f'id "{id_}" is on line {first[id_]} too'
            raise DataError(f"{path}, line {number}: {fact}", hint="Keep one prediction for each utterance.")


def _with_probabilities(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Predictions:
    columns = [i for i, name in enumerate(header) if name.startswith(PREFIX)]
    classes = [header[i].removeprefix(PREFIX) for i in columns]
    for number, row in enumerate(rows, start=2):
        if problem := _problem({header[i]: row[i] for i in columns}):
            raise DataError(
                f"{path}, line {number}: {problem}",
                hint="A row's probabilities lie in 0..1 and sum to 1, to two decimals.",
            )
    p_NC = torch.tensor([[float(row[i]) for i in columns] for row in rows])
    if "predicted" in header:
        _check_agreement(path, classes, _column(header, rows, "predicted"), p_NC)
    return Predictions(_column(header, rows, "id"), classes, _column(header, rows, "label"), p_NC)


def _check_agreement(path: Path, classes: Sequence[str], predicted: Sequence[str], p_NC: Tensor) -> None:
    for number, (name, p_C) in enumerate(zip(predicted, p_NC, strict=True), start=2):
        largest = classes[int(p_C.argmax())]
        if name not in classes or p_C[classes.index(name)] < p_C.max() - 2 * ROUNDING:
            raise DataError(
                f"{path}, line {number}: predicted is {name}, but the largest probability is that of {largest}",
                hint="Leave out one of the two: predicted, or the p_<class> columns.",
            )


def _ties(path: Path, predictions: Predictions) -> tuple[str, ...]:
    """Return what must be said where no class is the most probable one alone."""
    tied = int(((predictions.p_NC == predictions.p_NC.max(1, keepdim=True).values).sum(1) > 1).sum())
    told = f"{path}: {tied} of {len(predictions.ids)} predictions have several most probable classes; the first counts"
    return (told,) if tied else ()


def _problem(values: Mapping[str, str]) -> str:
    for column, value in values.items():
        if wrong := not_a_number(column, value):
            return wrong
    p_C = [float(value) for value in values.values()]
    if not all(0 <= p <= 1 for p in p_C):
        return f"a probability is {next(p for p in p_C if not 0 <= p <= 1)}"
    sums_up = math.isclose(sum(p_C), 1.0, abs_tol=ROUNDING * len(p_C) + 1e-6)
    return "" if sums_up else f"the probabilities add up to {sum(p_C):.4f}, not 1"


def _with_classes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Predictions:
    """Return predictions that are certain: only the class is known."""
    labels, predicted = _column(header, rows, "label"), _column(header, rows, "predicted")
    classes = sorted({*labels, *predicted})
    number = {name: i for i, name in enumerate(classes)}
    p_NC = torch.zeros(len(rows), len(classes))
    p_NC[torch.arange(len(rows)), torch.tensor([number[name] for name in predicted])] = 1.0
    return Predictions(_column(header, rows, "id"), classes, labels, p_NC)


def _column(header: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> list[str]:
    place = header.index(name)
    return [row[place] for row in rows]
