"""Recordings as waveforms: decoded by soundfile, averaged to one channel, resampled by torchaudio."""

from __future__ import annotations

import hashlib
import re
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from jaxtyping import Float
from torch import Tensor

from mer_core.errors import DataError
from mer_core.types import AudioSpan

_REMEDY = "Mend or remove it, or continue without it: --skip-bad"
_SLACK_S = 0.02  # annotators round times: an end this little after the file's is the file's end
_SIZE_UNKNOWN = 0x7FFF_0000  # programs that write to a pipe put a size of this order where they cannot know it
_PROMISE = re.compile(r"^ *(?:data|SSND) *: *(\d+) \(should be (\d+)\)", re.MULTILINE)


def load_audio(span: AudioSpan, sample_rate_hz: int) -> Float[Tensor, " T"]:
    """Return `wave_T`, float32 on the CPU, one sample per 1 / `sample_rate_hz` seconds; full scale is -1 to 1.

    Only the span is read. Channels are averaged; another sample rate is resampled, always to the same samples.

    Raises:
        DataError: as `decode` does.
    """
    samples_TK, rate_hz = decode(span)
    return _resample(torch.from_numpy(samples_TK).mean(dim=1), rate_hz, sample_rate_hz)


def decode(span: AudioSpan) -> tuple[Float[np.ndarray, "T K"], int]:
    """Return the samples of a span as they are recorded, float32, K channels, full scale -1 to 1; and their rate in Hz.

    Raises:
        DataError: the file is missing, a directory, not audio, damaged, empty or truncated, holds NaN or infinite
            samples, or does not hold the span.
    """
    try:
        with _open(span.path) as file:
            _check_whole(span.path, file)
            start, stop = _frames(span, file.frames, file.samplerate)
            file.seek(start)
            samples_TK: Float[np.ndarray, "T K"] = file.read(stop - start, dtype="float32", always_2d=True)
            rate_hz = int(file.samplerate)
    except soundfile.SoundFileError as error:
        raise _bad(f"cannot be decoded: {_reason(error)}", span.path) from error
    if len(samples_TK) < stop - start:
        raise _truncated(span.path, f"{stop - start} frames expected, {len(samples_TK)} found")
    if not np.isfinite(samples_TK).all():
        raise _bad("holds NaN or infinite samples", span.path)
    return samples_TK, rate_hz


def audio_digest(path: Path) -> str:
    """Return a hash of the file's content (BLAKE2b, 32 hexadecimal digits); a file is read again only once changed.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise _bad(f"cannot be read: {error.strerror}", path) from error


@cache
def _digest(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()


def _open(path: Path) -> soundfile.SoundFile:
    if path.is_dir():
        raise _bad("is a directory", path)
    if not path.exists():
        raise _bad("does not exist", path)
    if path.stat().st_size == 0:
        raise _bad("is empty (0 bytes)", path)
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless formats, by the file's name
        raise _bad(f"is not audio that can be read: {_reason(error)}", path) from error


def _check_whole(path: Path, file: soundfile.SoundFile) -> None:
    """Refuse WAV and AIFF files shorter than their header says; libsndfile only notes that in its log."""
    if (promise := _PROMISE.search(file.extra_info)) and int(promise[2]) < int(promise[1]) < _SIZE_UNKNOWN:
        raise _truncated(path, f"{promise[1]} bytes of sound expected, {promise[2]} found")
    if file.frames == 0:
        raise _bad("is empty (0 frames)", path)


def _frames(span: AudioSpan, num_frames: int, rate_hz: int) -> tuple[int, int]:
    """Return the span as frame numbers."""
    duration_s = num_frames / rate_hz
    end_s = duration_s if span.end_s is None else span.end_s
    if not (span.start_s >= 0 and end_s <= duration_s + _SLACK_S and span.start_s < duration_s):
        raise _bad(f"lasts {duration_s:.3f} s, the utterance is from {span.start_s:.3f} s to {end_s:.3f} s", span.path)
    start, stop = round(span.start_s * rate_hz), min(round(end_s * rate_hz), num_frames)
    if start >= stop:
        raise _bad(f"has nothing between {span.start_s:.3f} s (start) and {end_s:.3f} s (end)", span.path)
    return start, stop


def _resample(wave_T: Tensor, from_hz: int, to_hz: int) -> Tensor:
    if from_hz == to_hz:
        return wave_T
    from torchaudio.functional import resample  # slow to import, and most corpora do without

    resampled_T: Tensor = resample(wave_T, from_hz, to_hz)
    return resampled_T


def _truncated(path: Path, numbers: str) -> DataError:
    return _bad(f"is truncated: {numbers}", path)


def _bad(fact: str, path: Path) -> DataError:
    return DataError(f"recording {path} {fact}", hint=_REMEDY)


def _reason(error: Exception) -> str:
    """Return libsndfile's own words, without the path that soundfile puts before them."""
    return str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(".")
