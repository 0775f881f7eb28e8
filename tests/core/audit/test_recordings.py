import pytest

from mer_core.audit import recordings
from mer_core.audit.sound import Unreadable


def test_unreadable_recordings_are_severe(corpus, subject, sound):
    heard = [sound(n) for n in range(200)]
    heard[3] = heard[8] = Unreadable("recording x.wav is empty (0 bytes)")
    (found,) = recordings.check(subject(corpus(), heard))
    assert (found.severity, found.count, found.total, list(found.examples)) == ("severe", 2, 200, ["u3", "u8"])
    assert "for example: recording x.wav is empty (0 bytes). Mend them, or run with --skip-bad." in found.message


@pytest.mark.parametrize(("count", "severity"), [(1, "warning"), (19, "warning"), (20, "severe")])
def test_silent_recordings(corpus, subject, sound, count, severity):
    heard = [sound(n, peak_dbfs=-60.0 if n < count else -59.9) for n in range(200)]
    (found,) = recordings.check(subject(corpus(), heard))
    assert (found.severity, found.count, found.examples[0]) == (severity, count, "u0")
    assert "no sample above -60 dBFS" in found.message


def test_clipped_recordings(corpus, subject, sound):
    heard = [sound(n, clipped=0.001 if n == 4 else 0.0009) for n in range(200)]
    (found,) = recordings.check(subject(corpus(), heard))
    assert (found.severity, found.count, list(found.examples)) == ("warning", 1, ["u4"])
    assert "0.1 % or more of the samples at -0.1 dBFS or above" in found.message


def test_utterances_without_a_recording_are_a_note(corpus, subject, sound):
    (found,) = recordings.check(subject(corpus(), [None if n < 7 else sound(n) for n in range(200)]))
    assert (found.severity, found.count) == ("note", 7)


def test_good_recordings_are_no_finding(corpus, subject, sound):
    assert list(recordings.check(subject(corpus(), [sound(n) for n in range(200)]))) == []
