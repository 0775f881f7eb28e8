"""Utterances without words."""

from __future__ import annotations

from collections.abc import Iterator

from mer_core.audit.finding import Finding, some
from mer_core.audit.subject import Subject
from mer_core.text.words import words

CHECK = "empty texts"
MANY = 0.05
"""From this share of the corpus on, a text encoder has too little to read: a warning."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find empty transcripts: without a word once tags are taken out."""
    empty = [u.id for u in subject.utterances if not words(u.text or "")]
    if empty:
        yield Finding(
            severity="warning" if len(empty) >= MANY * len(subject.utterances) else "note",
            check=CHECK,
            message="transcripts without a word: a text encoder sees an empty line.",
            count=len(empty),
            total=len(subject.utterances),
            examples=some(empty),
            num_examples=len(empty),
        )
