import pytest

from mer_core.data.apply import apply_protocol, cleaned, notes, relabelled
from mer_core.data.folds import Fold
from mer_core.errors import DataError
from mer_core.spec import ProtocolSpec
from mer_core.types import Utterance

CORPUS = [
    Utterance(id="a", label="exc", text="Oh [LAUGHTER] well", fields={"kind": "improvised"}),
    Utterance(id="b", label="sad", text="Fine", fields={"kind": "scripted"}),
    Utterance(id="c", label="xxx", text=None, fields={"kind": "improvised"}),
]


def under(**protocol):
    return apply_protocol(ProtocolSpec.model_validate(protocol), CORPUS)


def test_only_utterances_with_the_value_are_kept():
    assert [u.id for u in under(keep={"kind": ["improvised"]})] == ["a", "c"]
    assert [u.id for u in under(keep={"kind": ["improvised", "scripted"]})] == ["a", "b", "c"]


def test_labels_count_as_the_classes_of_the_map_and_empty_ones_are_left_out():
    used = under(labels={"exc": "hap", "sad": "sad", "xxx": ""})
    assert [(u.id, u.label) for u in used] == [("a", "hap"), ("b", "sad")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as-read", ["Oh [LAUGHTER] well", "Fine", None]),
        ("no-tags", ["Oh well", "Fine", None]),
        ("lower", ["oh well", "fine", None]),
    ],
)
def test_text_is_cleaned(text, expected):
    assert [u.text for u in under(text=text)] == expected


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            {"keep": {"mood": ["x"]}},
            r"3 of 3 utterances have no mood, for example a, and the protocol uses those whose mood is x\n"
            r"Give every utterance a mood .* mer protocol list",
        ),
        ({"keep": {"kind": ["read"]}}, r"no utterance has the kind read, .* The corpus has: improvised, scripted\n"),
        (
            {"labels": {"exc": "hap", "sad": ""}},
            r"utterance c is labelled xxx, which is not in .*: exc, sad\nAdd xxx",
        ),
        ({"labels": {"exc": "", "sad": "", "xxx": ""}}, r"the protocol's labels leave no utterance: .*\nGive some"),
    ],
)
def test_a_corpus_that_lacks_what_the_protocol_needs(protocol, message):
    with pytest.raises(DataError, match=message):
        under(**protocol)


def test_what_a_protocol_takes_away_is_told():
    protocol = ProtocolSpec(keep={"kind": ("improvised",)}, select="test")
    folds = [Fold("1", (0,), (1,), removed=(2, 3)), Fold("2", (0,), (1,))]
    assert notes(protocol, CORPUS, apply_protocol(protocol, CORPUS), folds) == [
        "the protocol is selected on test (optimistic)",
        "the protocol uses 2 of 3 utterances",
        "tags were taken out of the text of 1 utterances (--set protocol.text=as-read leaves them in)",
        "training utterances that repeat words of the test side are left out: 2 of fold 1",
    ]
    plain = ProtocolSpec(text="as-read")
    assert notes(plain, CORPUS, apply_protocol(plain, CORPUS), folds[1:]) == []


def test_another_corpus_is_read_as_the_trained_one_was():
    protocol = ProtocolSpec(labels={"exc": "hap", "sad": "sad", "xxx": ""}, text="lower")
    others = [*CORPUS, Utterance(id="d", label="hap", text="YES"), Utterance(id="e", label=None)]
    used = cleaned(protocol, relabelled(protocol, others))
    assert [(u.id, u.label) for u in used] == [("a", "hap"), ("b", "sad"), ("d", "hap"), ("e", None)]
    assert [u.text for u in used] == ["oh well", "fine", "yes", None]
