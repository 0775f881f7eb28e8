import threading
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import torch

from mer_core import train
from mer_core.data.examples import collated, loader
from mer_core.data.loading import on_device
from mer_core.data.store import NoStore
from mer_core.device import make_accelerator
from mer_core.events import Stepped, silent
from mer_core.train import Trainer
from mer_core.transfer import send

CPU = torch.device("cpu")
BATCHES = [[5, 0], [3], [7, 1, 2], [4]]


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def ahead(made, batches=BATCHES, examples=None):
    return closing(on_device(made.pipeline, examples or made.examples, batches, CPU, ahead=True))


def same(some, others):
    assert [u.id for u in some.utterances] == [u.id for u in others.utterances]
    assert torch.equal(some.labels_B, others.labels_B)
    for modality, inputs in others.inputs.items():
        assert all(torch.equal(some.inputs[modality][name], tensor) for name, tensor in inputs.items())


def test_a_thread_reads_the_same_batches_in_the_same_order_and_draws_nothing(toys):
    made = toys()
    torch.manual_seed(3)
    expected, drawn = list(loader(made.pipeline, made.examples, BATCHES)), torch.rand(3)
    torch.manual_seed(3)
    with ahead(made) as batches:
        found = list(batches)
    assert torch.equal(torch.rand(3), drawn)
    assert len(found) == len(expected) == 4
    for some, others in zip(found, expected, strict=True):
        same(some, others)
    assert readers() == []


def test_the_next_batch_is_read_while_one_is_worked_on_and_no_further_one(toys, monkeypatch):
    made, read = toys(), threading.Semaphore(0)
    collate = made.pipeline.collate
    monkeypatch.setattr(made.pipeline, "collate", lambda items: (read.release(), collate(items))[1])
    with ahead(made) as batches:
        next(batches)
        assert read.acquire(timeout=10)
        assert read.acquire(timeout=10)
        assert not read.acquire(timeout=0.05)
        next(batches)
        assert read.acquire(timeout=10)
    assert readers() == []


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_wanted(toys, monkeypatch):
    made = toys()
    collate = made.pipeline.collate

    def failing(items):
        if len(items) == 3:
            raise ValueError("no")
        return collate(items)

    monkeypatch.setattr(made.pipeline, "collate", failing)
    with ahead(made) as batches:
        assert len(next(batches).labels_B) == 2
        assert len(next(batches).labels_B) == 1
        with pytest.raises(ValueError, match="no"):
            next(batches)
    assert readers() == []


@pytest.mark.parametrize("lost", [{0}, {3}, {0, 1, 2, 3, 4, 5, 7}], ids=["first", "later", "all"])
def test_what_the_store_has_lost_is_prepared_by_who_wants_it_while_nobody_reads(toys, monkeypatch, lost):
    made = toys()
    expected = [collated(made.pipeline, made.examples, indices) for indices in BATCHES]
    encoder, at_work, by = made.pipeline.encoders["audio"], threading.Lock(), []
    prepare, item = encoder.prepare, type(made.examples).item

    def prepared(utterance):
        by.append(threading.current_thread())
        assert not at_work.locked()
        return prepare(utterance)

    def read(self, index, pipeline):
        if threading.current_thread() is threading.main_thread():
            return item(self, index, pipeline)
        with at_work:
            return item(self, index, pipeline)

    monkeypatch.setattr(encoder, "prepare", prepared)
    monkeypatch.setattr(type(made.examples), "item", read)
    keys = [keys if i not in lost else keys | {"audio": f"lost {i}"} for i, keys in enumerate(made.examples.keys)]
    with ahead(made, examples=replace(made.examples, keys=keys)) as batches:
        found = list(batches)
    for some, others in zip(found, expected, strict=True):
        same(some, others)
    assert by == [threading.main_thread()] * len(lost)


def test_without_a_store_everything_is_prepared_by_who_wants_it(toys):
    made = toys()
    with ahead(made, examples=replace(made.examples, store=NoStore())) as batches:
        assert [len(batch.labels_B) for batch in batches] == [2, 1, 3, 1]


class Stopped(BaseException):
    """As Ctrl-C."""


def fit(made, folder, listener=silent):
    folder.mkdir()
    accelerator = make_accelerator("cpu", made.spec)
    trainer = Trainer(
        spec=made.spec.train, accelerator=accelerator, folder=folder, seed_parts=(1, "a"), score=None, listener=listener
    )
    return trainer.fit(made.pipeline, made.examples, list(range(24)), started=lambda epoch: None)


@pytest.fixture
def dropping(toys):
    """Toys whose encoders and tasks draw."""
    encoders = {m: {"use": "toy", "modality": m, "dropout": 0.3} for m in ("audio", "text")}
    train = {"epochs": 2, "batch_size": 4, "accumulate": 2, "learning_rate": 0.05}
    return partial(toys, encoders=encoders, aux=[{"use": "aux1"}, {"use": "aux2"}], train=train)


def test_a_training_that_reads_ahead_ends_in_the_same_losses_and_weights(dropping, tmp_path, monkeypatch):
    plain, threaded = dropping(), dropping()
    history = fit(plain, tmp_path / "plain").history
    monkeypatch.setattr(train, "on_device", partial(on_device, ahead=True))
    assert fit(threaded, tmp_path / "threaded").history == history
    others = threaded.pipeline.state_dict()
    assert all(torch.equal(tensor, others[name]) for name, tensor in plain.pipeline.state_dict().items())


def test_the_thread_ends_when_training_is_stopped(dropping, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "on_device", partial(on_device, ahead=True))

    def stop(event):
        if isinstance(event, Stepped):
            assert len(readers()) == 1
            raise Stopped

    with pytest.raises(Stopped) as raised:
        fit(dropping(), tmp_path / "a", stop)
    assert readers() == []
    assert raised.traceback  # whose frames still hold the batches


def test_a_gpu_is_read_ahead_for_and_a_cpu_is_not(toys, monkeypatch):
    made = toys()
    list(on_device(made.pipeline, made.examples, BATCHES, CPU))
    assert readers() == []
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: pinned.append(x) or x)
    monkeypatch.setattr("mer_core.data.loading.to_device", lambda batch, device: (batch, device))
    cuda = torch.device("cuda")
    with closing(on_device(made.pipeline, made.examples, BATCHES, cuda)) as batches:
        batch, device = next(batches)
        assert len(readers()) == 1
        assert device == cuda
        tensors = [batch.labels_B, *(x for inputs in batch.inputs.values() for x in inputs.values())]
        assert all(any(x is other for other in pinned) for x in tensors)


def test_a_tensor_goes_to_a_gpu_through_pinned_memory_and_nothing_waits(monkeypatch):
    class Pinned:
        def to(self, device, *, non_blocking):
            return device, non_blocking

    x, cuda = torch.ones(3), torch.device("cuda")
    assert send(x, CPU) is x
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: Pinned())
    assert send(x, cuda) == (cuda, True)
    assert send(x, CPU) is x
