import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mer_core.errors import SpecError
from mer_core.types import Step
from mer_plugins.aux_tasks.contrastive import CrossModalContrast, direction_loss

DIMS = {"audio": 2, "text": 2}


def build(modalities=("audio", "text"), **options):
    torch.manual_seed(1)
    config = CrossModalContrast.Config(**{"dim": 5} | options)
    return CrossModalContrast(config, fused_dim=4, num_classes=3, input_dims=dict.fromkeys(modalities, 2))


def by_hand(u, v, labels, scale):
    """The paper's sums, one anchor at a time, in float64."""
    total = 0.0
    for i, label in enumerate(labels):
        scores = [math.exp(scale * float(u[i] @ v[j])) for j in range(len(labels))]
        positives = [j for j, other in enumerate(labels) if other == label]
        total -= sum(math.log(scores[j] / sum(scores)) for j in positives) / len(positives)
    return total / len(labels)


@pytest.mark.parametrize("modalities", [("audio", "text"), ("audio", "text", "video")], ids=len)
@pytest.mark.parametrize("labels", [[0, 1, 2, 2, 1, 0], [1], [2, 2]])
def test_it_is_the_papers_loss_in_both_directions(make_step, modalities, labels):
    task = build(modalities).double()
    step, _ = make_step(labels, modalities=modalities)
    source = np.random.default_rng(0)
    x = {m: source.normal(size=(len(labels), 3, 2)) for m in modalities}
    mask = np.arange(3) < np.arange(len(labels))[:, None] % 3 + 1
    encoded = {m: type(e)(torch.from_numpy(x[m]), torch.from_numpy(mask)) for m, e in step.encoded.items()}
    loss = task(Step(**{name: getattr(step, name) for name in Step.__slots__} | {"encoded": encoded}))
    sphere = {}
    for m in modalities:
        means = np.stack([frames[real].mean(0) for frames, real in zip(x[m], mask, strict=True)])
        z = means @ task.project[m].weight.detach().numpy().T
        sphere[m] = z / np.linalg.norm(z, axis=-1, keepdims=True)
    pairs = [(m, s) for m in modalities for s in modalities if m != s]
    expected = np.mean([by_hand(sphere[m], sphere[s], labels, 1 / 0.07) for m, s in pairs])
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_one_emotion_close_together_costs_less():
    labels_B = torch.tensor([0, 0, 1, 1])
    same_BB = (labels_B[:, None] == labels_B).float()
    assert direction_loss(10 * same_BB, labels_B) < direction_loss(torch.zeros(4, 4), labels_B)
    assert direction_loss(10 * same_BB, labels_B) == pytest.approx(math.log(2), abs=1e-3)  # two positives share it


def test_the_temperature_is_learned_and_bounded(make_step):
    task = build(temperature=0.01)
    step, _ = make_step([0, 1, 2, 0])
    task(step).backward()
    assert task.log_scale.grad is not None
    with torch.no_grad():
        at_most = task(step)
        task.log_scale += 5.0
        torch.testing.assert_close(task(step), at_most)
    with pytest.raises(ValidationError, match="temperature"):
        build(temperature=0.001)


def test_one_modality_is_refused():
    expected = (
        r"^contrastive compares modalities, and this pipeline has only text\nUse --aux none, or add a modality\.$"
    )
    with pytest.raises(SpecError, match=expected):
        build(("text",))
