"""A trained run looked into: every model on the test side of its own fold."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.metrics import recall_score

from mer_core.checkpoint import load_weights
from mer_core.diagnosis.calibration import Calibration, RiskCoverage, calibration, risk_coverage
from mer_core.diagnosis.credit import shapley
from mer_core.diagnosis.exchange import Exchanged, exchange, modalities
from mer_core.diagnosis.slices import slices
from mer_core.files import read_json, write_text
from mer_core.inference import TrainedRun
from mer_core.listing import read_listing
from mer_core.rundir import Cell
from mer_core.seeds import derive_seed
from mer_core.stored import read_cell
from mer_core.types import Utterance


@dataclass(frozen=True, slots=True)
class Score:
    """WA and UA under one condition: the mean over folds and seeds, as a run's table has them."""

    condition: str
    wa: float
    ua: float


@dataclass(frozen=True, slots=True)
class Slice:
    """Some utterances, those of all folds and seeds together.

    Args:
        group: what they have in common.
        utterances: how many, each counted once per seed.
        wa: their accuracy, `ua` the mean recall of the classes that occur among them.
        credit: by modality, what it adds to the probability of the true class; empty with one modality.
        baseline: that probability when nothing of the utterance is known.
    """

    group: str
    utterances: int
    wa: float
    ua: float
    credit: Mapping[str, float]
    baseline: float | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that `mer diagnose` tells, as data.

    Args:
        modalities: that the run reads.
        scores: with all of it, and with each modality removed or exchanged.
        slices: by grouping; `all` and `class` are always there.
        gradients: by auxiliary task, the cosine of its gradient with that of the main loss, per epoch, the mean over
            folds and seeds; empty where the run has no such task or was made before it was recorded.
    """

    run: str
    modalities: tuple[str, ...]
    scores: tuple[Score, ...]
    slices: Mapping[str, tuple[Slice, ...]]
    gradients: Mapping[str, tuple[float, ...]]
    calibration: Calibration
    risk_coverage: RiskCoverage
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell: its test utterances, their true classes by number, and what was made of them."""

    cell: Cell
    utterances: Sequence[Utterance]
    label_N: Int[ndarray, " N"]
    p_NC: Float[ndarray, "N C"]
    """As it is stored."""
    exchanged: Exchanged
    credit: Mapping[str, Float[ndarray, "N C"]]


def judge(trained: TrainedRun, *, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Judged]:
    """Run every model on its own test fold.

    Raises:
        RunError: a prediction file is missing or contradicts the run.
        DataError: recordings that are needed are no longer there.
    """
    listing = read_listing(trained.run.utterances)
    pipeline, examples, _ = trained.prepared(listing, progress=progress)
    place = {u.id: i for i, u in enumerate(examples.utterances)}
    judged = []
    for cell in trained.cells:
        stored = read_cell(cell, listing).predictions
        indices = [place[id_] for id_ in stored.ids]
        load_weights(cell.weights, pipeline)
        seed = derive_seed(cell.seed, cell.fold, "diagnosis")
        exchanged = exchange(pipeline, examples, indices, seed=seed)
        players = modalities(pipeline)
        values = {c: _mean(p_KNC) for c, p_KNC in exchanged.own.items()}
        credit = shapley(values, players) if len(players) > 1 else {}
        label_N = np.array([examples.label(i) for i in indices])
        chosen = [examples.utterances[i] for i in indices]
        judged.append(Judged(cell, chosen, label_N, stored.p_NC.double().numpy(), exchanged, credit))
    return judged


def diagnose(trained: TrainedRun, judged: Sequence[Judged]) -> Diagnosis:
    """Return what the judged cells of a run show."""
    listing = read_listing(trained.run.utterances)
    changed = [cell.predictions for cell in trained.cells if read_cell(cell, listing).changed]
    p_NC, label_N = np.concatenate([j.p_NC for j in judged]), np.concatenate([j.label_N for j in judged])
    confidence_N, right_N = p_NC.max(1), p_NC.argmax(1) == label_N
    return Diagnosis(
        run=str(trained.run.path),
        modalities=tuple(judged[0].exchanged.removed),
        scores=_scores(judged),
        slices=_slices(judged, trained.classes),
        gradients=_gradients(trained.cells),
        calibration=calibration(confidence_N, right_N),
        risk_coverage=risk_coverage(confidence_N, right_N),
        warnings=tuple(f"{file} was changed after the run wrote it" for file in changed),
    )


