"""Recordings that cannot be read, are silent, or are clipped."""

from __future__ import annotations

from collections.abc import Iterator

from mer_core.audit.finding import Finding, Severity
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
        yield subject.finding(CHECK, "note", "utterances have no recording.", lacking)
    unreadable = [i for i, sound in enumerate(sounds) if isinstance(sound, Unreadable)]
    if unreadable:
        first = sounds[unreadable[0]]
        reason = first.reason if isinstance(first, Unreadable) else ""
        message = f"recordings cannot be read, for example: {reason}. Mend them, or run with --skip-bad."
        yield subject.finding(CHECK, "severe", message, unreadable)
    silent = [i for i, sound in enumerate(sounds) if isinstance(sound, Sound) and is_silent(sound)]
    if silent:
        grave: Severity = "severe" if len(silent) >= MANY * len(sounds) else "warning"
        yield subject.finding(CHECK, grave, f"silent recordings: no sample above {SILENT_DBFS:g} dBFS.", silent)
    clipped = [i for i, s in enumerate(sounds) if isinstance(s, Sound) and s.clipped >= CLIPPED_SHARE]
    if clipped:
        level = f"{100 * CLIPPED_SHARE:g} % or more of the samples at {CLIPPED_DBFS:g} dBFS or above"
        yield subject.finding(CHECK, "warning", f"clipped recordings: {level}.", clipped)


def is_silent(sound: Sound) -> bool:
    """Tell whether nothing can be heard."""
    return sound.peak_dbfs <= SILENT_DBFS
