"""The project's side, on the tiny size: one process does what a run does, and tells what it took."""

import pytest
import torch

from mer_core.bench import arithmetic
from mer_core.bench.job import Clock, Job, measure, work_of
from mer_core.events import Stepped

TINY = {"size": "tiny", "utterances": 6, "batch_size": 3}


@pytest.fixture
def quick_peak(monkeypatch):
    monkeypatch.setattr(arithmetic, "peak", lambda device, precision: 1e9)


def test_an_epoch_with_where_its_time_goes():
    told = measure(Job(**TINY, watched=True))
    assert told["utterances_per_second"] == pytest.approx(6 / told["seconds"])
    assert set(told["losses"]) == {"main", "aux1", "aux2"}
    assert 1 <= told["padding"] < 3
    assert sum(told["shares"].values()) == pytest.approx(1.0)
    assert set(told["shares"]) == {
        "loading and bookkeeping",
        "audio encoder",
        "text encoder",
        "fusion",
        "auxiliary tasks",
        "fusion and tasks, backward",
        "optimiser",
    }


def test_watching_and_counting_change_no_loss_and_a_step_may_go_without_tasks(quick_peak):
    plain, watched = (measure(Job(**TINY, watched=more, counted=more)) for more in (False, True))
    assert plain["losses"] == watched["losses"]
    assert sum(watched["shares"].values()) == pytest.approx(1.0)
    assert "flops" not in plain
    assert watched["utilisation"] == pytest.approx(watched["flops"] / watched["seconds"] / 1e9)
    alone = measure(Job(**TINY, aux=False, counted=True))
    assert set(alone["losses"]) == {"main"}
    assert 0.5 * watched["flops"] < alone["flops"] < watched["flops"]


@pytest.mark.parametrize("kind", ["loop", "score"])
def test_the_other_jobs(kind, quick_peak):
    told = measure(Job(**TINY, kind=kind, counted=True))
    assert told["utterances_per_second"] == pytest.approx(6 / told["seconds"])
    assert told["flops"] > 1e8


def test_the_loop_trains_what_the_trainer_trains(monkeypatch):
    """Both sides of the overhead do the same steps on the same batches with the same draws, and lose the same."""
    from mer_core.pipeline import Pipeline

    seen, real = [], Pipeline.forward

    def forward(self, batch, generator=None):
        seen.append((len(batch.labels_B), int(batch.inputs["audio"]["lengths"].sum()), torch.is_grad_enabled()))
        return real(self, batch, generator)

    monkeypatch.setattr(Pipeline, "forward", forward)
    trainers = measure(Job(**TINY))
    trained, seen[:] = list(seen), []
    loops = measure(Job(**TINY, kind="loop"))
    assert trained == seen
    assert len(seen) == 2
    assert loops["losses"] == pytest.approx(trainers["losses"], rel=1e-6)


def test_the_work_can_be_done_once_more(tmp_path):
    with torch.profiler.profile() as seen:
        work_of(Job(**TINY, kind="loop"), tmp_path)()
    assert {"aten::mm", "aten::_fused_adamw_"} <= {event.key for event in seen.key_averages()}


def test_the_work_a_gpu_has_still_to_do_after_the_last_step_is_in_its_time(monkeypatch):
    now, clock = [0.0], Clock(started_s=0.0)
    monkeypatch.setattr("mer_core.bench.job.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: now.__setitem__(0, now[0] + 5.0))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    clock(Stepped(1, 2))
    clock(Stepped(2, 2))
    assert clock.steps_s == [0.0, 5.0]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    clock(Stepped(2, 2))
    assert clock.steps_s[-1] == 5.0
