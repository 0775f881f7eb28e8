import re
from dataclasses import replace

import pytest
import torch

from mer_core.data.prepare import prepare
from mer_core.data.store import FeatureStore, NoStore, pack_sizes, remove_pack
from mer_core.errors import DataError, RunError
from mer_core.testing.toys import BAD, CLASSES, ToyCorpus, ToyEncoder


def utterances(count=12):
    return ToyCorpus(ToyCorpus.Config(utterances=count)).read()


def spoiled(indices):
    bad = {"audio": BAD, "text": "1"}
    return [replace(u, fields=bad) if i in indices else u for i, u in enumerate(utterances())]


def prepared(made, rows, store, **kwargs):
    return prepare(made.pipeline, rows, store, classes=CLASSES, **{"may_lack": ("audio", "text")} | kwargs)


@pytest.fixture
def calls(monkeypatch):
    """The ids of what is prepared from now on."""
    seen, real = [], ToyEncoder.prepare
    monkeypatch.setattr(ToyEncoder, "prepare", lambda self, u: seen.append(u.id) or real(self, u))
    return seen


def test_what_the_store_has_is_not_prepared_again(toys, store, calls):
    made = toys()
    calls.clear()
    prepared(made, made.examples.utterances, store)
    assert calls == []
    changed = replace(made.examples.utterances[3], fields={"audio": "1 2", "text": "3"})
    examples, _ = prepared(made, [changed], store)
    assert calls == ["u0003", "u0003"]
    assert examples.item(0, made.pipeline)["audio"]["x"].flatten().tolist() == [1.0, 2.0]


def test_utterances_that_differ_only_in_a_field_do_not_share_an_item(toys, store):
    rows = [replace(u, id=f"{i}", text=None, speaker=None) for i, u in enumerate(utterances())]
    made = toys()
    examples, _ = prepared(made, rows, store)
    items = [examples.item(i, made.pipeline)["audio"]["x"] for i in range(len(rows))]
    for row, item in zip(rows, items, strict=True):
        assert item.flatten().tolist() == pytest.approx([float(x) for x in row.fields["audio"].split()])


def test_every_bad_utterance_is_named_at_once(toys, store):
    expected = (
        "2 of 12 utterances cannot be used\n  u0002: audio of u0002 is unreadable\n"
        "  u0007: audio of u0007 is unreadable\n"
        "Mend them, or run with --skip-bad to leave them out and list them in the report."
    )
    with pytest.raises(DataError, match=re.escape(expected)):
        prepared(toys(), spoiled({2, 7}), store)


def test_many_bad_utterances_are_counted(toys, store):
    with pytest.raises(DataError, match=r"12 of 12 utterances cannot be used\n(  u.*\n){10}  … and 2 more\n"):
        prepared(toys(), spoiled(range(12)), store)


def test_bad_utterances_are_left_out_where_that_is_asked_for(toys, store):
    examples, left_out = prepared(toys(), spoiled({2, 7}), store, skip_bad=True)
    assert left_out == {"u0002": "audio of u0002 is unreadable", "u0007": "audio of u0007 is unreadable"}
    assert len(examples.utterances) == len(examples.keys) == len(examples.frames) == 10
    assert [examples.label(i) for i in range(3)] == [0, 1, 3]


def test_a_missing_modality_is_an_error_unless_it_may_be_lacking(toys, store):
    rows = [replace(u, text=None) for u in utterances()]
    _, left_out = prepared(toys(), rows, store, may_lack=("audio",), skip_bad=True)
    assert set(left_out.values()) == {"it has no text"}
    _, left_out = prepared(toys(), rows, store, may_lack=("audio", "text"))
    assert left_out == {}


def test_progress_is_told_of_every_utterance(toys, store):
    told = []
    prepared(toys(), spoiled({2}), store, skip_bad=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 12) for i in range(1, 13)]


def test_an_item_that_has_gone_is_prepared_again_and_kept(toys, store, calls):
    made = toys()
    before = made.examples.item(3, made.pipeline)
    for name in pack_sizes(store.folder):
        remove_pack(store.folder, name)
    calls.clear()
    fresh = replace(made.examples, store=FeatureStore(store.folder))
    for _ in range(2):
        again = fresh.item(3, made.pipeline)
        assert all(torch.equal(again[m]["x"], before[m]["x"]) for m in before)
    assert calls == ["u0003", "u0003"]
    assert FeatureStore(store.folder).get(fresh.keys[3]["audio"]) is not None


def test_without_a_store_everything_is_prepared_each_time(toys, calls):
    made = toys()
    kept = made.examples.item(3, made.pipeline)
    calls.clear()
    examples, _ = prepared(made, made.examples.utterances, NoStore())
    assert len(calls) == 2 * len(examples.utterances)
    assert examples.frames == made.examples.frames
    calls.clear()
    for _ in range(2):
        item = examples.item(3, made.pipeline)
        assert all(torch.equal(item[m]["x"], kept[m]["x"]) for m in kept)
    assert calls == ["u0003"] * 4


def test_who_collates_may_write_to_the_items(toys):
    made = toys()
    made.examples.item(0, made.pipeline)["audio"]["x"].zero_()
    assert made.examples.item(0, made.pipeline)["audio"]["x"].abs().sum() > 0


@pytest.mark.parametrize("bad", [set(), {0}, {2, 7}, {11}])
def test_an_encoder_that_prepares_several_at_once_is_asked_to(toys, store, monkeypatch, bad):
    together, real = [], ToyEncoder.prepare

    def prepare_batch(self, utterances):
        together.append(len(utterances))
        return (real(self, u) for u in utterances)

    monkeypatch.setattr(ToyEncoder, "prepare_batch", prepare_batch, raising=False)
    made = toys(corpus={"utterances": 4})
    together.clear()
    examples, left_out = prepared(made, spoiled(bad), FeatureStore(store.folder / "new"), skip_bad=True)
    assert set(left_out) == {f"u{i:04d}" for i in bad}
    assert len(examples.utterances) == 12 - len(bad)
    assert together == [12, 12 - len(bad)]
    one_by_one, _ = prepared(made, examples.utterances, NoStore())
    for i in range(len(examples.utterances)):
        some, other = examples.item(i, made.pipeline), one_by_one.item(i, made.pipeline)
        assert all(torch.equal(some[m]["x"], other[m]["x"]) for m in some)


def test_a_full_disk_is_no_bad_utterance(toys, store, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    made = toys()
    monkeypatch.setattr("mer_core.data.packs.os.write", full)
    with pytest.raises(RunError, match="No space left on device"):
        prepared(made, [replace(u, id="new") for u in utterances()], store, skip_bad=True)
