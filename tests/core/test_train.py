from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from mer_core.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from mer_core.device import make_accelerator
from mer_core.errors import RunError
from mer_core.events import EpochEnded, Stepped, silent
from mer_core.optim import make_optimizer
from mer_core.scoring import predict
from mer_core.train import Trainer

DROPOUT = {m: {"use": "toy", "modality": m, "dropout": 0.3} for m in ("audio", "text")}
AUX = [{"use": "aux1"}, {"use": "aux2"}]
TRAIN = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.2}


class Killed(BaseException):
    """As if the process had been killed."""


@dataclass
class Killer:
    """Kills training while an epoch runs, or after its end."""

    epoch: int
    during: bool
    ended: int = 0

    def __call__(self, event):
        if isinstance(event, EpochEnded):
            self.ended = event.epoch
            if not self.during and event.epoch == self.epoch:
                raise Killed
        if self.during and isinstance(event, Stepped) and event.step == 2 and self.ended == self.epoch - 1:
            raise Killed


def trainer(made, folder, *, parts=(1, "a"), score=None, listener=silent):
    folder.mkdir(exist_ok=True)
    accelerator = make_accelerator("cpu", made.spec)
    return Trainer(
        spec=made.spec.train, accelerator=accelerator, folder=folder, seed_parts=parts, score=score, listener=listener
    )


def fit(made, folder, *, indices=range(32), epochs_seen=None, **kwargs):
    started = epochs_seen.append if epochs_seen is not None else lambda epoch: None
    return trainer(made, folder, **kwargs).fit(made.pipeline, made.examples, list(indices), started=started)


def weights(made):
    return {name: tensor.clone() for name, tensor in made.pipeline.state_dict().items()}


def equal(some, others):
    return some.keys() == others.keys() and all(torch.equal(some[name], others[name]) for name in some)


def train_with(**changes):
    return TRAIN | changes


