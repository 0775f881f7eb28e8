"""Speakers and dialogs that are on both sides of a fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mer_core.audit.finding import Finding, Severity, share, some
from mer_core.audit.subject import Subject, shared

CHECK = "speakers"
_MEANS = {
    "speaker": "Such a figure says little about a new speaker.",
    "dialog": "The other side of the conversation is known to the model.",
}
_SEVERITY: dict[str, Severity] = {"speaker": "severe", "dialog": "warning"}


def check(subject: Subject) -> Iterator[Finding]:
    """Find speakers on both sides (severe), dialogs on both sides (warning), and utterances without a speaker."""
    by_speaker = [u.speaker or None for u in subject.utterances]
    yield from _both_sides(subject, "speaker", by_speaker)
    yield from _both_sides(subject, "dialog", [u.fields.get("dialog") or None for u in subject.utterances])
    unknown = [u.id for u in subject.utterances if not u.speaker]
    if unknown:
        yield Finding(
            severity="warning",
            check=CHECK,
            message="utterances without a speaker: nobody can tell whether a voice is on both sides of a fold. "
            "Name the speakers.",
            count=len(unknown),
            total=len(by_speaker),
            examples=some(unknown),
            num_examples=len(unknown),
        )


def _both_sides(subject: Subject, what: str, keys: Sequence[str | None]) -> Iterator[Finding]:
    found = shared(keys, subject.folds)
    if not found:
        return
    names = sorted({str(keys[i]) for i in found})
    known = {key for key in keys if key is not None}
    yield Finding(
        severity=_SEVERITY[what],
        check=CHECK,
        about=what,
        message=f"{what}s on both sides of a fold, with {len(found)} tested utterances "
        f"({share(len(found), subject.num_tested)}): {', '.join(names[:5])}{' …' if len(names) > 5 else ''}. "
        f"{_MEANS[what]}",
        count=len(names),
        total=len(known),
        unit=f"{what}s",
        figures={"utterances": len(found), "share": len(found) / subject.num_tested},
        examples=some(f"{subject.utterances[i].id} ~ {subject.utterances[j].id}" for i, j in found.items()),
        num_examples=len(found),
    )
