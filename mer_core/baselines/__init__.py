"""What can be reached without listening: three guesses by scenario and words that stand beside every table (ours).

Each is a function of the utterances and a fold. It learns from the training side alone and gives `Predictions` of the
test side, in the order of `fold.test`, or says why this corpus does not allow it. None draws random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from mer_core.baselines.common import Unavailable
from mer_core.baselines.nearest_transcript import nearest_transcript
from mer_core.baselines.scenario_majority import scenario_majority
from mer_core.baselines.tfidf_regression import tfidf_regression
from mer_core.data.folds import Fold
from mer_core.types import Predictions, Utterance

Baseline: TypeAlias = Callable[[Sequence[Utterance], Fold], Predictions | Unavailable]

BASELINES: Mapping[str, Baseline] = {
    "scenario majority": scenario_majority,
    "TF-IDF + logistic regression": tfidf_regression,
    "nearest transcript": nearest_transcript,
}
"""From the name that a table shows to the function."""

__all__ = ["BASELINES", "Baseline", "Unavailable"]
