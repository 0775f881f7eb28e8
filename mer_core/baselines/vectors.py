"""Transcripts as TF-IDF vectors."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array

ONE_LETTER_TOO = r"(?u)\b\w+\b"  # scikit-learn's own pattern drops "I" and "a"


def vectors(train: Sequence[str], test: Sequence[str]) -> tuple[csr_array, csr_array]:
    """Return both sides as vectors of length 1 over the words and pairs of words of training.

    Term frequencies are logarithmic. A text without known words is the zero vector.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=ONE_LETTER_TOO, ngram_range=(1, 2), sublinear_tf=True)
    return csr_array(vectorizer.fit_transform(train)), csr_array(vectorizer.transform(test))
