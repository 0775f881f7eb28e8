from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.aux_tasks.aux2 import SameEmotionSwap
from mer_plugins.aux_tasks.pairing import draw_partner

LABELS = [0, 1, 2, 2, 1, 0, 0, 2]
DIMS = {"audio": 2, "text": 2}


def build(dims=None):
    dims = dims or DIMS
    return SameEmotionSwap(SameEmotionSwap.Config(), fused_dim=2 * len(dims), num_classes=3, input_dims=dims)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=24), st.integers(0, 2**40))
def test_a_partner_is_another_of_the_same_class_wherever_there_is_one(labels, seed):
    partners = draw_partner(torch.tensor(labels), torch.Generator().manual_seed(seed)).tolist()
    for own, partner in enumerate(partners):
        assert labels[partner] == labels[own]
        assert (partner == own) == (labels.count(labels[own]) == 1)


def test_every_other_of_the_class_is_drawn_equally_often():
    generator = torch.Generator().manual_seed(0)
    labels_B = torch.tensor([0, 1, 0, 0, 1])
    counts = Counter(int(draw_partner(labels_B, generator)[0]) for _ in range(1000))
    assert counts.keys() == {2, 3}
    assert abs(counts[2] - 500) < 80


def test_one_modality_of_each_pair_is_replaced_and_over_time_either(make_step):
    replaced = Counter()
    for seed in range(30):
        step, recorder = make_step(LABELS, seed=seed)
        build()(step)
        (pairs,) = recorder.pairs
        for own, (audio, text) in enumerate(zip(pairs["audio"], pairs["text"], strict=True)):
            moved = [m for m, index in (("audio", audio), ("text", text)) if index != own]
            assert len(moved) == 1  # every class occurs twice or more here
            assert LABELS[audio] == LABELS[text] == LABELS[own]
            replaced[moved[0]] += 1
    assert 80 < replaced["audio"] < 160
    assert sum(replaced.values()) == 240


def test_within_one_batch_either_modality_may_be_replaced(make_step):
    step, recorder = make_step(LABELS * 3)
    build()(step)
    (pairs,) = recorder.pairs
    assert all(index != list(range(24)) for index in pairs.values())


def test_the_loss_is_the_classifiers_mean_cross_entropy_with_the_label_kept(make_step):
    step, recorder = make_step(LABELS)
    loss = build()(step)
    (pairs,) = recorder.pairs
    fused = torch.tensor([[a, a, t, t] for a, t in zip(pairs["audio"], pairs["text"], strict=True)]).float()
    expected = functional.cross_entropy(recorder.classify(fused), torch.tensor(LABELS))
    torch.testing.assert_close(loss, expected)
    assert loss.shape == ()


@pytest.mark.parametrize("labels", [[1], [0, 1, 2]])
def test_an_utterance_without_a_partner_stays_as_it_is(make_step, labels):
    step, recorder = make_step(labels)
    loss = build()(step)
    own = list(range(len(labels)))
    assert recorder.pairs == [{"audio": own, "text": own}]
    torch.testing.assert_close(loss, functional.cross_entropy(step.logits_BC, step.labels_B))


def test_a_batch_of_one_class_is_no_special_case(make_step):
    step, recorder = make_step([2] * 5)
    assert torch.isfinite(build()(step))
    assert all(sum(i != own for own, i in enumerate(column)) for column in recorder.pairs[0].values())


def test_the_steps_generator_decides_the_pairs(make_step):
    made = []
    for seed in (5, 5, 6):
        torch.manual_seed(len(made))
        step, recorder = make_step(LABELS, seed=seed)
        build()(step)
        made += recorder.pairs
    assert made[0] == made[1] != made[2]


def test_encodings_are_not_changed_and_carry_the_gradient(make_step):
    step, _ = make_step(LABELS)
    before = {m: e.x_BTD.detach().clone() for m, e in step.encoded.items()}
    build()(step).backward()
    assert all(torch.equal(step.encoded[m].x_BTD.detach(), before[m]) for m in before)
    assert all(e.x_BTD.grad.abs().sum() > 0 for e in step.encoded.values())


def test_it_has_no_parameters_of_its_own():
    assert list(build().parameters()) == []


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"aux2 re-pairs modalities, and this pipeline has only text\nUse --aux none"):
        build({"text": 2})