def test_the_losses_go_down(toys, tmp_path):
    made = toys(train=train_with(epochs=6, dropout=0.0), aux=AUX)
    progress = fit(made, tmp_path)
    losses = [row["losses"] for row in progress.history]
    assert [row["epoch"] for row in progress.history] == [1, 2, 3, 4, 5, 6]
    assert list(losses[0]) == ["main", "aux1", "aux2"]
    assert all(losses[-1][name] < 0.8 * losses[0][name] for name in losses[0])
    predictions = predict(made.pipeline, made.examples, range(32, 48))
    assert sum(a == b for a, b in zip(predictions.labels, predictions.predicted, strict=True)) >= 14


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    ("accumulate", "select"), [(1, False), (2, False), (1, True)], ids=["last", "accumulated", "best"]
)
@pytest.mark.parametrize(("epoch", "during"), [(1, True), (1, False), (2, True), (2, False), (3, True), (3, False)])
def test_a_training_that_was_killed_goes_on_to_the_same_weights(toys, tmp_path, epoch, during, accumulate, select):
    train = train_with(accumulate=accumulate, batch_size=8 // accumulate)
    settings = {"train": train, "encoders": DROPOUT, "aux": AUX, "corpus": {"utterances": 24}}
    scores = iter([0.2, 0.9, 0.4]) if select else None
    whole = toys(**settings)
    finished = fit(whole, tmp_path / "whole", indices=range(16), score=(lambda p: next(scores)) if select else None)

    by_weights = {}  # a score that depends on nothing but the weights, as a real one does

    def score(pipeline):
        key = round(pipeline.classifier[1].weight.sum().item(), 9)
        return by_weights.setdefault(key, [0.2, 0.9, 0.4][min(len(by_weights), 2)])

    cut = toys(**settings)
    with pytest.raises(Killed):
        fit(cut, tmp_path / "cut", indices=range(16), score=score if select else None, listener=Killer(epoch, during))
    torch.rand(7)  # another process would not stand where this one stood
    resumed, seen = toys(**settings), []
    progress = fit(resumed, tmp_path / "cut", indices=range(16), score=score if select else None, epochs_seen=seen)
    saved = epoch - 1 if during or (epoch == 3 and not select) else epoch
    assert seen == [saved]
    assert equal(weights(resumed), weights(whole))
    assert progress.history == finished.history
    assert (progress.best_epoch, finished.best_epoch) == ((2, 2) if select else (None, None))
    some, other = (predict(m.pipeline, m.examples, range(16, 24)) for m in (resumed, whole))
    assert torch.equal(some.p_NC, other.p_NC)


def test_the_best_epochs_weights_are_left_in_the_pipeline(toys, tmp_path):
    made, at_epoch = toys(train=train_with(epochs=4)), []
    scores = iter([0.5, 0.7, 0.7, 0.1])

    def score(pipeline):
        at_epoch.append(weights(made))
        return next(scores)

    progress = fit(made, tmp_path, score=score)
    assert progress.best_epoch == 2  # the first of equals
    assert progress.best_score == 0.7
    assert equal(weights(made), at_epoch[1])
    assert [row["score"] for row in progress.history] == [0.5, 0.7, 0.7, 0.1]


def test_scoring_between_epochs_does_not_change_training(toys, tmp_path):
    settings = {"train": train_with(epochs=2), "encoders": DROPOUT, "aux": AUX}
    plain, scored = toys(**settings), toys(**settings)
    fit(plain, tmp_path / "a")

    later = iter([0.1, 0.2])  # so that the last epoch is the best

    def score(pipeline):
        predict(pipeline, scored.examples, range(32, 48))
        torch.rand(3)
        assert pipeline.training
        return next(later)

    fit(scored, tmp_path / "b", score=score)
    assert equal(weights(plain), weights(scored))


def test_clean_up_removes_what_only_training_needs(toys, tmp_path):
    made = toys(train=train_with(epochs=2))
    done = trainer(made, tmp_path, score=lambda p: 0.0)
    done.fit(made.pipeline, made.examples, list(range(16)), started=lambda epoch: None)
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [
        "best.safetensors",
        "checkpoint.safetensors",
    ]
    done.clean_up()
    done.clean_up()
    assert list(tmp_path.glob("*.safetensors")) == []


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(toys, tmp_path):
    ends = []
    for number, parts in enumerate([(1, "a"), (1, "a"), (2, "a"), (1, "b")]):
        made = toys(train=train_with(), encoders=DROPOUT, aux=AUX)
        fit(made, tmp_path / str(number), parts=parts)
        ends.append(weights(made))
    assert equal(ends[0], ends[1])
    assert not equal(ends[0], ends[2])
    assert not equal(ends[0], ends[3])


def test_batches_that_are_accumulated_equal_one_large_batch(toys, tmp_path):
    ends = []
    for batch_size, accumulate in ((8, 1), (4, 2), (3, 3)):
        train = {"epochs": 1, "batch_size": batch_size, "accumulate": accumulate, "dropout": 0.0, "warmup": 0.0}
        made = toys(train=train | {"learning_rate": 0.05}, class_weight_C=torch.tensor([0.2, 0.4, 1.4, 2.0]))
        progress = fit(made, tmp_path / str(batch_size), indices=range(8))
        assert progress.steps_done == 1
        ends.append(weights(made) | {"loss": torch.tensor(progress.history[0]["losses"]["main"])})
    for other in ends[1:]:
        torch.testing.assert_close(other, ends[0], atol=1e-6, rtol=1e-5)


def test_a_last_step_of_fewer_batches_is_a_step_too(toys, tmp_path):
    steps = []
    made = toys(train=train_with(epochs=1, batch_size=4, accumulate=3))
    progress = fit(made, tmp_path, indices=range(32), listener=steps.append)  # 8 batches: 3 + 3 + 2
    assert progress.steps_done == 3
    assert [(s.step, s.steps) for s in steps if isinstance(s, Stepped)] == [(1, 3), (2, 3), (3, 3)]


def test_frozen_parameters_stay_and_the_others_move(toys, tmp_path):
    encoders = {"audio": {"use": "toy", "frozen": True}, "text": {"use": "toy", "modality": "text"}}
    made = toys(encoders=encoders, aux=AUX)
    before = weights(made)
    fit(made, tmp_path)
    moved = {name for name, tensor in weights(made).items() if not torch.equal(tensor, before[name])}
    fixed = {"encoders.audio.layer.weight", "encoders.audio.layer.bias", "class_weight_C"}
    assert moved == before.keys() - fixed


@pytest.mark.parametrize("part", ["encoders", "heads"])
def test_each_learning_rate_moves_its_own_part(toys, tmp_path, part):
    tiny, usual = 1e-30, 0.05
    rates = {"learning_rate": usual, "head_learning_rate": tiny}
    if part == "heads":
        rates = {"learning_rate": tiny, "head_learning_rate": usual}
    made = toys(train=train_with(weight_decay=0.0, **rates))
    before = weights(made)
    fit(made, tmp_path)
    moved = {name.split(".")[0] for name, tensor in weights(made).items() if not torch.equal(tensor, before[name])}
    assert moved == ({"encoders"} if part == "encoders" else {"classifier"})


def test_the_gradient_is_clipped_as_a_whole(toys, tmp_path, monkeypatch):
    norms = []
    step = torch.optim.AdamW.step

    def watch(self, *args, **kwargs):
        grads = [p.grad for g in self.param_groups for p in g["params"]]
        norms.append(torch.stack([g.norm() for g in grads if g is not None]).norm().item())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    fit(toys(train=train_with(clip_norm=1e6)), tmp_path / "free")
    free, limit = norms.copy(), min(norms) / 2
    norms.clear()
    fit(toys(train=train_with(clip_norm=limit)), tmp_path / "clipped")
    assert norms == pytest.approx([limit] * len(free), rel=1e-3)


def test_the_rate_follows_the_schedule_through_epochs(toys, tmp_path, monkeypatch):
    rates, step = [], torch.optim.AdamW.step

    def watch(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    fit(toys(train=train_with(warmup=0.25, learning_rate=1.0)), tmp_path)  # 3 epochs of 4 steps
    assert rates == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0, *(k / 9 for k in range(8, 0, -1))])
    assert all(a >= b for a, b in pairwise(rates[2:]))


