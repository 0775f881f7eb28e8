from dataclasses import replace

from mer_core.audit import copies


def test_a_recording_on_both_sides_is_severe(corpus, subject, sound):
    heard = [sound(n) for n in range(200)]
    heard[11] = sound(5)  # u5 is of session 1, u11 of session 2
    (found,) = copies.check(subject(corpus(), heard))
    assert (found.severity, found.check, found.count, found.total) == ("severe", "duplicate audio", 2, 200)
    assert sorted(found.examples) == ["u11 ~ u5", "u5 ~ u11"]
    assert "with another label" in found.message  # ang and neu
    assert (found.unit, found.figures, found.num_examples) == ("tested utterances", {"other_label": 2}, 2)


def test_copies_of_one_session_are_a_warning(corpus, subject, sound):
    heard = [sound(n) for n in range(200)]
    heard[20], heard[40] = sound(0), sound(0)
    (found,) = copies.check(subject(corpus(), heard))
    assert (found.severity, found.count, found.total) == ("warning", 2, 200)
    assert list(found.examples) == ["u20 ~ u0", "u40 ~ u0"]
    assert "another label" not in found.message
    assert (found.unit, found.figures) == ("utterances", {"other_label": 0})


def test_both_are_told_apart(corpus, subject, sound):
    heard = [sound(n) for n in range(200)]
    heard[1], heard[25] = sound(0), sound(5)
    across, within = copies.check(subject(corpus(), heard))
    assert (across.severity, across.count, within.severity, within.count) == ("severe", 2, "warning", 1)
    assert list(within.examples) == ["u25 ~ u5"]


def test_silence_is_no_copy(corpus, subject, sound):
    heard = [replace(sound("silence"), peak_dbfs=-90.0)] * 200
    assert list(copies.check(subject(corpus(), heard))) == []


def test_without_folds_copies_are_still_found(corpus, subject, sound):
    heard = [sound(n // 2) for n in range(200)]
    (found,) = copies.check(subject(corpus(), heard, folds=[]))
    assert (found.severity, found.count) == ("warning", 100)


def test_different_recordings_are_no_finding(corpus, subject, sound):
    assert list(copies.check(subject(corpus(), [sound(n) for n in range(200)]))) == []
