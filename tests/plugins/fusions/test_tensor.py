import pytest
import torch

from mer_plugins.fusions.tensor import TensorFusion

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 3, "text_dim": 2, "layers": 2, "hidden_dim": 4}


def build(modalities, **options):
    torch.manual_seed(0)
    return TensorFusion(TensorFusion.Config(**SMALL | options), input_dims={m: DIMS[m] for m in modalities})


def embedding(network, x_BD):
    """A modality's embedding by its definition: linear layers with ReLU."""
    for layer in [module for module in network if isinstance(module, torch.nn.Linear)]:
        x_BD = (x_BD @ layer.weight.T + layer.bias).clamp(min=0)
    return torch.cat([x_BD, torch.ones(len(x_BD), 1, dtype=x_BD.dtype)], dim=-1)


@pytest.mark.parametrize(
    ("modalities", "equation"),
    [(["text"], "bi->bi"), (["audio", "text"], "bi,bj->bij"), (["audio", "text", "video"], "bi,bj,bk->bijk")],
)
def test_the_tensor_is_the_outer_product_by_einsum(encode, singly, shake, modalities, equation):
    fusion = shake(build(modalities))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    means = {m: torch.cat([one[m].mean(1) for one in singly(encoded)]) for m in modalities}
    expected_BP = torch.einsum(equation, *(embedding(fusion.embed[m], means[m]) for m in modalities)).flatten(1)
    seen = []
    fusion.infer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    fused_BF = fusion(encoded)
    torch.testing.assert_close(seen[0], expected_BP, atol=1e-6, rtol=0)
    first, second = fusion.infer[1], fusion.infer[3]
    hidden = (expected_BP @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(fused_BF, (hidden @ second.weight.T + second.bias).clamp(min=0), atol=1e-6, rtol=0)


def test_it_has_as_many_parameters_as_the_formulas_give():
    """Embeddings: 6 to 3 to 3, 4 to 2 to 2. Tensor: (3 + 1)(2 + 1) = 12 to 4 to 4."""
    counted = sum(parameter.numel() for parameter in build(["audio", "text"]).parameters())
    assert counted == (6 * 3 + 3 + 3 * 3 + 3) + (4 * 2 + 2 + 2 * 2 + 2) + (12 * 4 + 4 + 4 * 4 + 4)


def test_the_papers_widths_are_the_defaults():
    fusion = TensorFusion(TensorFusion.Config(), input_dims={"audio": 768, "text": 768})
    assert (fusion.infer[1].in_features, fusion.output_dim) == (33 * 129, 128)
    assert len(fusion.embed["audio"]) == 1 + 2 * 3


def test_dropout_acts_in_training_only(encode):
    fusion, encoded = build(["audio", "text"], dropout=0.5, hidden_dim=64), encode(DIMS, LENGTHS)
    assert not torch.equal(fusion(encoded), fusion(encoded))
    assert torch.equal(fusion.eval()(encoded), fusion(encoded))
