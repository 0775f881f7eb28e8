"""Corpora with planted faults, small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from mer_core.audit.sound import Sound
from mer_core.audit.subject import Subject
from mer_core.data.folds import Fold
from mer_core.types import AudioSpan, Utterance

LABELS = ("ang", "hap", "neu", "sad")


def leave_one_session_out(utterances):
    everything = range(len(utterances))
    return [
        Fold(
            name,
            tuple(i for i in everything if utterances[i].session != name),
            tuple(i for i in everything if utterances[i].session == name),
        )
        for name in sorted({u.session for u in utterances})
    ]


@pytest.fixture
def subject():
    """Make what is audited; where it is not said otherwise, one session is left out and no recording is measured."""

    def make(utterances, sounds=None, **changes):
        folds = changes.pop("folds", None)
        return Subject(
            utterances=utterances,
            folds=leave_one_session_out(utterances) if folds is None else folds,
            sounds=sounds or [None] * len(utterances),
            listed=changes.pop("listed", utterances),
            **changes,
        )

    return make


@pytest.fixture
def corpus():
    """Make `size` utterances in five sessions of two speakers, the labels in turn, with changes by number."""

    def make(size=200, **changes):
        made = []
        for n in range(size):
            session = str(n % 5 + 1)
            plain = Utterance(
                id=f"u{n}",
                label=LABELS[n // 5 % 4],
                speaker=f"{session}{'FM'[n // 20 % 2]}",
                session=session,
                text=f"word{n} is said here number {n}",
                fields={"dialog": f"{session}-{n // 40}"},
            )
            made.append(replace(plain, **{name: change(n) for name, change in changes.items()}))
        return made

    return make


@pytest.fixture
def sound():
    """Make what was measured on a recording."""

    def make(content, duration_s=2.0, rms_dbfs=-25.0, peak_dbfs=-6.0, clipped=0.0):
        return Sound(str(content), duration_s, rms_dbfs, peak_dbfs, clipped)

    return make


@pytest.fixture
def record(tmp_path):
    """Write samples and return the span of the whole file."""

    def write(name, samples, rate_hz=16000, subtype="PCM_16", **how):
        soundfile.write(tmp_path / name, samples, rate_hz, subtype=subtype, **how)
        return AudioSpan(tmp_path / name)

    return write


@pytest.fixture
def noise():
    def make(seed, size=4000, scale=0.1):
        return np.random.default_rng(seed).normal(0, scale, size).clip(-1, 1)

    return make
