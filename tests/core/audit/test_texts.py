import pytest

from mer_core.audit import texts


@pytest.mark.parametrize("empty", ["", None, " ... ", "[LAUGHTER]"])
@pytest.mark.parametrize(("count", "severity"), [(9, "note"), (10, "warning")])
def test_transcripts_without_a_word_are_counted(corpus, subject, empty, count, severity):
    rows = corpus(text=lambda n: empty if n < count else "yes")
    (found,) = texts.check(subject(rows))
    assert (found.severity, found.count, found.total, found.examples[:2]) == (severity, count, 200, ["u0", "u1"])


def test_words_are_no_finding(corpus, subject):
    assert list(texts.check(subject(corpus()))) == []
