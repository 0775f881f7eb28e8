"""Whether the copy is complete: counts by session and label against the published ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mer_core.audit.finding import Finding, share
from mer_core.audit.subject import Counts, Subject

CHECK = "label counts"
GRAVE = 0.01
"""Figures on a copy that differs by this share of the utterances or more are figures of another corpus."""


def check(subject: Subject) -> Iterator[Finding]:
    """Compare the counts with those of the complete corpus; where these are not known, find gaps between sessions."""
    found = counted(subject)
    if subject.published:
        yield _compared(found, subject.published)
    else:
        yield from _gaps(sorted(int(name) for name in found if name.isdecimal()))


def counted(subject: Subject) -> Counts:
    """Return the utterances that the corpus lists, by session and label."""
    found: dict[str, Counter[str]] = {}
    for u in subject.listed:
        found.setdefault(u.session or "", Counter())[str(u.label)] += 1
    return found


def _compared(found: Counts, published: Counts) -> Finding:
    total = sum(sum(counts.values()) for counts in published.values())
    listed = sum(sum(counts.values()) for counts in found.values())
    differing, off = list[str](), 0
    for session in sorted({*found, *published}):
        here, there = found.get(session, {}), published.get(session, {})
        lines = [
            f"{label} {here.get(label, 0)} instead of {there.get(label, 0)}"
            for label in sorted({*here, *there})
            if here.get(label, 0) != there.get(label, 0)
        ]
        off += sum(abs(here.get(label, 0) - there.get(label, 0)) for label in {*here, *there})
        if lines:
            differing.append(f"session {session}{': ' + ', '.join(lines) if here else ' is missing'}")
    if not differing:
        by_session = ", ".join(f"{name}: {sum(counts.values())}" for name, counts in sorted(found.items()))
        message = f"the counts are the published ones in every session and class ({by_session})."
        return Finding(severity="note", check=CHECK, message=message, count=listed, total=total)
    return Finding(
        severity="severe" if off >= GRAVE * total else "warning",
        check=CHECK,
        message=f"the corpus lists {listed} utterances, published are {total}: {'; '.join(differing)}. "
        f"Copy it again from the release ({share(off, total)} too few or too many).",
        count=off,
        total=total,
        unit="utterances too few or too many",
        figures={"listed": listed},
    )


def _gaps(sessions: list[int]) -> Iterator[Finding]:
    """Find numbers that are left out between the first and the last session."""
    missing = sorted({*range(sessions[0], sessions[-1])} - {*sessions}) if sessions else []
    if missing and len(missing) <= len(sessions):  # years or room numbers have gaps by nature
        yield Finding(
            severity="warning",
            check=CHECK,
            message=f"no utterances of session {', '.join(map(str, missing))}: is the copy complete?",
            count=len(missing),
            total=len(missing) + len(sessions),
            unit="sessions",
        )
