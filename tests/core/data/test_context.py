import pytest

from mer_core.data.context import context_of, seen_by, with_neighbours
from mer_core.data.keys import item_key
from mer_core.errors import DataError
from mer_core.testing.toys import ToyEncoder
from mer_core.types import Utterance


def said(id_, dialog=None, start_s=None, **more):
    fields = {"dialog": dialog, "start_s": start_s}
    return Utterance(id=id_, label="sad", fields={k: v for k, v in fields.items() if v is not None}, **more)


def around(utterances, size):
    return {
        u.id: ([near.id for near in u.before], [near.id for near in u.after]) for u in with_neighbours(utterances, size)
    }


def test_neighbours_are_those_of_the_dialog_in_time():
    utterances = [said("c", "1", "12.5"), said("x", "2", "1.0"), said("a", "1", "2.0"), said("b", "1", "9.75")]
    assert around(utterances, 1) == {"a": ([], ["b"]), "b": (["a"], ["c"]), "c": (["b"], []), "x": ([], [])}
    assert around(utterances, 5)["c"] == (["a", "b"], [])
    assert [u.id for u in with_neighbours(utterances, 1)] == ["c", "x", "a", "b"], "the order of the corpus stays"


@pytest.mark.parametrize("start_s", [None, "soon"])
def test_without_times_the_order_is_that_of_the_corpus(start_s):
    utterances = [said("b", "1", "5.0"), said("a", "1", start_s), said("c", "1", "1.0")]
    assert around(utterances, 1) == {"b": ([], ["a"]), "a": (["b"], ["c"]), "c": (["a"], [])}


def test_who_is_in_no_dialog_has_no_neighbours():
    assert around([said("a"), said("b")], 2) == {"a": ([], []), "b": ([], [])}


def test_neighbours_have_no_label_and_no_neighbours_of_their_own():
    (first, second, _) = with_neighbours([said(name, "1", start) for name, start in zip("abc", "123", strict=True)], 2)
    for near in (*first.after, *second.before, *second.after):
        assert near.label is None
        assert (near.before, near.after) == ((), ())
    assert first.label == "sad"


def test_an_encoder_sees_the_neighbours_it_asks_for():
    (_, _, middle, _, _) = with_neighbours([said(name, "1", str(ord(name))) for name in "abcde"], 2)
    seen = {size: seen_by(ToyEncoder(ToyEncoder.Config(context=size)), middle) for size in (0, 1, 2, 3)}
    found = {size: "".join(u.id for u in (*one.before, one, *one.after)) for size, one in seen.items()}
    assert found == {0: "c", 1: "bcd", 2: "abcde", 3: "abcde"}


def test_the_key_of_an_item_holds_what_is_read_around():
    plain, changed = (with_neighbours([said("a", "1", "1"), said("b", "1", "2", text=text)], 1) for text in ("x", "y"))
    assert item_key(plain[0], "e") != item_key(changed[0], "e")
    assert item_key(plain[0], "e") != item_key(said("a", "1", "1"), "e")
    before, after = (with_neighbours([said("b", "1", b), said("a", "1", "1")], 1)[1] for b in "02")
    assert item_key(before, "e") != item_key(after, "e")


def test_a_label_does_not_change_a_neighbours_key():
    one, two = (
        with_neighbours([said("a", "1", "1"), Utterance(id="b", label=label, fields={"dialog": "1"})], 1)
        for label in ("sad", "angry")
    )
    assert item_key(one[0], "e") == item_key(two[0], "e")


def test_context_is_prepared(toys):
    made = toys(encoders={"audio": {"use": "toy", "modality": "audio", "context": 1}})
    assert context_of(made.pipeline.encoder("audio")) == 1
    assert not made.examples.utterances[3].before, "toys are in no dialog"


def test_training_with_context_needs_dialogs(experiment):
    pipeline = {"encoders": {"audio": {"use": "toy", "modality": "audio", "context": 2}}}
    expected = r'encoders.audio uses context, and no utterance of this corpus has a field "dialog"\nA manifest may have'
    with pytest.raises(DataError, match=expected):
        experiment(pipeline=pipeline).run()


def test_a_run_that_uses_context_says_so(experiment, change_corpus):
    from dataclasses import replace

    change_corpus(lambda read: [replace(u, fields={**u.fields, "dialog": str(u.session)}) for u in read])
    pipeline = {"encoders": {"text": {"use": "toy", "modality": "text", "context": 2}}}
    run, report = experiment(pipeline=pipeline).run()
    assert report["uses_context"] == run.info()["uses_context"] == {"text": 2}
    assert report["remarks"] == ["encoders.text: uses context, 2 utterances of the dialog on either side"]
    _, plain = experiment(out="plain").run()
    assert (plain["uses_context"], plain["remarks"]) == ({}, [])
