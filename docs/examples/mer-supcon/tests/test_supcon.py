"""The contract of an auxiliary task, and the loss against its equation written out."""

import math

import torch
from mer_core.testing import AuxTaskContract
from torch.nn.functional import normalize

from mer_supcon.task import CrossModalSupCon, cross_view_supcon


class TestSupCon(AuxTaskContract):
    plugin = CrossModalSupCon


class TestSupConOfThree(AuxTaskContract):
    plugin = CrossModalSupCon
    options = {"dim": 16, "temperature": 0.5}
    input_dims = {"audio": 16, "text": 24, "video": 8}


def equation_2(z, labels, views, temperature):
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if views[a] != views[i]]
        total = sum(math.exp(float(z[i] @ z[a]) / temperature) for a in others)
        positives = [p for p in others if labels[p] == labels[i]]
        logs = [math.log(math.exp(float(z[i] @ z[p]) / temperature) / total) for p in positives]
        losses.append(-sum(logs) / len(positives))
    return sum(losses) / len(losses)


def test_is_equation_2():
    z = normalize(torch.randn(10, 4, generator=torch.Generator().manual_seed(1)), dim=-1)
    labels, views = torch.tensor([0, 1, 2, 1, 0] * 2), torch.tensor([0] * 5 + [1] * 5)
    expected = equation_2(z, labels.tolist(), views.tolist(), 0.3)
    assert math.isclose(float(cross_view_supcon(z, labels, views, 0.3)), expected, rel_tol=1e-5)


def test_alignment_across_modalities_lowers_it():
    corners = torch.eye(2)
    labels, views = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    aligned = cross_view_supcon(torch.cat([corners, corners]), labels, views, 0.1)
    crossed = cross_view_supcon(torch.cat([corners, corners.flip(0)]), labels, views, 0.1)
    assert float(aligned) < 1e-3 < float(crossed)
