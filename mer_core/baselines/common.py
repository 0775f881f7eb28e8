"""What the baselines share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped

from mer_core.data.folds import Fold
from mer_core.types import Predictions, Utterance


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why a baseline cannot be computed on a corpus, as a sentence without its full stop."""

    reason: str


def classes_of(utterances: Sequence[Utterance]) -> list[str]:
    """Return the classes of a corpus, in the order that a run gives them."""
    return sorted({str(u.label) for u in utterances})


def label_numbers(
    utterances: Sequence[Utterance], indices: Sequence[int], classes: Sequence[str]
) -> Shaped[np.ndarray, " N"]:
    """Return the class numbers of the utterances at `indices`."""
    number = {name: position for position, name in enumerate(classes)}
    return np.array([number[str(utterances[i].label)] for i in indices])


def words_of(utterances: Sequence[Utterance], indices: Sequence[int]) -> list[str]:
    """Return the transcripts at `indices`; an utterance without one has an empty one."""
    return [utterances[i].text or "" for i in indices]


def wordless(utterances: Sequence[Utterance], fold: Fold) -> Unavailable | None:
    """Return why nothing can be learnt from words, or None."""
    if any(any(c.isalnum() for c in text) for text in words_of(utterances, fold.train)):
        return None
    return Unavailable("no training utterance has words")


def predictions_of(
    utterances: Sequence[Utterance], fold: Fold, classes: Sequence[str], p_NC: Float[np.ndarray, "N C"]
) -> Predictions:
    """Return the predictions of a fold's test side."""
    tested = [utterances[i] for i in fold.test]
    return Predictions([u.id for u in tested], classes, [str(u.label) for u in tested], torch.from_numpy(p_NC).float())
