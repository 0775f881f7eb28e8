"""Recordings inside the page."""

import base64
import io

import numpy as np
import pytest
import soundfile

from mer_cli.page.recordings import SAMPLE_RATE_HZ, embedded
from mer_core.types import AudioSpan, Utterance


@pytest.fixture
def utterances(tmp_path):
    """Three spans of half a second, of different pitch, in one file of 8 kHz; and one whose file is not there."""
    time_s = np.arange(12_000) / 8_000
    pitch_hz = np.repeat([200.0, 500.0, 900.0], 4_000)
    soundfile.write(tmp_path / "all.wav", 0.3 * np.sin(2 * np.pi * pitch_hz * time_s), 8_000)
    spans = [AudioSpan(tmp_path / "all.wav", n / 2, (n + 1) / 2) for n in range(3)]
    return [Utterance(id=str(n), audio=span) for n, span in enumerate([*spans, AudioSpan(tmp_path / "no.wav")])]


def test_only_the_span_is_in_the_page_and_sounds_as_it_did(utterances):
    for id_, pitch_hz in (("0", 200), ("1", 500), ("2", 900)):
        kind, _, content = embedded(utterances)[id_].partition(";base64,")
        assert kind == "data:audio/mpeg"
        wave, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)))
        assert rate_hz == SAMPLE_RATE_HZ
        assert len(wave) / rate_hz == pytest.approx(0.5, abs=0.1)
        assert np.fft.rfftfreq(len(wave), 1 / rate_hz)[np.abs(np.fft.rfft(wave)).argmax()] == pytest.approx(
            pitch_hz, abs=8
        )


def test_the_budget_is_kept_and_what_cannot_be_read_or_is_not_there_is_left_out(utterances):
    everything = embedded([*utterances, Utterance(id="silent")])
    assert list(everything) == ["0", "1", "2"]
    two = len(everything["0"]) + len(everything["1"])
    assert list(embedded(utterances, two)) == ["0", "1"]
    assert list(embedded(utterances, two - 1)) == ["0"]
