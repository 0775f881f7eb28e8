import pytest
import torch
from torch import nn
from torch.nn import functional

from mer_core.errors import SpecError
from mer_plugins.fusions.film import Film

DIMS = {"audio": 6, "text": 4, "video": 5}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4], "video": [1, 2, 3]}
SMALL = {"dim": 8, "blocks": 2, "gru_dim": 5, "pool_dim": 7, "hidden_dim": 9}


def build(modalities, **options):
    torch.manual_seed(0)
    return Film(Film.Config(**SMALL | options), input_dims={m: DIMS[m] for m in modalities})


def by_hand(fusion, one, condition, kernel):
    """The paper's network on one utterance without padding, from torch's own parts."""
    q = fusion.read(one[condition])[1][-1]
    pooled = []
    for m in sorted(set(one) - {condition}):
        part, x = fusion.modulate[m], fusion.modulate[m].project(one[m])
        numbers = part.film(q).reshape(1, 2, 2, 8)  # block, (delta, beta), channel
        for k in range(2):
            y = part.first[k](x).relu()
            padded = functional.pad(y.transpose(1, 2), ((kernel - 1) // 2, kernel // 2))
            z = functional.conv1d(padded, part.second[k].weight, part.second[k].bias).transpose(1, 2)
            z = functional.layer_norm(z, (8,))
            x = y + ((1 + numbers[:, k, 0]) * z + numbers[:, k, 1]).relu()
        pooled.append(part.pool[0](x).relu().amax(1))
    return fusion.out[0](torch.cat(pooled, dim=-1)).relu()


@pytest.mark.parametrize(
    ("modalities", "condition"),
    [(["audio", "text"], "text"), (["audio", "text"], "audio"), (["audio", "text", "video"], "video")],
)
@pytest.mark.parametrize("kernel", [1, 3])
def test_it_is_the_papers_network_composed_by_hand(encode, singly, shake, modalities, condition, kernel):
    fusion = shake(build(modalities, condition=condition, kernel=kernel))
    encoded = encode({m: DIMS[m] for m in modalities}, LENGTHS, dtype=torch.float64)
    expected = torch.cat([by_hand(fusion, one, condition, kernel) for one in singly(encoded)])
    torch.testing.assert_close(fusion(encoded), expected, atol=1e-6, rtol=0)


def test_without_modulation_the_condition_does_not_matter(encode):
    fusion = build(["audio", "text"]).eval()
    nn.init.zeros_(fusion.modulate["audio"].film.weight)
    first, second = encode(DIMS, LENGTHS, seed=1), encode(DIMS, LENGTHS, seed=2)
    mixed = {"audio": first["audio"], "text": second["text"]}
    torch.testing.assert_close(fusion(first), fusion(mixed), atol=1e-6, rtol=0)


def test_the_defaults_are_the_papers_where_they_fit():
    config = Film.Config()
    assert (config.condition, config.dim, config.blocks, config.kernel) == ("text", 128, 4, 3)
    assert (config.pool_dim, config.hidden_dim) == (512, 1024)


def test_it_has_as_many_parameters_as_the_formulas_give():
    counted = sum(parameter.numel() for parameter in build(["audio", "text"]).parameters())
    gru = 3 * 5 * (4 + 5 + 2)
    block = (8 * 8 + 8) + (8 * 8 * 3 + 8)
    assert counted == gru + (6 * 8 + 8) + (5 + 1) * 2 * 2 * 8 + 2 * block + (8 * 7 + 7) + (7 * 9 + 9)


def test_the_condition_must_be_a_modality():
    with pytest.raises(SpecError, match=r"^fusion\.condition: this pipeline has no modality face; it has audio, text$"):
        build(["audio", "text"], condition="face")


def test_one_modality_is_refused():
    with pytest.raises(SpecError, match=r"^film fuses two modalities or more, and this pipeline has 1 \(text\)"):
        build(["text"])
