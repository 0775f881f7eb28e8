import pytest
import torch
from torch import nn
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.fusions.parts import positions
from mer_plugins.fusions.perceiver import Perceiver

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 8, "latents": 3, "repeats": 3, "layers": 2, "heads": 2}


def build(modalities, **options):
    torch.manual_seed(0)
    return Perceiver(Perceiver.Config(**SMALL | options), input_dims={m: DIMS[m] for m in modalities})


def block_by_hand(block, heads, query, keys):
    attention = nn.MultiheadAttention(8, heads, batch_first=True).double()
    attention.load_state_dict(block.attend.state_dict())
    k = functional.layer_norm(keys, (8,), *(block.key_norm or block.norm).parameters())
    y = query + attention(functional.layer_norm(query, (8,), *block.norm.parameters()), k, k)[0]
    return y + block.ffn[4](functional.gelu(block.ffn[1](functional.layer_norm(y, (8,), *block.ffn[0].parameters()))))


def by_hand(fusion, one, share):
    """The paper's network on one utterance without padding."""
    keys = [fusion.project[m](x) for m, x in one.items()]
    keys = torch.cat([x + positions(x) + fusion.kind[m] for m, x in zip(one, keys, strict=True)], dim=1)
    latent = fusion.latent_LD[None]
    for number in range(3):
        read, think = (0 if number == 0 else 1, 0) if share else (number, number)
        latent = block_by_hand(fusion.read[read], 1, latent, keys)
        for block in fusion.think[think]:
            latent = block_by_hand(block, 2, latent, latent)
    return functional.layer_norm(latent, (8,), *fusion.norm.parameters()).mean(1)


@pytest.mark.parametrize("modalities", [["text"], ["audio", "text"], ["audio", "text", "video"]], ids=len)
@pytest.mark.parametrize("share", [True, False])
def test_it_is_torchs_attention_composed_by_hand(encode, singly, shake, modalities, share):
    fusion = shake(build(modalities, share=share))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    expected = torch.cat([by_hand(fusion, one, share) for one in singly(encoded)])
    torch.testing.assert_close(fusion(encoded), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("share", "cross", "own"), [(True, 2, 1), (False, 3, 3)])
def test_weights_are_shared_by_all_repeats_but_the_first_cross_attention(share, cross, own):
    fusion = build(["audio", "text"], share=share)
    assert (len(fusion.read), len(fusion.think)) == (cross, own)
    block = (4 * 64 + 4 * 8) + (2 * 64 + 2 * 8) + 2 * 16
    expected = (6 + 1) * 8 + (4 + 1) * 8 + 2 * 8 + 3 * 8 + cross * (block + 16) + own * 2 * block + 16
    assert sum(parameter.numel() for parameter in fusion.parameters()) == expected


@pytest.mark.parametrize("key", ["heads", "cross_heads"])
def test_heads_must_divide_the_width(key):
    with pytest.raises(SpecError, match=rf"^fusion\.{key}: must divide fusion\.dim, 8; got 3$"):
        build(["audio", "text"], **{key: 3})
