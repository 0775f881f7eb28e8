import pytest

from mer_core.audit import speakers


def test_a_speaker_on_both_sides_is_severe(corpus, subject):
    shared = corpus(speaker=lambda n: "anna" if n in (0, 5, 21) else f"{n % 5}{n // 20 % 2}")
    found = next(iter(speakers.check(subject(shared))))
    assert (found.severity, found.count, found.total) == ("severe", 1, 11)
    assert "speakers on both sides of a fold, with 3 tested utterances (1.5 %): anna." in found.message
    assert (found.about, found.unit, found.figures) == ("speaker", "speakers", {"utterances": 3, "share": 0.015})
    assert (list(found.examples), found.num_examples) == (["u0 ~ u21", "u5 ~ u21", "u21 ~ u0"], 3)


def test_a_dialog_on_both_sides_is_a_warning(corpus, subject):
    (found,) = speakers.check(subject(corpus(fields=lambda n: {"dialog": str(n // 2 if n < 100 else n)})))
    assert (found.severity, found.count, found.total) == ("warning", 50, 150)
    assert (found.unit, len(found.examples), found.num_examples) == ("dialogs", 20, 100)
    assert "dialogs on both sides of a fold" in found.message


@pytest.mark.parametrize("nobody", [None, ""])
def test_unknown_speakers_are_told_and_are_not_one_speaker(corpus, subject, nobody):
    (found,) = speakers.check(subject(corpus(speaker=lambda n: nobody if n < 60 else f"{n % 5}")))
    assert (found.severity, found.count, found.total) == ("warning", 60, 200)
    assert found.examples[:2] == ["u0", "u1"]


def test_apart_speakers_are_no_finding(corpus, subject):
    assert list(speakers.check(subject(corpus()))) == []
