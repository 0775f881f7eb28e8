import pytest
import torch

from mer_core.bench import stopwatch
from mer_core.bench.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when it is told to."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    return now


def slow(clock, module, seconds):
    """Let a module's forward take that long, and its backward twice as long."""
    real = module.forward

    class Slow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            clock[0] += seconds
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            clock[0] += 2 * seconds
            return gradient

    def forward(*args):
        result = real(*args)
        if isinstance(result, torch.Tensor):
            return Slow.apply(result)
        return type(result)(Slow.apply(result.x_BTD), result.mask_BT)

    module.forward = forward


def test_each_part_gets_its_time_forward_and_backward(toys, clock):
    made = toys(aux=[{"use": "toy"}])
    pipeline = made.pipeline
    for module, seconds in (
        (pipeline.encoders["audio"], 1.0),
        (pipeline.encoders["text"], 10.0),
        (pipeline.fusion, 100.0),
    ):
        slow(clock, module, seconds)
    watch = Stopwatch(torch.device("cpu"))
    watch.watch(pipeline)
    batch = next(iter(_batches(made)))
    total = pipeline(batch, torch.Generator()).total
    clock[0] += 0.5
    watch.backward(total.backward)()
    watch.optimiser(lambda: clock.__setitem__(0, clock[0] + 7.0))()
    assert dict(watch.seconds) == pytest.approx(
        {
            "loading and bookkeeping": 0.5,
            "audio encoder": 3.0,
            "text encoder": 30.0,
            "fusion": 100.0,
            "auxiliary tasks": 100.0,
            "fusion and tasks, backward": 400.0,
            "optimiser": 7.0,
        }
    )
    assert next(iter(watch.shares)) == "fusion and tasks, backward"
    assert sum(watch.shares.values()) == pytest.approx(1.0)
    watch.start()
    assert not watch.seconds


def _batches(made):
    from mer_core.data.examples import loader

    return loader(made.pipeline, made.examples, [[0, 1, 2, 3]])
