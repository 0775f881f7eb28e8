import numpy as np
import pytest
from scipy.signal import chirp

from mer_core.audit.sound import FLOOR_DBFS, Sound, Unreadable, measure, measure_all
from mer_core.types import AudioSpan, Utterance

TIMES = np.arange(16000) / 16000


def sine(amplitude):
    return amplitude * np.sin(2 * np.pi * 100 * TIMES)


@pytest.mark.parametrize(("amplitude", "peak", "rms"), [(1.0, 0.0, -3.01), (0.5, -6.02, -9.03), (0.01, -40.0, -43.01)])
def test_levels_of_a_sine(record, amplitude, peak, rms):
    heard = measure(record("a.wav", sine(amplitude), subtype="FLOAT"))
    assert heard.peak_dbfs == pytest.approx(peak, abs=0.01)
    assert heard.rms_dbfs == pytest.approx(rms, abs=0.01)
    assert heard.duration_s == 1.0


def test_silence_has_the_lowest_level(record):
    heard = measure(record("a.wav", np.zeros(800)))
    assert (heard.peak_dbfs, heard.rms_dbfs, heard.clipped) == (FLOOR_DBFS, FLOOR_DBFS, 0.0)


def test_the_share_of_clipped_samples_is_that_of_the_worst_channel(record):
    samples = np.zeros((1000, 2))
    samples[:30, 1], samples[:10, 0] = -1.0, 0.98  # -0.18 dBFS is below the threshold
    assert measure(record("a.wav", samples)).clipped == pytest.approx(0.03)


def test_content_is_that_of_the_samples_in_every_lossless_form(record):
    samples = chirp(TIMES, 100, 1, 3000) * 0.4
    steps = np.rint(samples * 32767) / 32768
    first = record("a.wav", steps)
    forms = [
        record("b.wav", steps),
        record("c.flac", steps),
        record("d.aiff", steps),
        record("e.wav", steps, subtype="PCM_24"),
        record("f.wav", steps, subtype="FLOAT"),
        record("g.wav", np.stack([steps, steps], 1)),
        record("h.wav", np.concatenate([np.zeros(300), steps, np.zeros(50)])),
        AudioSpan(record("i.wav", np.concatenate([samples[::-1], steps])).path, 1.0, 2.0),
    ]
    assert {measure(form).content for form in forms} == {measure(first).content}


def test_content_of_other_sounds_differs(record, noise):
    contents = {measure(record(f"{n}.wav", noise(n))).content for n in range(5)}
    contents.add(measure(record("louder.wav", noise(0) * 1.1)).content)
    contents.add(measure(record("shorter.wav", noise(0)[:-1])).content)
    assert len(contents) == 7


def test_all_are_measured_in_their_order(record, noise, tmp_path):
    spans = [record(f"{n}.wav", noise(n, size=1000 + n)) for n in range(150)]
    spans[7], spans[9] = None, AudioSpan(tmp_path / "none.wav")
    told = []
    found = measure_all([Utterance(id=str(n), audio=s) for n, s in enumerate(spans)], lambda *done: told.append(done))
    assert found[7] is None
    assert found[9] == Unreadable(f"recording {tmp_path / 'none.wav'} does not exist")
    rest = [(n, one) for n, one in enumerate(found) if isinstance(one, Sound)]
    assert [one.duration_s for _, one in rest] == [(1000 + n) / 16000 for n, _ in rest]
    assert told == [(n + 1, 150) for n in range(150)]
