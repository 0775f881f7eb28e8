"""Guess from the scene that is played: neither words nor sound (ours)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_core.baselines.common import Unavailable, classes_of, label_numbers, predictions_of
from mer_core.data.folds import Fold
from mer_core.types import Predictions, Utterance

SCENARIO_FIELD = "scenario"


def scenario_majority(utterances: Sequence[Utterance], fold: Fold) -> Predictions | Unavailable:
    """Return for each test utterance the shares of the labels that its scenario has in training.

    The predicted label is thus the most frequent one of the scenario. A scenario that training does not have, or none,
    gives the shares of all training utterances. Scenarios are `fields["scenario"]`.
    """
    scenarios = [u.fields.get(SCENARIO_FIELD, "") for u in utterances]
    if not any(scenarios):
        return Unavailable("the corpus names no scenarios (field `scenario`)")
    classes = classes_of(utterances)
    labels = label_numbers(utterances, fold.train, classes)
    names, codes = np.unique(scenarios, return_inverse=True)
    counts_SC = np.zeros((len(names), len(classes)))
    np.add.at(counts_SC, (codes[list(fold.train)], labels), 1)
    counts_SC[(counts_SC.sum(1) == 0) | (names == "")] = np.bincount(labels, minlength=len(classes))
    counts_NC = counts_SC[codes[list(fold.test)]]
    return predictions_of(utterances, fold, classes, counts_NC / counts_NC.sum(1, keepdims=True))
