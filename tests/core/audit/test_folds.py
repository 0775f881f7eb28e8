import pytest

from mer_core.audit import folds
from mer_core.audit.folds import why_broken
from mer_core.data.folds import Fold


@pytest.mark.parametrize(
    ("train", "test", "why"),
    [
        ((), (0, 1), "it has no training utterances."),
        ((0, 5), (), "it has no test utterances."),
        ((0, 1, 2), (5,), "training has only the class ang."),
        ((0, 5), (6,), ""),
    ],
)
def test_why_a_fold_is_broken(corpus, train, test, why):
    assert why_broken(corpus(), Fold("1", train, test)) == why


def test_broken_folds_are_severe(corpus, subject):
    (found,) = folds.check(subject(corpus(), broken={"9": "it has no test utterances."}))
    assert (found.severity, found.count, found.total) == ("severe", 1, 6)
    assert (found.about, found.unit) == ("9", "folds")
    assert found.message == "fold 9: it has no test utterances."


def test_no_folds_at_all_are_severe(corpus, subject):
    (found,) = folds.check(subject(corpus(), folds=[], broken={"": "utterance u0 has no session."}))
    assert found.message == "utterance u0 has no session. The checks across folds are left out."


def test_classes_that_a_side_lacks_are_told(corpus, subject):
    rows = corpus(label=lambda n: "joy" if n % 5 == 1 and n < 20 else ("ang", "sad")[n // 5 % 2])
    training, test = folds.check(subject(rows))
    assert (training.severity, training.count, training.total) == ("warning", 1, 5)
    assert "whose training side lacks classes, which then cannot be recognised: fold 2: joy" in training.message
    assert (test.severity, test.count) == ("warning", 4)
    assert (training.about, training.unit, test.about, test.unit) == ("training", "folds", "test", "folds")
    assert "fold 1: joy; fold 3: joy; fold 4: joy; fold 5: joy" in test.message


def test_whole_folds_are_no_finding(corpus, subject):
    assert list(folds.check(subject(corpus()))) == []
