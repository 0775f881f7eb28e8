import numpy as np
import pytest
import torch

from mer_plugins.fusions.late import LateFusion

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}


def build(modalities):
    torch.manual_seed(0)
    return LateFusion(LateFusion.Config(), input_dims={m: DIMS[m] for m in modalities}, num_classes=4)


def softmax(x):
    exponential = np.exp(x - x.max(-1, keepdims=True))
    return exponential / exponential.sum(-1, keepdims=True)


@pytest.mark.parametrize("modalities", [["text"], ["audio", "text"], ["audio", "text", "video"]], ids=len)
def test_it_is_the_weighted_mean_of_the_posteriors(encode, singly, shake, modalities):
    fusion = shake(build(modalities))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    found = fusion.classify(fusion(encoded)).exp().detach().numpy()
    weights = softmax(fusion.weight_M.detach().numpy())
    for row, one in enumerate(singly(encoded)):
        means = [one[m][0].mean(0).numpy() for m in modalities]
        heads = [fusion.heads[m] for m in modalities]
        posteriors = [
            softmax(h.weight.detach().numpy() @ x + h.bias.detach().numpy()) for h, x in zip(heads, means, strict=True)
        ]
        np.testing.assert_allclose(found[row], weights @ np.array(posteriors), atol=1e-6, rtol=0)
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-6)


def test_no_modality_changes_what_another_adds(encode):
    """The posterior is a sum of one part per modality: what it cannot do is an exclusive or of two."""
    fusion = build(["audio", "text"])
    first, second = encode(DIMS, LENGTHS, seed=1), encode(DIMS, LENGTHS, seed=2)

    def posterior(audio, text):
        return fusion.classify(fusion({"audio": audio["audio"], "text": text["text"]})).exp()

    shift = posterior(second, first) - posterior(first, first)
    torch.testing.assert_close(posterior(second, second) - posterior(first, second), shift, atol=1e-6, rtol=0)


def test_it_has_as_many_parameters_as_the_formula_gives():
    assert sum(p.numel() for p in build(["audio", "text"]).parameters()) == (6 + 1) * 4 + (4 + 1) * 4 + 2
