import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from mer_core.errors import SpecError
from mer_core.types import Encoded
from mer_plugins.fusions.cross_attention import CrossAttention

DIMS = {"audio": 16, "text": 16}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4]}
VARIANTS = [{}, {"layers": 1}, {"layers": 3}, {"ffn": True}, {"norm": "none"}, {"norm": "none", "ffn": True}]


def build(dims=None, **options):
    torch.manual_seed(0)
    config = CrossAttention.Config(**{"heads": 4, "dropout": 0.0} | options)
    return CrossAttention(config, input_dims=dims or DIMS)


def by_hand(fusion, encoded, layers, *, ffn=False, norm=True):
    """The paper's fusion on one utterance at a time, without masks, from torch's own parts."""
    rows = []
    for index in range(len(encoded["audio"].mask_BT)):
        x = {m: e.x_BTD[index][e.mask_BT[index]][None] for m, e in encoded.items()}
        for layer in list(fusion.layers)[:layers]:
            after = {}
            for own, other in (("audio", "text"), ("text", "audio")):
                branch = layer[own]
                attention = nn.MultiheadAttention(x[own].shape[-1], 4, batch_first=True)
                attention.load_state_dict(branch.attend[other].state_dict())
                y = x[own] + attention(x[own], x[other], x[other])[0]
                y = functional.layer_norm(y, y.shape[-1:], branch.norm.weight, branch.norm.bias) if norm else y
                if ffn:
                    y = y + branch.ffn[3](functional.gelu(branch.ffn[0](y)))
                    y = (
                        functional.layer_norm(y, y.shape[-1:], branch.ffn_norm.weight, branch.ffn_norm.bias)
                        if norm
                        else y
                    )
                after[own] = y
            x = after  # both branches of the next layer read both outputs of this one
        rows.append(torch.cat([x["audio"].mean(1), x["text"].mean(1)], dim=-1))
    return torch.cat(rows)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_it_is_torchs_attention_composed_by_hand(encode, options):
    fusion = build(**options)
    for parameter in fusion.parameters():  # norms start at one and zero, where a mistake in them would not show
        nn.init.normal_(parameter, std=0.1)
    encoded = encode(DIMS, LENGTHS)
    expected = by_hand(
        fusion, encoded, options.get("layers", 2), ffn=options.get("ffn", False), norm=options.get("norm") != "none"
    )
    torch.testing.assert_close(fusion(encoded), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("value", [0.0, 1e3, -1e3])
def test_padding_never_matters_in_value_or_gradient(encode, pad, options, value):
    fusion, encoded = build(**options), encode(DIMS, LENGTHS, grad=True)
    padded = pad(encoded, 3, value=value)
    short_BF, long_BF = fusion(encoded), fusion(padded)
    torch.testing.assert_close(long_BF, short_BF, atol=1e-6, rtol=1e-5)
    weight_BF = torch.randn_like(short_BF)
    (short_BF * weight_BF).sum().backward()
    (long_BF * weight_BF).sum().backward()
    for modality, part in padded.items():
        grad_BTD, own = part.x_BTD.grad, encoded[modality]
        assert torch.equal(grad_BTD[~part.mask_BT], torch.zeros_like(grad_BTD[~part.mask_BT]))
        torch.testing.assert_close(grad_BTD[part.mask_BT], own.x_BTD.grad[own.mask_BT], atol=1e-6, rtol=1e-4)


def test_an_utterance_does_not_see_the_others_of_its_batch(encode):
    fusion, encoded = build(), encode(DIMS, LENGTHS)
    alone = [fusion({m: e.take(torch.tensor([i])) for m, e in encoded.items()}) for i in range(3)]
    torch.testing.assert_close(fusion(encoded), torch.cat(alone), atol=1e-6, rtol=1e-5)


def test_every_parameter_of_the_last_layers_both_branches_is_trained(encode):
    fusion = build(layers=2, ffn=True)
    fusion(encode(DIMS, LENGTHS)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for name, p in fusion.named_parameters())


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_there_are_as_many_layers_as_asked_for(layers):
    parameters = sum(p.numel() for p in build(layers=layers).parameters())
    assert parameters == layers * sum(p.numel() for p in build(layers=1).parameters())


def test_the_second_layer_reads_both_outputs_of_the_first(encode):
    """With one layer the text half sees the words once; with two it also sees what audio made of them."""
    encoded = encode(DIMS, {"audio": [4], "text": [4]}, grad=True)
    fusion = build(layers=2, norm="none")
    nn.init.zeros_(fusion.layers[1]["text"].attend["audio"].out_proj.weight)
    half_F = fusion(encoded)[0, 16:]  # text, whose second attention adds nothing now
    reference = by_hand(fusion, encoded, 1, norm=False)[0, 16:] + fusion.layers[1]["text"].attend["audio"].out_proj.bias
    torch.testing.assert_close(half_F, reference, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(encode, dtype):
    encoded = encode(DIMS, LENGTHS, dtype=dtype)
    fusion = build()
    exact_BF = fusion({m: Encoded(e.x_BTD.float(), e.mask_BT) for m, e in encoded.items()})
    fused_BF = fusion.to(dtype)(encoded)
    assert fused_BF.dtype == dtype
    torch.testing.assert_close(fused_BF.float(), exact_BF, atol=0.05 if dtype == torch.bfloat16 else 1e-5, rtol=0)


@pytest.mark.parametrize("ffn", [False, True])
def test_modalities_may_differ_in_width_and_be_more_than_two(encode, ffn):
    dims = {"text": 12, "audio": 8, "video": 4}
    fusion = build(dims, ffn=ffn)
    lengths = {"audio": [5, 2], "text": [3, 3], "video": [1, 6]}
    encoded = encode(dims, lengths)
    assert fusion(encoded).shape == (2, 24)
    assert fusion.output_dim == 24
    turned = dict(reversed(encoded.items()))
    assert torch.equal(fusion(turned), fusion(encoded))


def test_dropout_acts_in_training_only(encode):
    fusion, encoded = build(dropout=0.5), encode(DIMS, LENGTHS)
    assert not torch.equal(fusion(encoded), fusion(encoded))
    fusion.eval()
    assert torch.equal(fusion(encoded), fusion(encoded))


def test_an_utterance_without_any_frame_harms_nobody(encode):
    fusion = build()
    encoded = encode(DIMS, {"audio": [4, 3], "text": [3, 2]}, grad=True)
    blank = {m: Encoded(e.x_BTD, e.mask_BT & torch.tensor([[True], [m == "audio"]])) for m, e in encoded.items()}
    fused_BF = fusion(blank)
    torch.testing.assert_close(fused_BF[0], fusion(encoded)[0], atol=1e-6, rtol=1e-5)
    fused_BF.sum().backward()
    assert torch.isfinite(fused_BF).all()
    assert all(torch.isfinite(e.x_BTD.grad).all() for e in encoded.values())


def test_heads_must_divide_every_width():
    with pytest.raises(SpecError, match=r"^fusion\.heads: must divide the width of text, 18; got 4$"):
        build({"audio": 16, "text": 18})


def test_one_modality_is_not_enough():
    expected = (
        r"cross-attn fuses two modalities or more, and this pipeline has 1 \(text\)\nUse --fusion fc, or add a mod"
    )
    with pytest.raises(SpecError, match=expected):
        build({"text": 16})


@pytest.mark.parametrize("option", [{"layers": 0}, {"heads": 0}, {"dropout": 1.0}, {"norm": "pre"}, {"layer": 2}])
def test_options_have_bounds(option):
    with pytest.raises(ValidationError, match=next(iter(option))):
        CrossAttention.Config(**option)


def test_defaults_are_the_papers():
    config = CrossAttention.Config()
    assert (config.layers, config.heads, config.ffn, config.norm) == (2, 8, False, "post")


def test_attention_is_that_of_the_last_layer_and_leaves_padding_out():
    torch.manual_seed(0)
    config = CrossAttention.Config(layers=2, heads=2)
    fusion = CrossAttention(config, input_dims={"audio": 8, "text": 4}).eval()
    mask_BT = torch.tensor([[True, True, False], [True, True, True]])
    encoded = {"audio": Encoded(torch.randn(2, 3, 8), mask_BT), "text": Encoded(torch.randn(2, 2, 4), mask_BT[:, :2])}
    found = fusion.attention(encoded)
    before = {m: branch(encoded[m], encoded) for m, branch in fusion.layers[0].items()}
    attend = fusion.layers[1]["text"].attend["audio"]
    x, y = before["text"].x_BTD, before["audio"].x_BTD
    expected = attend(x, y, y, key_padding_mask=~mask_BT, average_attn_weights=False)[1].mean(1)
    torch.testing.assert_close(found["text", "audio"], expected)
    assert found["text", "audio"][0, :, 2].eq(0).all()
    assert found["audio", "text"].shape == (2, 3, 2)
