import pytest
import torch

from mer_plugins.fusions.low_rank import LowRankFusion
from mer_plugins.fusions.parts import with_one

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 4, "rank": 3, "embed_dim": 3, "text_embed_dim": 2, "layers": 1}


def build(modalities, **options):
    torch.manual_seed(0)
    return LowRankFusion(LowRankFusion.Config(**SMALL | options), input_dims={m: DIMS[m] for m in modalities})


@pytest.mark.parametrize(
    ("modalities", "outer", "factors"),
    [
        (["audio", "text"], "bi,bj->bij", "r,rif,rjf->ijf"),
        (["audio", "text", "video"], "bi,bj,bk->bijk", "r,rif,rjf,rkf->ijkf"),
    ],
)
@pytest.mark.parametrize("rank", [1, 3])
def test_it_is_the_full_tensor_contracted_with_its_factors(encode, shake, modalities, outer, factors, rank):
    fusion = shake(build(modalities, rank=rank))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    embedded = [with_one(fusion.embed[m](encoded[m].mean_BD())) for m in modalities]
    tensor_BP = torch.einsum(outer, *embedded).flatten(1)
    weight_PF = torch.einsum(factors, fusion.rank_weight_R, *(fusion.factors[m] for m in modalities)).flatten(0, -2)
    torch.testing.assert_close(fusion(encoded), tensor_BP @ weight_PF + fusion.bias_F, atol=1e-6, rtol=0)


@pytest.mark.parametrize("rank", [1, 4])
def test_every_factor_is_a_parameter_and_trains(encode, rank):
    """Kept in a Python list, only the rank's weights and the bias would be counted and trained."""
    modalities = ["audio", "text", "video"]
    fusion = build(modalities, rank=rank)
    factors = rank * 4 * ((3 + 1) + (2 + 1) + (3 + 1))
    embeddings = (6 * 3 + 3) + (4 * 2 + 2) + (5 * 3 + 3)
    assert sum(p.numel() for p in fusion.parameters()) == factors + rank + 4 + embeddings
    before = {name: parameter.detach().clone() for name, parameter in fusion.named_parameters()}
    optimizer = torch.optim.SGD(fusion.parameters(), lr=0.1)
    for seed in range(5):
        fusion(encode(DIMS, LENGTHS, seed=seed)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(not torch.equal(before[name], parameter) for name, parameter in fusion.named_parameters())


def test_it_needs_far_fewer_parameters_than_the_tensor():
    """What the paper is for: rank * dim * sum of (d_m + 1) instead of dim * product of (d_m + 1)."""
    fusion = LowRankFusion(LowRankFusion.Config(), input_dims={"audio": 768, "text": 768})
    assert sum(f.numel() for f in fusion.factors.values()) == 4 * 64 * (33 + 129)
    assert sum(f.numel() for f in fusion.factors.values()) < 64 * 33 * 129 / 6
