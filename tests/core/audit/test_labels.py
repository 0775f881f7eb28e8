import pytest

from mer_core.audit import labels
from mer_core.audit.labels import counted


def test_the_published_counts_are_confirmed(corpus, subject):
    rows = corpus()
    (found,) = labels.check(subject(rows, published=counted(subject(rows))))
    assert (found.severity, found.count, found.total) == ("note", 200, 200)
    assert "the counts are the published ones in every session and class (1: 40, 2: 40," in found.message


@pytest.mark.parametrize(("lost", "severity"), [(1, "warning"), (2, "severe")])
def test_lost_utterances_are_told_by_session_and_class(corpus, subject, lost, severity):
    rows = corpus()
    published = counted(subject(rows))
    (found,) = labels.check(subject(rows[lost:], published=published))
    assert (found.severity, found.count, found.total) == (severity, lost, 200)
    assert (found.unit, found.figures) == ("utterances too few or too many", {"listed": 200 - lost})
    assert (
        f"the corpus lists {200 - lost} utterances, published are 200: session 1: ang 9 instead of 10" in found.message
    )


def test_a_missing_session_is_named(corpus, subject):
    rows = corpus()
    (found,) = labels.check(subject([u for u in rows if u.session != "3"], published=counted(subject(rows))))
    assert (found.severity, found.count) == ("severe", 40)
    assert "session 3 is missing." in found.message


def test_exchanged_labels_are_found_though_the_sums_agree(corpus, subject):
    rows = corpus()
    wrong = corpus(label=lambda n: rows[n].label if n else "sad")
    (found,) = labels.check(subject(wrong, published=counted(subject(rows))))
    assert "session 1: ang 9 instead of 10, sad 11 instead of 10" in found.message


def test_what_a_protocol_leaves_out_is_not_missing(corpus, subject):
    rows = corpus()
    (found,) = labels.check(subject(rows[:50], listed=rows, published=counted(subject(rows))))
    assert found.severity == "note"


def test_a_gap_between_sessions_is_told_where_counts_are_unknown(corpus, subject):
    (found,) = labels.check(subject([u for u in corpus() if u.session != "3"]))
    assert (found.severity, found.count, found.total) == ("warning", 1, 5)
    assert "no utterances of session 3" in found.message


@pytest.mark.parametrize("names", [["tv"], ["1990", "2000", "2010"], ["0", "1", "2"], [None]])
def test_other_names_of_sessions_have_no_gap(corpus, subject, names):
    rows = corpus(session=lambda n: names[n % len(names)])
    assert list(labels.check(subject(rows, folds=[]))) == []
