"""Recordings that cannot be read, are silent, or are clipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mer_core.audit.finding import Finding, Severity, some
from mer_core.audit.sound import CLIPPED_DBFS, Sound, Unreadable
from mer_core.audit.subject import Subject

CHECK = "recordings"
SILENT_DBFS = -60.0
"""A recording without a sample above this level is silent."""
CLIPPED_SHARE = 0.001
"""A recording is clipped where this share of its samples is at full scale (`CLIPPED_DBFS` or above)."""
MANY = 0.1
"""Silent recordings are severe from this share of the corpus on: the labels are then not in the sound."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find recordings that are missing, unreadable (severe: a run refuses them), silent or clipped."""
    sounds = subject.sounds
    lacking = [i for i, sound in enumerate(sounds) if sound is None]
    if lacking:
        yield _finding(subject, "note", "utterances have no recording.", lacking)
    unreadable = [i for i, sound in enumerate(sounds) if isinstance(sound, Unreadable)]
    if unreadable:
        first = sounds[unreadable[0]]
        reason = first.reason if isinstance(first, Unreadable) else ""
        message = f"recordings cannot be read, for example: {reason}. Mend them, or run with --skip-bad."
        yield _finding(subject, "severe", message, unreadable)
    silent = [i for i, sound in enumerate(sounds) if isinstance(sound, Sound) and is_silent(sound)]
    if silent:
        grave: Severity = "severe" if len(silent) >= MANY * len(sounds) else "warning"
        yield _finding(subject, grave, f"silent recordings: no sample above {SILENT_DBFS:g} dBFS.", silent)
    clipped = [i for i, s in enumerate(sounds) if isinstance(s, Sound) and s.clipped >= CLIPPED_SHARE]
    if clipped:
        level = f"{100 * CLIPPED_SHARE:g} % or more of the samples at {CLIPPED_DBFS:g} dBFS or above"
        yield _finding(subject, "warning", f"clipped recordings: {level}.", clipped)


def is_silent(sound: Sound) -> bool:
    """Tell whether nothing can be heard."""
    return sound.peak_dbfs <= SILENT_DBFS


def _finding(subject: Subject, severity: Severity, message: str, indices: Sequence[int]) -> Finding:
    return Finding(
        severity=severity,
        check=CHECK,
        message=message,
        count=len(indices),
        total=len(subject.utterances),
        examples=some(subject.ids(indices)),
    )
