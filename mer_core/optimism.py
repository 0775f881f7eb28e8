"""What selecting the epoch on the test fold would have claimed: recorded in every run, and never used to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from mer_core import ranks
from mer_core.data.examples import Examples
from mer_core.files import write_text
from mer_core.pipeline import Pipeline
from mer_core.scoring import digest_of, predict, predictions_text
from mer_core.types import Predictions

ON_TEST = "on_test"
"""The key of `history.json` for what the test fold says after each epoch, and for the epoch it would have chosen."""


@dataclass(slots=True)
class OnTest:
    """Scores the test fold after each epoch and keeps the predictions of the one with the best UA, the first of equals.

    It draws no random number and leaves the pipeline as it was, so that a training ends in the same weights with and
    without it.

    Args:
        examples: the prepared corpus.
        test: the test fold.
        accelerator: the training's.
        file: where the predictions of the best epoch are written.
    """

    examples: Examples
    test: Sequence[int]
    accelerator: Accelerator
    file: Path
    ua: float = field(default=0.0, init=False)
    """UA on the test fold after the last epoch that was scored."""

    def __call__(self, pipeline: Pipeline, before: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Return WA and UA on the test fold; `before` is the history of the epochs before this one."""
        predictions = predict(pipeline, self.examples, self.test, accelerator=self.accelerator)
        figures = accuracies(predictions)
        self.ua = figures["ua"]
        if ranks.is_first() and all(self.ua > row[ON_TEST]["ua"] for row in before):
            write_text(self.file, predictions_text(predictions))
        return figures


def chosen_on_test(history: Sequence[Mapping[str, Any]], file: Path) -> dict[str, Any]:
    """Return which epoch the test fold would have chosen, and the digest of its predictions, kept in `file`."""
    best = max(history, key=lambda row: (row[ON_TEST]["ua"], -row["epoch"]))
    return {"selected_epoch": best["epoch"], "predictions_digest": digest_of(file.read_bytes().decode())}


def accuracies(predictions: Predictions) -> dict[str, float]:
    """Return WA, the share of correct utterances, and UA, the mean of the recalls of the classes that occur."""
    from sklearn.metrics import accuracy_score, recall_score  # slow to import: after the first epoch is soon enough

    labels, predicted = list(predictions.labels), predictions.predicted
    recall = recall_score(labels, predicted, labels=sorted(set(labels)), average="macro", zero_division=0.0)
    return {"wa": float(accuracy_score(labels, predicted)), "ua": float(recall)}
