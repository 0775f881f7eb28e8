"""Guess from which words are said: TF-IDF and logistic regression, as scikit-learn has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_core.baselines.common import Unavailable, classes_of, label_numbers, predictions_of, wordless, words_of
from mer_core.baselines.vectors import vectors
from mer_core.data.folds import Fold
from mer_core.types import Predictions, Utterance

MOST_STEPS = 1000


def tfidf_regression(utterances: Sequence[Utterance], fold: Fold) -> Predictions | Unavailable:
    """Return the probabilities of a logistic regression on words and pairs of words (scikit-learn's C = 1)."""
    from sklearn.linear_model import LogisticRegression

    if reason := wordless(utterances, fold):
        return reason
    classes = classes_of(utterances)
    vectors_of_train, vectors_of_test = vectors(words_of(utterances, fold.train), words_of(utterances, fold.test))
    model = LogisticRegression(max_iter=MOST_STEPS)
    model.fit(vectors_of_train, label_numbers(utterances, fold.train, classes))
    p_NC = np.zeros((len(fold.test), len(classes)))
    p_NC[:, model.classes_] = model.predict_proba(vectors_of_test)  # a class that training lacks has no column
    return predictions_of(utterances, fold, classes, p_NC)