def write_credit(path: Path, judged: Sequence[Judged], classes: Sequence[str]) -> None:
    """Write a CSV file with the credit of each modality for each utterance and class: seed, fold, id, label, then
    `<modality>_<class>`.
    """
    file = io.StringIO()
    rows = csv.writer(file)
    players = list(judged[0].credit)
    rows.writerow(["seed", "fold", "id", "label", *(f"{m}_{name}" for m in players for name in classes)])
    for j in judged:
        credit_NX = np.concatenate([j.credit[m] for m in players], axis=1)
        for u, credit_X in zip(j.utterances, credit_NX, strict=True):
            rows.writerow([j.cell.seed, j.cell.fold, u.id, u.label, *(f"{x:.6g}" for x in credit_X)])
    write_text(path, file.getvalue())


def _mean(p_KNC: Float[ndarray, "K N C"]) -> Float[ndarray, "N C"]:
    """Return the mean over the others that there are."""
    there_KN1 = ~np.isnan(p_KNC).any(2, keepdims=True)
    with np.errstate(invalid="ignore"):
        mean_NC: Float[ndarray, "N C"] = np.where(there_KN1, p_KNC, 0.0).sum(0) / there_KN1.sum(0)
    return mean_NC


def _scores(judged: Sequence[Judged]) -> tuple[Score, ...]:
    everything = frozenset(judged[0].exchanged.removed)
    conditions = {"as it is": [j.exchanged.own[everything] for j in judged]}
    for m in sorted(everything) if len(everything) > 1 else ():
        conditions |= {
            f"without {m}": [j.exchanged.removed[m][None] for j in judged],
            f"{m} of another utterance": [j.exchanged.own[everything - {m}] for j in judged],
            f"{m} of another of the same emotion": [j.exchanged.same_emotion[m] for j in judged],
        }
    return tuple(_score(name, judged, each) for name, each in conditions.items())


def _score(condition: str, judged: Sequence[Judged], each: Sequence[Float[ndarray, "_ _ _"]]) -> Score:
    figures = [
        _wa_ua(j.label_N, p_NC)
        for j, p_KNC in zip(judged, each, strict=True)
        for p_NC in p_KNC
        if not np.isnan(p_NC).all()
    ]
    if not figures:
        return Score(condition, math.nan, math.nan)
    wa, ua = zip(*figures, strict=True)
    return Score(condition, statistics.fmean(wa), statistics.fmean(ua))


def _wa_ua(label_N: Int[ndarray, " N"], p_NC: Float[ndarray, "N C"]) -> tuple[float, float]:
    there_N = ~np.isnan(p_NC).any(1)
    label_n, predicted_n = label_N[there_N], p_NC[there_N].argmax(1)
    ua = recall_score(label_n, predicted_n, labels=np.unique(label_n), average="macro")
    return float((label_n == predicted_n).mean()), float(ua)


def _slices(judged: Sequence[Judged], classes: Sequence[str]) -> dict[str, tuple[Slice, ...]]:
    utterances = [u for j in judged for u in j.utterances]
    groupings = {"all": ["all"] * len(utterances), "class": [str(u.label) for u in utterances], **slices(utterances)}
    label_N, p_NC = np.concatenate([j.label_N for j in judged]), np.concatenate([j.p_NC for j in judged])
    credit = {m: _of_true([j.credit[m] for j in judged], label_N) for m in judged[0].credit}
    baseline_N = _of_true([_mean(j.exchanged.own[frozenset()]) for j in judged], label_N)
    return {
        name: tuple(
            _slice(group, np.array(groups) == group, label_N, p_NC, credit, baseline_N) for group in sorted(set(groups))
        )
        for name, groups in groupings.items()
    }


def _of_true(parts: Sequence[Float[ndarray, "n C"]], label_N: Int[ndarray, " N"]) -> Float[ndarray, " N"]:
    """Return each utterance's value for its true class."""
    return np.take_along_axis(np.concatenate(parts), label_N[:, None], axis=1)[:, 0]


def _slice(
    group: str,
    inside_N: ndarray,
    label_N: Int[ndarray, " N"],
    p_NC: Float[ndarray, "N C"],
    credit: Mapping[str, Float[ndarray, " N"]],
    baseline_N: Float[ndarray, " N"],
) -> Slice:
    wa, ua = _wa_ua(label_N[inside_N], p_NC[inside_N])
    means = {m: float(np.nanmean(credit_N[inside_N])) for m, credit_N in credit.items()}
    return Slice(group, int(inside_N.sum()), wa, ua, means, float(np.nanmean(baseline_N[inside_N])) if credit else None)


def _gradients(cells: Sequence[Cell]) -> dict[str, tuple[float, ...]]:
    """Return the recorded cosines, the mean over cells per epoch."""
    epochs = zip(*(read_json(cell.history)["epochs"] for cell in cells), strict=True)
    per_epoch = [[cell_epoch.get("gradient_cosine", {}) for cell_epoch in several] for several in epochs]
    tasks = list(per_epoch[0][0]) if per_epoch else []
    return {task: tuple(statistics.fmean(one[task] for one in several) for several in per_epoch) for task in tasks}
