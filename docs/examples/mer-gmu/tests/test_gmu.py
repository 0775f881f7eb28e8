"""The contract of a fusion, and what makes this one a gated multimodal unit."""

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
