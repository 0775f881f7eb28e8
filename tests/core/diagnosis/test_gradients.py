"""Cosines of planted tasks are known; a training with them recorded is the training without."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mer_core import train
from mer_core.diagnosis.gradients import gradient_cosines


class Task(nn.Module):
    """Some function of the step."""

    def __init__(self, of):
        super().__init__()
        self.of = of

    def forward(self, step):
        return self.of(step)


def main_loss(step):
    return functional.cross_entropy(step.logits_BC, step.labels_B)


def planted(made, **tasks):
    made.pipeline.tasks = nn.ModuleDict({name: Task(of) for name, of in tasks.items()})
    made.pipeline.task_weights = dict.fromkeys(tasks, 1.0)
    return gradient_cosines(made.pipeline, made.batch(*range(12)), torch.Generator().manual_seed(0))


def test_tasks_that_pull_alike_against_and_not_at_all(toys):
    found = planted(
        toys(),
        twin=lambda step: 3 * main_loss(step),
        foe=lambda step: -main_loss(step),
        idle=lambda step: step.fused_BF.sum() * 0,
    )
    assert found == {"twin": pytest.approx(1), "foe": pytest.approx(-1)}


def test_cosine_is_that_of_gradients_written_out(toys):
    """A second loss on the text only: by hand, through the encodings."""
    made = toys()
    found = planted(made, words=lambda step: step.encoded["text"].mean_BD().square().sum())
    batch = made.batch(*range(12))
    encoded = made.pipeline.encode(batch.inputs)
    for one in encoded.values():
        one.x_BTD.retain_grad()
    functional.cross_entropy(made.pipeline.classify(made.pipeline.fusion(encoded)), batch.labels_B).backward()
    main = torch.cat([one.x_BTD.grad.flatten() for one in encoded.values()])
    again = made.pipeline.encode(batch.inputs)
    again["text"].x_BTD.retain_grad()
    again["text"].mean_BD().square().sum().backward()
    own = torch.cat([torch.zeros(again["audio"].x_BTD.numel()), again["text"].x_BTD.grad.flatten()])
    assert found["words"] == pytest.approx(float(functional.cosine_similarity(main, own, dim=0)), abs=1e-5)


def test_nothing_is_left_behind(toys):
    made = toys(aux=[{"use": "toy"}])
    made.pipeline.train()
    batch = made.batch(0, 1, 2)
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in made.pipeline.state_dict().items()}
    gradient_cosines(made.pipeline, batch, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(v, state[k]) for k, v in made.pipeline.state_dict().items())
    assert all(p.grad is None for p in made.pipeline.parameters())
    assert made.pipeline.training


def test_every_epoch_is_recorded_and_no_number_changes(toys, tmp_path, monkeypatch):
    from accelerate import Accelerator

    def trained(folder):
        made = toys(
            seed=3,
            aux=[{"use": "toy"}],
            encoders={m: {"use": "toy", "modality": m, "dropout": 0.3} for m in ("audio", "text")},
        )
        trainer = train.Trainer(
            spec=made.spec.train,
            accelerator=Accelerator(cpu=True),
            folder=tmp_path / folder,
            seed_parts=(1, "1"),
            score=None,
            listener=lambda event: None,
        )
        progress = trainer.fit(made.pipeline, made.examples, range(32), started=lambda epoch: None)
        return progress.history, made.pipeline.state_dict()

    history, weights = trained("with")
    assert [list(epoch["gradient_cosine"]) for epoch in history] == [["toy"]] * 3
    assert all(-1 <= epoch["gradient_cosine"]["toy"] <= 1 for epoch in history)
    monkeypatch.setattr(train, "gradient_cosines", lambda *_: {})
    bare, same = trained("without")
    assert [epoch["losses"] for epoch in bare] == [epoch["losses"] for epoch in history]
    assert all(torch.equal(weights[name], same[name]) for name in weights)
