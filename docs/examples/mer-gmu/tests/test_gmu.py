"""The contract of a fusion, and what makes this one a gated multimodal unit."""

import numpy as np
import pytest
import torch
from mer_core.testing import FusionContract
from mer_core.types import Encoded

from mer_gmu.fusion import GatedMultimodalUnit

Config = GatedMultimodalUnit.Config


class TestGmu(FusionContract):
    plugin = GatedMultimodalUnit


class TestGmuOfThree(FusionContract):
    plugin = GatedMultimodalUnit
    input_dims = {"audio": 16, "text": 24, "video": 8}


def constant(dim: int, value: float) -> Encoded:
    return Encoded(torch.full((1, 2, dim), value), torch.ones(1, 2, dtype=torch.bool))


@pytest.mark.parametrize(("gate", "kept"), [(100.0, "audio"), (-100.0, "text")])
def test_gate_chooses_a_modality(gate, kept):
    fusion = GatedMultimodalUnit(Config(dim=3), input_dims={"audio": 2, "text": 2}).eval()
    torch.nn.init.constant_(fusion.gate.weight, gate)
    encoded = {"audio": constant(2, 1.0), "text": constant(2, 0.5)}
    proposal = fusion.propose[kept](encoded[kept].mean_BD()).tanh()
    torch.testing.assert_close(fusion(encoded), proposal)


@pytest.mark.parametrize("widths", [{"audio": 3, "text": 2}, {"audio": 3, "text": 2, "video": 4}], ids=len)
def test_it_is_the_papers_equations(widths: dict[str, int]) -> None:
    torch.manual_seed(0)
    fusion = GatedMultimodalUnit(Config(dim=5), input_dims=widths).double().eval()
    x = {m: np.random.default_rng(0).normal(size=(2, 3, dim)) for m, dim in widths.items()}
    means = {m: frames.mean(1) for m, frames in x.items()}
    weights = {name: tensor.numpy() for name, tensor in fusion.state_dict().items()}
    h = [np.tanh(means[m] @ weights[f"propose.{m}.weight"].T) for m in sorted(widths)]
    z = 1 / (1 + np.exp(-np.concatenate([means[m] for m in sorted(widths)], -1) @ weights["gate.weight"].T))
    gates = [z, 1 - z] if len(widths) == 2 else np.split(z, len(widths), axis=-1)
    expected = sum(gate * proposal for gate, proposal in zip(gates, h, strict=True))
    found = fusion({m: Encoded(torch.from_numpy(f), torch.ones(2, 3, dtype=torch.bool)) for m, f in x.items()})
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-6, rtol=0)
