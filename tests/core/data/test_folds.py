import re

import pytest

from mer_core.data.folds import Fold, hold_out, make_folds, pick_fold, split
from mer_core.errors import DataError, SpecError
from mer_core.types import Utterance

ROWS = [  # speaker, session, label
    ("1F", "1", "a"), ("1M", "1", "b"), ("2F", "2", "a"), ("2M", "2", "b"), ("3F", "3", "a"), ("3M", "3", "b"),
]  # fmt: skip


def corpus(rows=None, splits=None):
    def fields(i):
        return {"split": splits[i]} if splits else {}

    return [
        Utterance(id=f"u{i}", speaker=speaker, session=session, label=label, fields=fields(i))
        for i, (speaker, session, label) in enumerate(rows or ROWS)
    ]  # fmt: skip


def refused(rows, scheme, message, splits=None):
    with pytest.raises(DataError, match=message):
        make_folds(corpus(rows, splits), scheme)


def test_session_leaves_one_session_out():
    assert make_folds(corpus(), "session") == [
        Fold("1", (2, 3, 4, 5), (0, 1)),
        Fold("2", (0, 1, 4, 5), (2, 3)),
        Fold("3", (0, 1, 2, 3), (4, 5)),
    ]


def test_speaker_leaves_one_speaker_out_in_the_order_of_names():
    folds = make_folds(corpus(list(reversed(ROWS))), "speaker")
    assert [fold.name for fold in folds] == ["1F", "1M", "2F", "2M", "3F", "3M"]
    assert [fold.test for fold in folds] == [(5,), (4,), (3,), (2,), (1,), (0,)]
    assert all(sorted(fold.train + fold.test) == list(range(6)) for fold in folds)


def test_fixed_follows_the_corpus_and_leaves_other_splits_alone():
    splits = ["Train", "training", "TEST", "eval", "dev", ""]
    assert make_folds(corpus(splits=splits), "fixed") == [Fold("fixed", (0, 1), (2, 3))]


def test_fixed_needs_the_field():
    expected = r"the corpus has no field `split`, which --folds fixed follows\nAdd a column split"
    refused(None, "fixed", expected)


@pytest.mark.parametrize(("side", "split"), [("training", "test"), ("test", "train")])
def test_a_fixed_split_of_one_side_is_refused(side, split):
    refused(None, "fixed", f"fold fixed has no {side} utterances\n", splits=[split] * 6)


@pytest.mark.parametrize(("scheme", "others"), [("session", "speaker or fixed"), ("speaker", "session or fixed")])
@pytest.mark.parametrize("missing", [None, ""])
def test_an_utterance_without_a_group_is_named(scheme, others, missing):
    rows = [*ROWS, (missing, "1", "a") if scheme == "speaker" else ("9F", missing, "a")]
    expected = f"utterance u6 has no {scheme}, which --folds {scheme} follows\nGive every .* or use --folds {others}"
    refused(rows, scheme, expected)


def test_one_group_leaves_nothing_to_train_on():
    expected = "fold 1 has no training utterances\n--folds session needs at least two groups; use another scheme"
    refused(ROWS[:2], "session", expected)


def test_a_speaker_on_both_sides_is_refused():
    rows = [*ROWS, ("1F", "2", "b"), ("3M", "1", "a")]
    expected = r"fold 1: 2 speaker\(s\) are on both sides: 1F, 3M\. .*\nUse --folds speaker, or correct the sessions"
    refused(rows, "session", expected)
    splits = ["train", "test", "train", "test", "train", "train", "test", "train"]
    refused(rows, "fixed", r"fold fixed: 1 speaker\(s\) are on both sides: 1F\.", splits=splits)


def test_a_split_is_unchecked():
    rows = [("1F", "1", "a"), ("1F", "2", "b")]
    assert split(corpus(rows), "session") == [Fold("1", (1,), (0,)), Fold("2", (0,), (1,))]
    assert split(corpus(rows[:1]), "session") == [Fold("1", (), (0,))]


@pytest.mark.parametrize("speaker", [None, ""])
def test_unknown_speakers_are_not_one_speaker(speaker):
    rows = [(speaker, session, label) for _, session, label in ROWS]
    assert len(make_folds(corpus(rows), "session")) == 3


def test_training_needs_two_classes():
    rows = [("1F", "1", "a"), ("2F", "2", "a"), ("2M", "2", "b")]
    refused(rows, "session", "fold 2: training has only the class a\nA recogniser needs at least two classes")


def test_a_fold_is_picked_by_its_name():
    folds = make_folds(corpus(), "session")
    assert pick_fold(folds, "2") == [folds[1]]
    with pytest.raises(SpecError, match=re.escape('fold "4" does not exist. Folds: 1, 2, 3.')):
        pick_fold(folds, "4")
    with pytest.raises(SpecError, match=re.escape('fold "1FF" does not exist (did you mean "1F"?)')):
        pick_fold(make_folds(corpus(), "speaker"), "1FF")


@pytest.mark.parametrize(("number", "held"), [(0, "2"), (1, "3"), (2, "1")])
def test_the_next_session_is_held_out_of_training(number, held):
    folds = make_folds(corpus(), "session")
    fold = folds[number]
    inner = hold_out(corpus(), fold, "session")
    assert inner.name == held
    assert sorted(inner.train + inner.test) == list(fold.train)
    assert inner.test == next(f.test for f in folds if f.name == held)
    assert not {*inner.train, *inner.test} & {*fold.test}


def test_a_fixed_split_holds_out_a_training_speaker():
    splits = ["train", "train", "train", "train", "test", "test"]
    (fold,) = make_folds(corpus(splits=splits), "fixed")
    assert hold_out(corpus(splits=splits), fold, "fixed") == Fold("1F", (1, 2, 3), (0,))


def test_nothing_can_be_held_out_of_one_session():
    fold = make_folds(corpus(ROWS[:4]), "session")[0]
    expected = r"fold 1: training has only one session, nothing can be held out .*\nUse --select last"
    with pytest.raises(DataError, match=expected):
        hold_out(corpus(), fold, "session")


def test_what_is_left_to_train_on_needs_two_classes():
    rows = [("1F", "1", "a"), ("1M", "1", "b"), ("2F", "2", "a"), ("2M", "2", "b"), ("3F", "3", "a")]
    fold = make_folds(corpus(rows), "session")[0]
    expected = r"fold 1: without session 2, held out .*, training has only the class a\nUse --select last"
    with pytest.raises(DataError, match=expected):
        hold_out(corpus(rows), fold, "session")
