import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.aux_tasks.match import EmotionMatch
from mer_plugins.aux_tasks.pairing import draw_partner

LABELS = [0, 1, 2, 2, 1, 0, 0]
DIMS = {"audio": 2, "text": 2}


def build(dims=None):
    torch.manual_seed(1)
    dims = dims or DIMS
    return EmotionMatch(EmotionMatch.Config(), fused_dim=2 * len(dims), num_classes=3, input_dims=dims)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=16), st.lists(st.booleans(), min_size=16, max_size=16))
def test_a_partner_is_of_the_kind_that_was_asked_for_wherever_there_is_one(labels, wanted):
    same_B = torch.tensor(wanted[: len(labels)])
    partners = draw_partner(torch.tensor(labels), torch.Generator().manual_seed(0), same_B).tolist()
    for own, (partner, same) in enumerate(zip(partners, same_B.tolist(), strict=True)):
        others = [i for i in range(len(labels)) if i != own and (labels[i] == labels[own]) == same]
        assert partner in others if others else partner == own


@pytest.mark.parametrize("modalities", [("audio", "text"), ("audio", "text", "video")], ids=len)
def test_each_utterance_gives_a_pair_that_matches_and_one_that_does_not(make_step, monkeypatch, modalities):
    step, recorder = make_step(LABELS, modalities=modalities)
    task, seen = build(dict.fromkeys(modalities, 2)), []
    real = functional.cross_entropy
    monkeypatch.setattr(functional, "cross_entropy", lambda scores, target: seen.append(target) or real(scores, target))
    task(step)
    same, other = recorder.pairs
    assert [target.tolist() for target in seen] == [[1] * 7, [0] * 7]
    for own, label in enumerate(LABELS):
        assert {LABELS[same[m][own]] for m in modalities} == {label}
        moved = [m for m in modalities if other[m][own] != own]
        assert len(moved) == 1
        assert LABELS[other[moved[0]][own]] != label


def test_the_loss_is_the_mean_of_both_halves_cross_entropy(make_step):
    task = build()
    step, recorder = make_step(LABELS)
    loss = task(step)
    halves = []
    for pairs, target in zip(recorder.pairs, (1, 0), strict=True):
        fused = torch.tensor([[a, a, t, t] for a, t in zip(pairs["audio"], pairs["text"], strict=True)]).float()
        halves.append(-task.head(fused).log_softmax(-1)[:, target].mean())
    torch.testing.assert_close(loss, sum(halves) / 2)


@pytest.mark.parametrize("labels", [[1], [2, 2, 2]])
def test_where_nothing_else_is_there_the_pair_stays_and_matches(make_step, labels):
    step, recorder = make_step(labels)
    loss = build()(step)
    _, other = recorder.pairs
    assert other["audio"] == other["text"] == list(range(len(labels)))
    assert torch.isfinite(loss)


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"^match re-pairs modalities, and this pipeline has only text\nUse --aux none"):
        build({"text": 2})
