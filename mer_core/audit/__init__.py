"""Looks for what would make figures on a corpus look better than they are: leaks, cues, and damage. One file per check.

A check is a function from a `Subject` to findings. It trains nothing that is kept, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from mer_core.audit import copies, cues, folds, guesses, labels, recordings, speakers, tags, texts, transcripts
from mer_core.audit.finding import Finding, by_severity
from mer_core.audit.subject import Subject

Check: TypeAlias = Callable[[Subject], Iterable[Finding]]
CHECKS: tuple[Check, ...] = (
    folds.check,
    labels.check,
    speakers.check,
    copies.check,
    transcripts.check,
    guesses.check,
    tags.check,
    cues.check,
    recordings.check,
    texts.check,
)


def audit(subject: Subject, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Finding]:
    """Run every check and return what they find, the gravest first.

    Args:
        subject: the corpus under its folds.
        progress: told how many of how many checks are done.
    """
    found: list[Finding] = []
    for done, check in enumerate(CHECKS, start=1):
        found += check(subject)
        progress(done, len(CHECKS))
    return by_severity(found)
