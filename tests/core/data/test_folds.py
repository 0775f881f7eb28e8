import re
from dataclasses import replace

import pytest

from mer_core.data.folds import Fold, hold_out, make_folds, pick_fold, split
from mer_core.errors import DataError, SpecError
from mer_core.spec import ProtocolSpec
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
        make_folds(corpus(rows, splits), ProtocolSpec(folds=scheme))


def test_session_leaves_one_session_out():
    assert make_folds(corpus(), ProtocolSpec()) == [
        Fold("1", (2, 3, 4, 5), (0, 1)),
        Fold("2", (0, 1, 4, 5), (2, 3)),
        Fold("3", (0, 1, 2, 3), (4, 5)),
    ]


def test_speaker_leaves_one_speaker_out_in_the_order_of_names():
    folds = make_folds(corpus(list(reversed(ROWS))), ProtocolSpec(folds="speaker"))
    assert [fold.name for fold in folds] == ["1F", "1M", "2F", "2M", "3F", "3M"]
    assert [fold.test for fold in folds] == [(5,), (4,), (3,), (2,), (1,), (0,)]
    assert all(sorted(fold.train + fold.test) == list(range(6)) for fold in folds)


def test_fixed_follows_the_corpus_and_leaves_other_splits_alone():
    splits = ["Train", "training", "TEST", "eval", "dev", ""]
    assert make_folds(corpus(splits=splits), ProtocolSpec(folds="fixed")) == [Fold("fixed", (0, 1), (2, 3))]


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
    assert split(corpus(rows), ProtocolSpec()) == [Fold("1", (1,), (0,)), Fold("2", (0,), (1,))]
    assert split(corpus(rows[:1]), ProtocolSpec()) == [Fold("1", (), (0,))]


@pytest.mark.parametrize("speaker", [None, ""])
def test_unknown_speakers_are_not_one_speaker(speaker):
    rows = [(speaker, session, label) for _, session, label in ROWS]
    assert len(make_folds(corpus(rows), ProtocolSpec())) == 3


def test_training_needs_two_classes():
    rows = [("1F", "1", "a"), ("2F", "2", "a"), ("2M", "2", "b")]
    refused(rows, "session", "fold 2: training has only the class a\nA recogniser needs at least two classes")


def test_a_fold_is_picked_by_its_name():
    folds = make_folds(corpus(), ProtocolSpec())
    assert pick_fold(folds, "2") == [folds[1]]
    with pytest.raises(SpecError, match=re.escape('fold "4" does not exist. Folds: 1, 2, 3.')):
        pick_fold(folds, "4")
    with pytest.raises(SpecError, match=re.escape('fold "1FF" does not exist (did you mean "1F"?)')):
        pick_fold(make_folds(corpus(), ProtocolSpec(folds="speaker")), "1FF")


@pytest.mark.parametrize(("number", "held"), [(0, "2"), (1, "3"), (2, "1")])
def test_the_next_session_is_held_out_of_training(number, held):
    folds = make_folds(corpus(), ProtocolSpec())
    fold = folds[number]
    inner = hold_out(corpus(), fold, ProtocolSpec())
    assert inner.name == held
    assert sorted(inner.train + inner.test) == list(fold.train)
    assert inner.test == next(f.test for f in folds if f.name == held)
    assert not {*inner.train, *inner.test} & {*fold.test}


def test_a_fixed_split_holds_out_a_training_speaker():
    splits = ["train", "train", "train", "train", "test", "test"]
    (fold,) = make_folds(corpus(splits=splits), ProtocolSpec(folds="fixed"))
    assert hold_out(corpus(splits=splits), fold, ProtocolSpec(folds="fixed")) == Fold("1F", (1, 2, 3), (0,))


def test_nothing_can_be_held_out_of_one_session():
    fold = make_folds(corpus(ROWS[:4]), ProtocolSpec())[0]
    expected = r"fold 1: training has only one session, nothing can be held out .*\nUse --select last"
    with pytest.raises(DataError, match=expected):
        hold_out(corpus(), fold, ProtocolSpec())


def test_what_is_left_to_train_on_needs_two_classes():
    rows = [("1F", "1", "a"), ("1M", "1", "b"), ("2F", "2", "a"), ("2M", "2", "b"), ("3F", "3", "a")]
    fold = make_folds(corpus(rows), ProtocolSpec())[0]
    expected = r"fold 1: without session 2, held out .*, training has only the class a\nUse --select last"
    with pytest.raises(DataError, match=expected):
        hold_out(corpus(rows), fold, ProtocolSpec())


# Random parts


def random_parts(**changes):
    return ProtocolSpec(folds="kfold", **{"parts": 3} | changes)


def test_random_parts_are_even_and_test_every_utterance_once_with_speakers_on_both_sides():
    folds = make_folds(corpus(ROWS * 4), random_parts())
    assert [fold.name for fold in folds] == ["1", "2", "3"]
    assert sorted(i for fold in folds for i in fold.test) == list(range(24))
    assert all(len(fold.test) == 8 and sorted(fold.train + fold.test) == list(range(24)) for fold in folds)


