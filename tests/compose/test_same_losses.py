"""What makes a run fast changes no number of it: the main job, with tiny encoders that drop and tasks that draw."""

from functools import partial

import pytest
import torch

from mer_core import train
from mer_core.data.loading import on_device
from mer_core.data.store import FeatureStore, NoStore
from mer_core.device import make_accelerator
from mer_core.events import silent
from mer_core.train import Trainer


def fit(made, folder, indices=(0, 1, 2, 0, 1)):
    """Train, and return every loss of every epoch and the weights at the end."""
    folder.mkdir()
    accelerator = make_accelerator("cpu", made.spec)
    trainer = Trainer(
        spec=made.spec.train, accelerator=accelerator, folder=folder, seed_parts=(1, "a"), score=None, listener=silent
    )
    progress = trainer.fit(made.pipeline, made.examples, indices, started=lambda epoch: None)
    return [row["losses"] for row in progress.history], made.pipeline.state_dict()


def assert_same(some, others):
    """Equal to the last bit."""
    assert some[0] == others[0]
    assert all(torch.equal(tensor, others[1][name]) for name, tensor in some[1].items())


def test_with_and_without_the_cache_and_read_ahead_or_not(main_job, store, tmp_path, monkeypatch):
    job = partial(main_job, batch_size=2, epochs=2)
    computed = fit(job(), tmp_path / "computed")
    assert set(computed[0][0]) == {"main", "aux1", "aux2"}
    assert computed[0][0] != computed[0][1]
    monkeypatch.setattr(FeatureStore, "put", lambda *_, **__: pytest.fail("everything is there to be read"))
    assert_same(fit(job(store=FeatureStore(store.folder)), tmp_path / "read"), computed)
    assert_same(fit(job(store=NoStore()), tmp_path / "without"), computed)
    monkeypatch.setattr(train, "on_device", partial(on_device, ahead=True))
    assert_same(fit(job(store=FeatureStore(store.folder)), tmp_path / "ahead"), computed)
    assert_same(fit(job(store=NoStore()), tmp_path / "ahead-without"), computed)


@pytest.mark.parametrize("batches", [{"batch_frames": 1, "accumulate": 3}, {"batch_frames": 10_000}])
def test_however_utterances_are_put_into_batches(main_job, tmp_path, batches):
    """Without dropout losses and steps are those of all utterances at once, however much padding their batches have."""
    ends = []
    for name, more in (("together", {"batch_size": 3}), ("otherwise", batches)):
        made = main_job(aux=(), epochs=3, **more)
        made.pipeline.eval().train = lambda mode=True: None
        losses, _ = fit(made, tmp_path / name, (0, 1, 2))
        ends.append([row["main"] for row in losses])
    assert ends[1] == pytest.approx(ends[0], abs=1e-5)
    assert ends[0][2] < ends[0][0] - 0.01
