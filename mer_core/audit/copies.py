"""Recordings that are the same, under whatever name and in whatever lossless format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mer_core.audit.finding import Finding, some
from mer_core.audit.recordings import is_silent
from mer_core.audit.sound import Sound
from mer_core.audit.subject import Subject, shared

CHECK = "duplicate audio"


def check(subject: Subject) -> Iterator[Finding]:
    """Find recordings with the same samples: severe where one is trained on and another tested, else a warning."""
    keys = [s.content if isinstance(s, Sound) and not is_silent(s) else None for s in subject.sounds]
    across = shared(keys, subject.folds)
    if across:
        pairs = list(across.items())
        otherwise = _otherwise(subject, pairs)
        yield Finding(
            severity="severe",
            check=CHECK,
            message=f"tested recordings are in training too, sample for sample{_told(otherwise)}. Remove one of each.",
            count=len(across),
            total=subject.num_tested,
            unit="tested utterances",
            figures={"other_label": otherwise},
            examples=_examples(subject, pairs),
            num_examples=len(pairs),
        )
    elsewhere = [pair for pair in _pairs(keys) if not set(pair) & {*across, *across.values()}]
    if elsewhere:
        otherwise = _otherwise(subject, elsewhere)
        yield Finding(
            severity="warning",
            check=CHECK,
            message=f"recordings are there more than once{_told(otherwise)}, never on both sides "
            "of a fold. Remove the copies.",
            count=len(elsewhere),
            total=len(keys),
            figures={"other_label": otherwise},
            examples=_examples(subject, elsewhere),
            num_examples=len(elsewhere),
        )


def _pairs(keys: Sequence[str | None]) -> list[tuple[int, int]]:
    """Return each copy with the first of its kind."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        if key is not None:
            groups[key].append(index)
    return [(copy, first) for first, *others in groups.values() for copy in others]


def _otherwise(subject: Subject, pairs: Sequence[tuple[int, int]]) -> int:
    """Return how many copies have another label: those contradict each other."""
    return sum(subject.utterances[i].label != subject.utterances[j].label for i, j in pairs)


def _told(count: int) -> str:
    return f", {count} of them with another label" if count else ""


def _examples(subject: Subject, pairs: Sequence[tuple[int, int]]) -> list[str]:
    return some(f"{subject.utterances[i].id} ~ {subject.utterances[j].id}" for i, j in pairs)
