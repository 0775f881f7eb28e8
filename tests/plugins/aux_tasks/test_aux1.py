import pytest
import torch
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.aux_tasks.aux1 import PairPrediction

LABELS = [0, 1, 2, 2, 1, 0, 0]
DIMS = {"audio": 2, "text": 2}


def build(dims=None, num_classes=3, **options):
    torch.manual_seed(1)
    dims = dims or DIMS
    config = PairPrediction.Config(**options)
    return PairPrediction(config, fused_dim=2 * len(dims), num_classes=num_classes, input_dims=dims)


def targets_of(task, step, recorder, monkeypatch):
    """Run the task; return the pairs it made and the targets it compared its head's scores with."""
    seen = []
    real = functional.cross_entropy
    monkeypatch.setattr(functional, "cross_entropy", lambda scores, target: seen.append(target) or real(scores, target))
    loss = task(step)
    (pairs,), (target_B,) = recorder.pairs, seen
    return pairs, target_B.tolist(), loss


def test_the_target_is_c_times_audio_plus_text(make_step, monkeypatch):
    seen = set()
    for seed in range(10):
        step, recorder = make_step(LABELS, seed=seed)
        with monkeypatch.context() as patch:
            pairs, targets, _ = targets_of(build(), step, recorder, patch)
        expected = [3 * LABELS[a] + LABELS[t] for a, t in zip(pairs["audio"], pairs["text"], strict=True)]
        assert targets == expected
        seen |= set(targets)
    assert seen == set(range(9))


def test_the_loss_is_the_mean_cross_entropy_of_its_own_head(make_step, monkeypatch):
    task = build()
    step, recorder = make_step(LABELS)
    pairs, targets, loss = targets_of(task, step, recorder, monkeypatch)
    fused = torch.tensor([[a, a, t, t] for a, t in zip(pairs["audio"], pairs["text"], strict=True)]).float()
    scores = task.head(fused).log_softmax(-1)
    expected = -torch.stack([row[target] for row, target in zip(scores, targets, strict=True)]).mean()
    torch.testing.assert_close(loss, expected)
    assert loss.shape == ()
    assert recorder.classified == 0


def test_match_asks_only_whether_the_classes_agree(make_step, monkeypatch):
    task = build(label="match")
    step, recorder = make_step(LABELS)
    pairs, targets, _ = targets_of(task, step, recorder, monkeypatch)
    assert targets == [int(LABELS[a] == LABELS[t]) for a, t in zip(pairs["audio"], pairs["text"], strict=True)]
    assert set(targets) == {0, 1}
    assert task.head.out_features == 2


def test_every_utterances_audio_and_text_is_used_once_and_moved_on_its_own(make_step):
    step, recorder = make_step(LABELS)
    build()(step)
    (pairs,) = recorder.pairs
    assert sorted(pairs["audio"]) == sorted(pairs["text"]) == list(range(7))
    assert pairs["audio"] != pairs["text"]


def test_the_steps_generator_decides_the_pairs(make_step):
    made = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(made))  # the global source must not matter
        step, recorder = make_step(LABELS, seed=seed)
        build()(step)
        made += recorder.pairs
    assert made[0] == made[1] != made[2]


def test_encodings_are_not_changed_and_carry_the_gradient(make_step):
    step, _ = make_step(LABELS)
    before = {m: e.x_BTD.detach().clone() for m, e in step.encoded.items()}
    build()(step).backward()
    assert all(torch.equal(step.encoded[m].x_BTD.detach(), before[m]) for m in before)
    assert all(e.x_BTD.grad[e.mask_BT].abs().sum(-1).min() > 0 for e in step.encoded.values())


@pytest.mark.parametrize("labels", [[1], [2, 2, 2]])
def test_a_batch_of_one_or_of_one_class_is_no_special_case(make_step, monkeypatch, labels):
    step, recorder = make_step(labels)
    _, targets, loss = targets_of(build(), step, recorder, monkeypatch)
    assert targets == [4 * labels[0]] * len(labels)
    assert torch.isfinite(loss)


def test_three_modalities_count_in_sorted_order(make_step, monkeypatch):
    modalities = ("text", "audio", "video")
    step, recorder = make_step(LABELS, modalities=modalities)
    pairs, targets, _ = targets_of(build(dict.fromkeys(modalities, 2)), step, recorder, monkeypatch)
    columns = zip(pairs["audio"], pairs["text"], pairs["video"], strict=True)
    assert targets == [9 * LABELS[a] + 3 * LABELS[t] + LABELS[v] for a, t, v in columns]


@pytest.mark.parametrize(("num_classes", "expected"), [(3, 9), (4, 16), (7, 49)])
def test_the_head_has_a_score_for_every_combination(num_classes, expected):
    assert build(num_classes=num_classes).head.out_features == expected


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"aux1 re-pairs modalities, and this pipeline has only text\nUse --aux none"):
        build({"text": 2})