def test_a_training_that_diverges_stops_with_the_remedy(toys, tmp_path):
    made = toys(train=train_with(learning_rate=1e30))
    expected = (
        r"training diverged in epoch \d of fold a: loss main is not a finite number\n"
        r"Lower train.learning_rate or train.head_learning_rate, or use --precision float32\."
    )
    with pytest.raises(RunError, match=expected):
        fit(made, tmp_path)


def test_training_in_bfloat16_keeps_weights_in_float32(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    made = toys(train=train_with(precision="bfloat16", epochs=6), fusion={"use": "cross-attn", "heads": 4}, aux=AUX)
    progress = fit(made, tmp_path)
    assert {tensor.dtype for tensor in weights(made).values()} == {torch.float32}
    assert progress.history[-1]["losses"]["main"] < progress.history[0]["losses"]["main"]


def test_weights_of_another_model_are_refused(toys, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, toys().pipeline)
    other = toys(fusion={"use": "fc", "hidden_dim": 3}).pipeline
    with pytest.raises(RunError, match=r"w\.safetensors does not fit this pipeline: .*"):
        load_weights(path, other)
    with pytest.raises(RunError, match=r"gone\.safetensors is missing\nThe run has no trained weights"):
        load_weights(tmp_path / "gone.safetensors", other)
    path.write_bytes(b"junk")
    with pytest.raises(RunError, match="does not fit this pipeline"):
        load_weights(path, other)


def test_a_damaged_checkpoint_counts_as_none(toys, tmp_path):
    made = toys()
    optimizer = make_optimizer(made.pipeline, made.spec.train)
    path = tmp_path / "c.safetensors"
    assert load_checkpoint(path, made.pipeline, optimizer) is None
    save_checkpoint(path, made.pipeline, optimizer, {"epochs_done": 2})
    assert load_checkpoint(path, made.pipeline, optimizer) == {"epochs_done": 2}
    path.write_bytes(path.read_bytes()[:100])
    assert load_checkpoint(path, made.pipeline, optimizer) is None


def test_every_batch_hands_tasks_a_generator_of_its_own(toys, tmp_path, monkeypatch):
    seeds = []
    for number, parts in enumerate([(1, "a"), (1, "a"), (2, "a"), (1, "b")]):
        made = toys(train=train_with(epochs=2, batch_size=4, accumulate=2), aux=[{"use": "toy"}])
        task = made.pipeline.tasks["toy"]
        real = task.forward
        seen = []
        monkeypatch.setattr(
            task, "forward", lambda s, real=real, seen=seen: seen.append(s.generator.initial_seed()) or real(s)
        )
        fit(made, tmp_path / str(number), indices=range(16), parts=parts)
        seeds.append(seen)
    assert seeds[0] == seeds[1]
    assert (
        len({*seeds[0], *seeds[2], *seeds[3]}) == 3 * len(seeds[0]) == 30
    )  # 2 epochs of 2 steps of 2 batches, and a look after each


def test_a_pipeline_that_was_scored_before_is_trained_with_dropout(toys, tmp_path):
    fresh, used = (toys(encoders=DROPOUT, train=train_with(epochs=1)) for _ in range(2))
    used.pipeline.eval()
    for name, made in (("a", fresh), ("b", used)):
        fit(made, tmp_path / name)
    assert equal(weights(fresh), weights(used))
