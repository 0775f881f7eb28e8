import pytest
import torch

from mer_core.optim import make_optimizer, make_schedule
from mer_core.spec import TrainSpec


def rates(steps, warmup, done=0):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = make_schedule(optimizer, steps=steps, warmup=warmup, done=done)
    seen = []
    for _ in range(steps - done):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen, optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize(
    ("steps", "warmup", "expected"),
    [
        (10, 0.4, [0.5, 1.0, 1.5, 2.0, 2.0, 10 / 6, 8 / 6, 1.0, 4 / 6, 2 / 6]),
        (4, 0.0, [2.0, 2.0, 4 / 3, 2 / 3]),
        (4, 1.0, [0.5, 1.0, 1.5, 2.0]),
        (1, 0.1, [2.0]),
    ],
)
def test_rates_rise_then_fall_to_zero(steps, warmup, expected):
    seen, last = rates(steps, warmup)
    assert seen == pytest.approx(expected)
    assert last == 0.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("done", range(11))
def test_a_schedule_that_goes_on_gives_the_same_rates(done):
    assert rates(10, 0.4, done)[0] == rates(10, 0.4)[0][done:]


def test_rates_and_decay_by_part(toys):
    made = toys(aux=[{"use": "aux1"}])
    spec = TrainSpec(learning_rate=1e-3, head_learning_rate=2e-3, weight_decay=0.3)
    optimizer = make_optimizer(made.pipeline, spec)
    assert optimizer.defaults["fused"]
    groups = optimizer.param_groups
    settings = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    seen = {name: settings[id(p)] for name, p in made.pipeline.named_parameters()}
    assert seen == {
        "encoders.audio.layer.weight": (1e-3, 0.3),
        "encoders.audio.layer.bias": (1e-3, 0.0),
        "encoders.text.layer.weight": (1e-3, 0.3),
        "encoders.text.layer.bias": (1e-3, 0.0),
        "classifier.1.weight": (2e-3, 0.3),
        "classifier.1.bias": (2e-3, 0.0),
        "tasks.aux1.head.weight": (2e-3, 0.3),
        "tasks.aux1.head.bias": (2e-3, 0.0),
    }


def test_without_a_rate_of_their_own_heads_take_the_encoders(toys):
    groups = make_optimizer(toys().pipeline, TrainSpec(learning_rate=1e-3)).param_groups
    assert {g["lr"] for g in groups} == {1e-3}


def test_frozen_parameters_are_left_out(toys):
    frozen = {"audio": {"use": "toy", "frozen": True}, "text": {"use": "toy", "modality": "text", "frozen": True}}
    made = toys(encoders=frozen)
    optimised = {id(p) for g in make_optimizer(made.pipeline, made.spec.train).param_groups for p in g["params"]}
    assert optimised == {id(p) for p in made.pipeline.classifier.parameters()}
