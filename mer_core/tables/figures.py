"""The figures of tables, computed from the prediction files of their rows and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from sklearn.metrics import accuracy_score, recall_score

from mer_core.errors import DataError
from mer_core.report import summarise
from mer_core.statistics import Pair, System, compare, compare_pair, corrected, part_of
from mer_core.statistics.words import sentence, signs_line
from mer_core.types import Predictions, Utterance

KIND_FIELD = "kind"
"""What utterances are told apart by where the corpus knows it: improvised and scripted ones."""


def system_figures(system: System) -> dict[str, Any]:
    """Return WA and UA with interval and deviations, on all utterances and on those of each kind."""
    kinds = sorted({u.fields.get(KIND_FIELD, "") for u in system.utterances.values()} - {""})
    parts = {kind: part_of(system, partial(_is, kind)) for kind in kinds if len(kinds) > 1}
    return _measured(system) | {"parts": {kind: _measured(part) for kind, part in parts.items()}}


def pair_figures(pairs: Sequence[tuple[System, System]]) -> list[dict[str, Any]]:
    """Return the paired tests, corrected over all of them; a pair on different utterances has a `reason` instead."""
    tested: list[Pair | dict[str, Any]] = []
    for a, b in pairs:
        try:
            tested.append(compare_pair(a, b))
        except DataError as error:
            tested.append({"a": a.name, "b": b.name, "reason": error.message})
    done = corrected([pair for pair in tested if isinstance(pair, Pair)])
    left = iter(done)
    return [_told(next(left), len(done)) if isinstance(pair, Pair) else pair for pair in tested]


def _told(pair: Pair, num_pairs: int) -> dict[str, Any]:
    """Return a pair's figures, and what they say of UA in words."""
    words = [sentence(pair, "UA", pair.ua, num_pairs=num_pairs), signs_line(pair)]
    return asdict(pair) | {"sentences": words}


def _is(kind: str, utterance: Utterance) -> bool:
    return utterance.fields.get(KIND_FIELD) == kind


def _measured(system: System) -> dict[str, Any]:
    comparison = compare([system])
    spread = summarise([_cell(trial.seed, trial.fold, trial.predictions) for trial in system.trials])
    (figures,) = comparison.systems
    deviations = {name: {key: spread[name][key] for key in ("sd_folds", "sd_seeds")} for name in spread}
    return {
        "utterances": comparison.utterances,
        "unit": comparison.unit,
        "groups": comparison.groups,
        "wa": asdict(figures.wa) | deviations["wa"],
        "ua": asdict(figures.ua) | deviations["ua"],
    }


def _cell(seed: int | None, fold: str | None, predictions: Predictions) -> dict[str, Any]:
    """Return WA and UA of one test fold, as a report's row has them."""
    labels, predicted = predictions.labels, predictions.predicted
    recall = recall_score(labels, predicted, labels=sorted(set(labels)), average="macro")
    return {"seed": seed, "fold": fold, "figures": {"wa": accuracy_score(labels, predicted), "ua": float(recall)}}
