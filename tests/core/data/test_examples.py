import re
from dataclasses import replace

import pytest
import torch

from mer_core.data.examples import loader, prepare
from mer_core.errors import DataError, RunError
from mer_core.testing.toys import BAD, CLASSES, ToyCorpus, ToyEncoder


def utterances(count=12):
    return ToyCorpus(ToyCorpus.Config(utterances=count)).read()


def spoiled(indices):
    bad = {"audio": BAD, "text": "1"}
    return [replace(u, fields=bad) if i in indices else u for i, u in enumerate(utterances())]


def prepared(made, rows, store, **kwargs):
    return prepare(made.pipeline, rows, store, classes=CLASSES, **{"may_lack": ("audio", "text")} | kwargs)


def test_batches_hold_what_the_utterances_hold_in_the_order_asked_for(toys):
    made = toys()
    first, second = loader(made.pipeline, made.examples, [[5, 0], [3]])
    assert [u.id for u in first.utterances] == ["u0005", "u0000"]
    assert first.labels_B.tolist() == [1, 0]
    audio = [float(x) for x in made.examples.utterances[5].fields["audio"].split()]
    assert first.inputs["audio"]["x"][0, : len(audio), 0].tolist() == pytest.approx(audio)
    assert first.inputs["audio"]["mask"].sum(1)[0] == len(audio)
    assert second.labels_B.tolist() == [3]


def test_lengths_are_frames_of_all_modalities(toys):
    made = toys()
    expected = [sum(len(text.split()) for text in u.fields.values()) for u in made.examples.utterances]
    assert made.examples.lengths == expected


def test_what_the_store_has_is_not_prepared_again(toys, store, monkeypatch):
    made, calls = toys(), []
    real = ToyEncoder.prepare
    monkeypatch.setattr(ToyEncoder, "prepare", lambda self, u: calls.append(u.id) or real(self, u))
    prepared(made, made.examples.utterances, store)
    assert calls == []
    changed = replace(made.examples.utterances[3], fields={"audio": "1 2", "text": "3"})
    examples, _ = prepared(made, [changed], store)
    assert calls == ["u0003", "u0003"]
    assert examples.item(0)["audio"]["x"].flatten().tolist() == [1.0, 2.0]


def test_utterances_that_differ_only_in_a_field_do_not_share_an_item(toys, store):
    rows = [replace(u, id=f"{i}", text=None, speaker=None) for i, u in enumerate(utterances())]
    examples, _ = prepared(toys(), rows, store)
    items = [examples.item(i)["audio"]["x"] for i in range(len(rows))]
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
    assert len(examples.utterances) == len(examples.keys) == len(examples.lengths) == 10
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


def test_an_item_that_has_gone_is_told_with_the_remedy(toys, store):
    made = toys()
    for path in store.folder.glob("*/*"):
        path.unlink()
    with pytest.raises(DataError, match=r"prepared audio of u0000 has gone from .*\nRun again with --resume"):
        made.examples.item(0)


def test_a_full_disk_is_no_bad_utterance(toys, store, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    made = toys()
    monkeypatch.setattr("mer_core.tensors.save_file", full)
    with pytest.raises(RunError, match="No space left on device"):
        prepared(made, [replace(u, id="new") for u in utterances()], store, skip_bad=True)


def test_an_utterance_without_a_label_is_class_0_in_a_batch(toys, store):
    examples, _ = prepared(toys(), [replace(u, label=None) for u in utterances()], store)
    assert examples.label(3) == 0
    assert torch.is_tensor(examples.item(3)["text"]["x"])
