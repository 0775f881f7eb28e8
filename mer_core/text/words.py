"""Transcripts as words: what is taken out of them, and when two say nearly the same. Imports no torch."""

from __future__ import annotations

import re

from mer_core.choices import TextCleaning

MIN_JACCARD = 0.7
"""Two lines are near where this share of their different words is common to both."""
MIN_WORDS = 4
"""Shorter lines repeat each other only where their words are the same."""
_TAG = re.compile(r"\[[^\[\]]*\]")
_WORD = re.compile(r"\w+(?:'\w+)*")


def clean(text: str, how: TextCleaning) -> str:
    """Return a transcript as a protocol wants it; `[…]` is a tag. The result may be empty."""
    if how == "as-read":
        return text
    bare = " ".join(_TAG.sub(" ", text).split()) if _TAG.search(text) else text
    return bare.lower() if how == "lower" else bare


def words(text: str) -> list[str]:
    """Return the words of a line in lower case, without punctuation and tags such as `[LAUGHTER]`.

    A word is a run of letters and digits: a script without spaces has one word per clause.
    """
    return _WORD.findall(clean(text, "no-tags").replace("\u2019", "'").casefold())