def test_random_parts_depend_on_the_seed_and_not_on_the_order_of_the_corpus():
    utterances = corpus(ROWS * 4)
    ids = [{utterances[i].id for i in fold.test} for fold in make_folds(utterances, random_parts())]
    turned = utterances[::-1]
    assert [{turned[i].id for i in fold.test} for fold in make_folds(turned, random_parts())] == ids
    other = make_folds(utterances, random_parts(split_seed=1))
    assert [{utterances[i].id for i in fold.test} for fold in other] != ids


def test_ten_parts_come_in_the_order_of_their_numbers():
    names = [fold.name for fold in make_folds(corpus(ROWS * 4), random_parts(parts=10))]
    assert names == ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]


def test_a_part_of_training_is_held_out_of_random_parts():
    utterances = corpus(ROWS * 4)
    folds = make_folds(utterances, random_parts())
    inner = hold_out(utterances, folds[2], random_parts())
    assert (inner.name, inner.test) == ("1", folds[0].test)


def test_more_parts_than_utterances():
    with pytest.raises(DataError, match=r"the corpus has 6 utterances, too few for 7 parts\nUse fewer"):
        make_folds(corpus(), random_parts(parts=7))


# Sessions and scenarios


def played(scenes=("x", "y", "z", "w"), sessions="123", labels="ab"):
    """Every session plays every scene; scene `x` is the most frequent."""
    return [
        Utterance(
            id=f"{session}{scene}{number}",
            session=session,
            speaker=session + "FM"[number % 2],
            label=labels[number % len(labels)],
            fields={"scenario": scene},
        )
        for session in sessions
        for scene in scenes
        for number in range(6 if scene == "x" else 4)
    ]


def test_neither_the_session_nor_a_scenario_of_the_test_side_is_trained_on():
    utterances = played()
    folds = make_folds(utterances, ProtocolSpec(folds="scenario", parts=2))
    assert [fold.name for fold in folds] == ["1-1", "1-2", "2-1", "2-2", "3-1", "3-2"]
    assert sorted(i for fold in folds for i in fold.test) == list(range(len(utterances)))
    for fold in folds:
        for key in (lambda u: u.session, lambda u: u.fields["scenario"]):
            assert not {key(utterances[i]) for i in fold.train} & {key(utterances[i]) for i in fold.test}
        assert {utterances[i].session for i in fold.train} == set("123") - {fold.name[0]}


def test_groups_of_scenarios_are_even_and_mix_the_classes():
    sad = [replace(u, label="sad") for u in played(scenes=("p", "q"), sessions="12")]
    calm = [replace(u, label="calm") for u in played(scenes=("r", "s"), sessions="12")]
    utterances = sad + calm
    for fold in make_folds(utterances, ProtocolSpec(folds="scenario", parts=2)):
        assert {utterances[i].label for i in fold.test} == {"sad", "calm"}
        assert len(fold.test) == 8


def test_a_session_is_held_out_of_sessions_and_scenarios():
    utterances, protocol = played(), ProtocolSpec(folds="scenario", parts=2)
    fold = make_folds(utterances, protocol)[2]
    inner = hold_out(utterances, fold, protocol)
    assert (fold.name, inner.name) == ("2-1", "3")
    assert {utterances[i].session for i in inner.train} == {"1"}


def test_what_sessions_and_scenarios_need():
    protocol = ProtocolSpec(folds="scenario", parts=3)
    with pytest.raises(DataError, match=r"utterance u0 has no scenario, which --folds scenario follows\nGive every"):
        make_folds(corpus(), protocol)
    with pytest.raises(DataError, match=r"the corpus has 2 scenarios, too few for 3 groups\nUse fewer, for exam"):
        make_folds(played(scenes="xy"), protocol)
    lacking = [u for u in played() if u.session != "2" or u.fields["scenario"] != "x"]
    with pytest.raises(DataError, match=r"fold 2-\d has no test utterances\nEvery session must play a scen"):
        make_folds(lacking, protocol)
    with pytest.raises(DataError, match=r"utterance 1x0 has no session, which --folds scenario follows"):
        make_folds([replace(u, session=None) for u in played()], protocol)


# Repeated words

LINES = ["who left the door open", "it rained all day today", "well, there it is"]
DISJOINT = ProtocolSpec(without_repeats=True)


def saying(texts):
    return [replace(u, text=text) for u, text in zip(corpus(), texts, strict=True)]


def test_training_utterances_that_repeat_the_test_side_are_left_out():
    near, other = "who left the front door open", "nobody said a word"
    utterances = saying([LINES[0], LINES[1], near, other, "Well, there it is!", LINES[2]])
    folds = make_folds(utterances, DISJOINT)
    assert folds[0] == Fold("1", (3, 4, 5), (0, 1), removed=(2,))
    assert folds[1] == Fold("2", (1, 4, 5), (2, 3), removed=(0,))
    assert folds[2] == Fold("3", (0, 1, 2, 3), (4, 5))  # within the test side lines may repeat
    assert [fold.test for fold in make_folds(utterances, ProtocolSpec())] == [fold.test for fold in folds]


def test_words_are_needed_to_tell_repeats():
    with pytest.raises(DataError, match=r"the corpus has no words, and the protocol leaves out .*\nGive every utt"):
        make_folds(corpus(), DISJOINT)


def test_a_corpus_that_says_the_same_everywhere_leaves_nothing_to_train_on():
    with pytest.raises(DataError, match=r"fold 1: all 4 training utterances repeat words of the test side, so none"):
        make_folds(saying([LINES[0], LINES[1]] * 3), DISJOINT)
