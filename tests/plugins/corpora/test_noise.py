from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mer_core.errors import RunError
from mer_plugins.corpora.noise import Noise


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    return tmp_path


def read(**options: int) -> list:
    return Noise(Noise.Config(**options)).read()


def test_the_same_twice_and_made_once() -> None:
    first = read(utterances=3)
    times = [u.audio.path.stat().st_mtime_ns for u in first]
    again = read(utterances=3)
    assert again == first
    assert [u.audio.path.stat().st_mtime_ns for u in again] == times
    sounds = [soundfile.read(u.audio.path)[0] for u in first]
    assert not np.array_equal(sounds[0][:100], sounds[1][:100])
    other = read(utterances=3, seed=1)
    assert {u.audio.path for u in other}.isdisjoint(u.audio.path for u in first)


def test_lengths_words_and_classes_are_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mer_plugins.corpora.noise._write", lambda path, length_s, seed: lengths.append(length_s))
    lengths: list[float] = []
    utterances = read(utterances=3_000)
    assert np.median(lengths) == pytest.approx(3.58, rel=0.05)
    assert np.mean(lengths) == pytest.approx(4.55, rel=0.05)
    assert 0.58 <= min(lengths) < 0.7
    assert 25 < max(lengths) <= 34.1
    assert {len(u.text.split()) for u in utterances} == {12}
    counts = [sum(u.label == label for u in utterances) for label in ("ang", "hap", "neu", "sad")]
    assert min(counts) > 650
    assert {(u.session, u.speaker[0]) for u in utterances} == {(str(n), str(n)) for n in range(1, 6)}
    assert len({u.speaker for u in utterances}) == 10
    assert len({u.id for u in utterances}) == 3_000


def test_recordings_have_their_length() -> None:
    for utterance in read(utterances=2):
        info = soundfile.info(utterance.audio.path)
        said_s = float(utterance.audio.path.stem.partition("-")[2].removesuffix("s"))
        assert info.samplerate == 16_000
        assert info.duration == pytest.approx(said_s, abs=2e-4)


def test_a_place_that_cannot_be_written(cache: Path) -> None:
    (cache / "noise").write_text("in the way")
    with pytest.raises(RunError, match="could not be written"):
        read(utterances=1)
