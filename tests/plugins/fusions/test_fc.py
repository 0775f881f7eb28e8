import pytest
import torch

from mer_plugins.fusions.fc import FullyConnected

DIMS = {"audio": 6, "text": 4}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4]}


def build(dims=None, **options):
    torch.manual_seed(0)
    return FullyConnected(FullyConnected.Config(**options), input_dims=dims or DIMS)


def test_it_is_the_means_side_by_side(encode):
    encoded = encode(DIMS, LENGTHS)
    expected = [
        torch.cat([encoded[m].x_BTD[i][encoded[m].mask_BT[i]].mean(0) for m in ("audio", "text")]) for i in range(3)
    ]
    torch.testing.assert_close(build()(encoded), torch.stack(expected))
    assert build().output_dim == 10


def test_scores_are_a_sum_of_one_part_per_modality(encode):
    """What no additive score can do is be learned here: swapping one modality shifts every score by the same."""
    fusion, classifier = build(), torch.nn.Linear(10, 4)
    first, second = encode(DIMS, LENGTHS, seed=1), encode(DIMS, LENGTHS, seed=2)

    def scores(audio, text):
        return classifier(fusion({"audio": audio["audio"], "text": text["text"]}))

    shift = scores(second, first) - scores(first, first)
    torch.testing.assert_close(scores(second, second) - scores(first, second), shift, atol=1e-5, rtol=1e-5)


def test_with_a_hidden_layer_they_are_not(encode):
    fusion = build(hidden_dim=5, dropout=0.0)
    first, second = encode(DIMS, LENGTHS, seed=1), encode(DIMS, LENGTHS, seed=2)
    assert fusion.output_dim == 5

    def fused(audio, text):
        return fusion({"audio": audio["audio"], "text": text["text"]})

    shift = fused(second, first) - fused(first, first)
    assert not torch.allclose(fused(second, second) - fused(first, second), shift, atol=1e-3)


@pytest.mark.parametrize("options", [{}, {"hidden_dim": 5, "dropout": 0.0}], ids=str)
def test_padding_never_matters_in_value_or_gradient(encode, pad, options):
    fusion, encoded = build(**options), encode(DIMS, LENGTHS, grad=True)
    padded = pad(encoded, 2, value=float("inf"))
    torch.testing.assert_close(fusion(padded), fusion(encoded))
    fusion(padded).sum().backward()
    for part in padded.values():
        assert torch.equal(part.x_BTD.grad[~part.mask_BT], torch.zeros_like(part.x_BTD.grad[~part.mask_BT]))


def test_one_modality_is_enough_and_their_order_does_not_matter(encode):
    encoded = encode(DIMS, LENGTHS)
    assert build({"text": 4})({"text": encoded["text"]}).shape == (3, 4)
    assert torch.equal(build()(encoded), build()(dict(reversed(encoded.items()))))


def test_an_utterance_without_any_frame_is_zero(encode):
    encoded = encode(DIMS, LENGTHS)
    encoded["text"].mask_BT[1] = False
    assert torch.equal(build()(encoded)[1, 6:], torch.zeros(4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"hidden_dim": 5}], ids=str)
def test_other_precisions(encode, dtype, options):
    assert build(**options).to(dtype)(encode(DIMS, LENGTHS, dtype=dtype)).dtype == dtype
