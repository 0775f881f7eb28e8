import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.fusions.bottleneck import AttentionBottleneck
from mer_plugins.fusions.parts import positions

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 8, "heads": 2, "layers": 3, "fusion_layer": 1, "bottlenecks": 2}
NAMES = {"self_attn": "attend", "linear1": "ffn.1", "linear2": "ffn.4", "norm1": "norm", "norm2": "ffn.0"}


def build(modalities, **options):
    torch.manual_seed(0)
    config = AttentionBottleneck.Config(**SMALL | options)
    return AttentionBottleneck(config, input_dims={m: DIMS[m] for m in modalities})


def torchs_layer(block):
    """torch's own transformer layer with a block's weights."""
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double().eval()
    weights = block.state_dict()
    names = {key: f"{NAMES[key.partition('.')[0]]}.{key.partition('.')[2]}" for key in layer.state_dict()}
    layer.load_state_dict({key: weights[name] for key, name in names.items()})
    return layer


def by_hand(fusion, one, fusion_layer):
    """The paper's equations on one utterance without padding."""
    z = {m: fusion.project[m](x) for m, x in one.items()}
    z = {m: torch.cat([fusion.cls[m][None], x + positions(x)], dim=1) for m, x in z.items()}
    shared = fusion.bottleneck_FD[None]
    for number, blocks in enumerate(fusion.layers):
        layers = {m: torchs_layer(block) for m, block in blocks.items()}
        if number < fusion_layer:
            z = {m: layers[m](x) for m, x in z.items()}
            continue
        after = {m: layers[m](torch.cat([x, shared], dim=1)) for m, x in z.items()}
        shared = sum(x[:, -2:] for x in after.values()) / len(after)
        z = {m: x[:, :-2] for m, x in after.items()}
    cls = [functional.layer_norm(x[:, 0], (8,), *fusion.norm.parameters()) for x in z.values()]
    return sum(cls) / len(cls)


@pytest.mark.parametrize("modalities", [["audio", "text"], ["audio", "text", "video"]], ids=len)
@pytest.mark.parametrize("fusion_layer", [0, 1, 2])
def test_it_is_torchs_transformer_composed_by_hand(encode, singly, shake, modalities, fusion_layer):
    fusion = shake(build(modalities, fusion_layer=fusion_layer))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    expected = torch.cat([by_hand(fusion, one, fusion_layer) for one in singly(encoded)])
    torch.testing.assert_close(fusion(encoded), expected, atol=1e-6, rtol=0)


def test_with_one_fused_layer_nothing_of_one_modality_reaches_the_other_yet(encode):
    """Bottlenecks carry what they were told a layer before: with one fused layer the class tokens are still apart."""
    first, second = encode(DIMS, LENGTHS, seed=1), encode(DIMS, LENGTHS, seed=2)

    def interaction(layers):
        fusion = build(["audio", "text"], layers=layers, fusion_layer=0).eval()

        def fused(audio, text):
            return fusion({"audio": audio["audio"], "text": text["text"]})

        shift = fused(second, first) - fused(first, first)
        return (fused(second, second) - fused(first, second) - shift).abs().max()

    assert interaction(layers=1) < 1e-5
    assert interaction(layers=2) > 1e-3


def test_it_has_as_many_parameters_as_the_formulas_give():
    counted = sum(parameter.numel() for parameter in build(["audio", "text"]).parameters())
    block = 12 * 64 + 9 * 8 + 2 * 16
    assert counted == (6 + 1) * 8 + (4 + 1) * 8 + 2 * 8 + 2 * 8 + 3 * 2 * block + 16


def test_modalities_must_meet_somewhere():
    with pytest.raises(ValidationError, match="fusion_layer must be less than layers, 3; got 3"):
        AttentionBottleneck.Config(layers=3, fusion_layer=3)


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"^bottleneck fuses two modalities or more, and this pipeline has 1 \(text\)"):
        build(["text"])


def test_heads_must_divide_the_width():
    with pytest.raises(SpecError, match=r"^fusion\.heads: must divide fusion\.dim, 8; got 3$"):
        build(["audio", "text"], heads=3)
