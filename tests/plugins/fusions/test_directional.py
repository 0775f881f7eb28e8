import pytest
import torch
from torch import nn
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.fusions.directional import DirectionalTransformers
from mer_plugins.fusions.parts import positions

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 8, "heads": 2, "layers": 2, "self_layers": 1}


def build(modalities, **options):
    torch.manual_seed(0)
    config = DirectionalTransformers.Config(**SMALL | options)
    return DirectionalTransformers(config, input_dims={m: DIMS[m] for m in modalities})


def attention_by_hand(block, heads, query, keys):
    """torch's own attention with the block's weights, and the residual parts around it."""
    attention = nn.MultiheadAttention(query.shape[-1], heads, batch_first=True).double()
    attention.load_state_dict(block.attend.state_dict())
    k = functional.layer_norm(keys, keys.shape[-1:], *((block.key_norm or block.norm).parameters()))
    q = functional.layer_norm(query, query.shape[-1:], *block.norm.parameters())
    y = query + attention(q, k, k)[0]
    norm, first, second = block.ffn[0], block.ffn[1], block.ffn[4]
    return y + second(first(functional.layer_norm(y, y.shape[-1:], *norm.parameters())).relu())


def by_hand(fusion, one, kernels, heads=2):
    """The paper's fusion of one utterance: convolutions, positions, every direction, self-attention, last frames."""
    z = {}
    for m, x_1TD in one.items():
        kernel = kernels[m]
        padded_1DT = functional.pad(x_1TD.transpose(1, 2), ((kernel - 1) // 2, kernel // 2))
        convolution = fusion.convolve[m]
        z[m] = functional.conv1d(padded_1DT, convolution.weight, convolution.bias).transpose(1, 2)
    z = {m: 8**0.5 * x + positions(x) for m, x in z.items()}
    last = []
    for m in sorted(z):
        told = []
        for s in sorted(set(z) - {m}):
            stream, x = fusion.cross[m][s], z[m]
            for block in stream.blocks:
                x = attention_by_hand(block, heads, x, z[s])
            told.append(functional.layer_norm(x, x.shape[-1:], *stream.norm.parameters()))
        x = torch.cat(told, dim=-1)
        x = x.shape[-1] ** 0.5 * x + positions(x)
        for block in fusion.collect[m].blocks:
            x = attention_by_hand(block, heads, x, x)
        last.append(functional.layer_norm(x, x.shape[-1:], *fusion.collect[m].norm.parameters())[:, -1])
    h = torch.cat(last, dim=-1)
    return h + fusion.out[3](fusion.out[0](h).relu())


@pytest.mark.parametrize("modalities", [["audio", "text"], ["audio", "text", "video"]], ids=len)
@pytest.mark.parametrize("kernels", [(5, 3), (2, 1)])
def test_it_is_torchs_attention_composed_by_hand(encode, singly, shake, modalities, kernels):
    audio, other = kernels
    fusion = shake(build(modalities, audio_kernel=audio, kernel=other))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    widths = {m: audio if m == "audio" else other for m in modalities}
    expected = torch.cat([by_hand(fusion, one, widths) for one in singly(encoded)])
    torch.testing.assert_close(fusion(encoded), expected, atol=1e-6, rtol=0)
    assert fusion.output_dim == len(modalities) * (len(modalities) - 1) * 8


def test_there_is_a_transformer_for_each_direction():
    fusion = build(["audio", "text", "video"], layers=3)
    pairs = {(m, s) for m, sources in fusion.cross.items() for s in sources}
    assert pairs == {(m, s) for m in DIMS for s in DIMS if s != m}
    assert all(len(stream.blocks) == 3 for sources in fusion.cross.values() for stream in sources.values())


def test_without_positions_it_would_not_know_the_order_of_frames(encode, monkeypatch):
    """The trap: attention alone is the same for frames in any order, up to which one is last."""
    from mer_plugins.fusions import directional

    fusion = build(["audio", "text"], kernel=1, audio_kernel=1).eval()
    encoded = encode({"audio": 6, "text": 4}, {"audio": [5], "text": [4]})
    turned = dict(encoded)
    order = torch.tensor([2, 0, 1, 3, 4])  # the last frame stays the last
    turned["audio"] = type(encoded["audio"])(encoded["audio"].x_BTD[:, order], encoded["audio"].mask_BT)
    assert not torch.allclose(fusion(encoded), fusion(turned), atol=1e-4)
    monkeypatch.setattr(directional, "positions", torch.zeros_like)
    torch.testing.assert_close(fusion(encoded), fusion(turned), atol=1e-5, rtol=0)


def test_the_defaults_are_the_papers():
    config = DirectionalTransformers.Config()
    assert (config.dim, config.layers, config.heads, config.kernel, config.audio_kernel) == (40, 4, 10, 3, 5)
    assert (config.embed_dropout, config.dropout, config.out_dropout) == (0.3, 0.25, 0.1)


def test_a_block_has_as_many_parameters_as_the_formula_gives():
    """Attention 4 d^2 + 4 d, feed-forward 8 d^2 + 5 d, three normalisations of 2 d; d = 8."""
    (block,) = build(["audio", "text"], layers=1).cross["audio"]["text"].blocks
    assert sum(p.numel() for p in block.parameters()) == 12 * 64 + 9 * 8 + 6 * 8


def test_one_modality_is_refused():
    expected = (
        r"^mult fuses two modalities or more, and this pipeline has 1 \(text\)\nUse --fusion fc, or add a modality"
    )
    with pytest.raises(SpecError, match=expected):
        build(["text"])


def test_heads_must_divide_the_width():
    with pytest.raises(SpecError, match=r"^fusion\.heads: must divide fusion\.dim, 8; got 3$"):
        build(["audio", "text"], heads=3)
