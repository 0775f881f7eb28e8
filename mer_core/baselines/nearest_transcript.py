"""Guess by looking up: the label of the training transcript that is most alike (ours)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped
from scipy.sparse import csr_array

from mer_core.baselines.common import Unavailable, classes_of, label_numbers, predictions_of, wordless, words_of
from mer_core.baselines.vectors import vectors
from mer_core.data.folds import Fold
from mer_core.types import Predictions, Utterance

BLOCK = 256
"""Test transcripts that are held against all of training at once: bounds the memory."""
EQUAL = 1e-9
"""Cosines this near count as equal."""


def nearest_transcript(utterances: Sequence[Utterance], fold: Fold) -> Predictions | Unavailable:
    """Return for each test utterance the labels of the nearest training transcripts, as shares.

    Near is the cosine of TF-IDF vectors. Several that are equally near share; a transcript that has no word in common
    with any gives the shares of all training utterances.
    """
    if reason := wordless(utterances, fold):
        return reason
    classes = classes_of(utterances)
    labels = np.eye(len(classes))[label_numbers(utterances, fold.train, classes)]
    training, tested = vectors(words_of(utterances, fold.train), words_of(utterances, fold.test))
    starts = range(0, len(fold.test), BLOCK)
    p_NC = np.concatenate([_shares(tested[start : start + BLOCK], training, labels) for start in starts])
    return predictions_of(utterances, fold, classes, p_NC)


def _shares(tested: csr_array, training: csr_array, labels_MC: Shaped[np.ndarray, "M C"]) -> Float[np.ndarray, "N C"]:
    cosines_NM = csr_array(tested @ training.T)
    best_N = cosines_NM.max(axis=1).toarray().ravel()
    nearest_NM = csr_array(cosines_NM)
    nearest_NM.data = (cosines_NM.data >= np.repeat(best_N, np.diff(cosines_NM.indptr)) - EQUAL).astype(float)
    counts_NC = nearest_NM @ labels_MC
    counts_NC[best_N <= 0] = labels_MC.sum(0)
    shares_NC: Float[np.ndarray, "N C"] = counts_NC / counts_NC.sum(1, keepdims=True)
    return shares_NC
