"""What is measured on a recording, once, for every check that needs it: a few numbers, so that memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from mer_core.data.audio import decode
from mer_core.errors import DataError
from mer_core.types import AudioSpan, Utterance
from mer_core.workers import num_cores

FLOOR_DBFS = -120.0
"""The level of digital silence; 16-bit samples reach down to -90."""
CLIPPED_DBFS = -0.1
"""A sample at this level or above counts as clipped."""
_AHEAD = 64  # recordings handed to each thread at a time


@dataclass(frozen=True, slots=True)
class Sound:
    """Numbers of one recording. Levels are in dBFS: 0 is full scale, a sine at full scale has an RMS of -3.

    Args:
        content: a hash of the samples, whatever the file is called and however it is encoded without loss.
        duration_s: length in seconds.
        rms_dbfs: level of the whole recording.
        peak_dbfs: level of its loudest sample.
        clipped: share of samples at `CLIPPED_DBFS` or above, in the worst channel.
    """

    content: str
    duration_s: float
    rms_dbfs: float
    peak_dbfs: float
    clipped: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a recording cannot be read."""

    reason: str


Measured: TypeAlias = Sound | Unreadable | None
"""None: the utterance has no recording."""


def measure_all(utterances: Sequence[Utterance], progress: Callable[[int, int], None]) -> list[Measured]:
    """Measure each utterance's recording, several at once: decoding and hashing let other threads go on.

    Args:
        utterances: whose recordings.
        progress: told how many of how many are done.
    """
    found: list[Measured] = []
    threads = num_cores()
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(utterances), threads * _AHEAD):
            part = utterances[start : start + threads * _AHEAD]
            for measured in pool.map(_measured, (u.audio for u in part)):
                found.append(measured)
                progress(len(found), len(utterances))
    return found


def _measured(span: AudioSpan | None) -> Measured:
    if span is None:
        return None
    try:
        return measure(span)
    except DataError as error:
        return Unreadable(error.message)


def measure(span: AudioSpan) -> Sound:
    """Measure one recording at its own sample rate.

    Raises:
        DataError: it cannot be read.
    """
    samples_TK, rate_hz = decode(span)
    magnitude_TK = np.abs(samples_TK)
    return Sound(
        content=_content(samples_TK.mean(1)),
        duration_s=len(samples_TK) / rate_hz,
        rms_dbfs=_dbfs(float(np.sqrt(np.mean(samples_TK.astype(np.float64) ** 2)))),
        peak_dbfs=_dbfs(float(magnitude_TK.max())),
        clipped=float((magnitude_TK >= 10 ** (CLIPPED_DBFS / 20)).mean(0).max()),
    )


def _content(wave_T: Float[np.ndarray, " T"]) -> str:
    """Return a hash of the samples in steps of 16 bits; digital silence at both ends does not count."""
    steps_T = np.trim_zeros(np.rint(wave_T * 32768).astype("<i4"))
    return hashlib.blake2b(steps_T.tobytes(), digest_size=16).hexdigest()


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * float(np.log10(amplitude))) if amplitude > 0 else FLOOR_DBFS
