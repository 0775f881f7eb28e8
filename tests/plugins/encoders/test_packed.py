"""Batches without padding, against the same encoders with padding, on tiny checkpoints made to pack."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers.masking_utils import bidirectional_mask_function

from mer_core.types import Utterance
from mer_plugins.encoders import loading, packed
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.dropout import Dropout
from mer_plugins.encoders.hubert import Hubert
from mer_plugins.encoders.packed import attend, pack, unpack
from mer_plugins.encoders.pretrained import PretrainedEncoder
from mer_plugins.encoders.roberta import Roberta
from mer_plugins.encoders.wav2vec2 import Wav2vec2

PLUGINS = {"group": Wav2vec2, "layer": Wav2vec2, "hubert": Hubert, "bert": Bert, "roberta": Roberta}
CASES = list(PLUGINS)


@pytest.fixture
def packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MIN_DIM", 1)


def build(case: str, request: pytest.FixtureRequest, **options: object) -> PretrainedEncoder:
    directory: Path = request.getfixturevalue(f"{case}_dir")
    plugin = PLUGINS[case]
    return plugin(plugin.Config(checkpoint=str(directory), **options))


def gradients(encoder: nn.Module, x_BTD: Tensor, mask_BT: Tensor) -> dict[str, Tensor]:
    weight_BTD = torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))
    encoder.zero_grad()
    (x_BTD * weight_BTD)[mask_BT].sum().backward()
    return {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}


def without_dropout(encoder: nn.Module) -> nn.Module:
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return encoder.train()


@pytest.mark.parametrize("freeze", ["frontend", "none"])
@pytest.mark.parametrize("case", CASES)
def test_packed_equals_padded_in_value_and_gradient(
    case: str, freeze: str, spoken: list[Utterance], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = build(case, request, freeze=freeze).eval()
    inputs = encoder.collate([encoder.prepare(utterance) for utterance in spoken])
    padded = encoder(inputs)
    expected = gradients(encoder, padded.x_BTD, padded.mask_BT)
    monkeypatch.setattr(packed, "MIN_DIM", 1)
    found = encoder(inputs)
    assert torch.equal(found.mask_BT, padded.mask_BT)
    assert not found.x_BTD[~found.mask_BT].any()
    torch.testing.assert_close(found.x_BTD[found.mask_BT], padded.x_BTD[found.mask_BT], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        gradients(encoder, found.x_BTD, found.mask_BT), expected, atol=1e-4, rtol=1e-4, check_stride=False
    )


@pytest.mark.parametrize("case", ["group", "layer", "hubert"])
def test_the_same_blocks_are_dropped_as_by_transformers(
    case: str, spoken: list[Utterance], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = without_dropout(build(case, request, layerdrop=0.5))
    inputs = encoder.collate([encoder.prepare(utterance) for utterance in spoken])
    seen = set()
    for seed in range(6):
        found = []
        for width in (10**9, 1):
            monkeypatch.setattr(packed, "MIN_DIM", width)
            torch.manual_seed(seed)
            found.append(encoder(inputs))
        mask_BT = found[0].mask_BT
        torch.testing.assert_close(found[1].x_BTD[mask_BT], found[0].x_BTD[mask_BT], atol=1e-5, rtol=0)
        seen.add(round(float(found[1].x_BTD.detach().abs().sum()), 3))
    assert len(seen) > 2  # more than one set of blocks was tried


@pytest.mark.parametrize("case", CASES)
def test_a_training_step_is_decided_by_the_seed_and_drops(
    case: str, packs: None, spoken: list[Utterance], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MIN_DIM", 1)
    encoder = build(case, request).train()
    assert not any(type(module) is nn.Dropout for module in encoder.modules())
    assert any(isinstance(module, Dropout) for module in encoder.modules())
    inputs = encoder.collate([encoder.prepare(utterance) for utterance in spoken])
    one, same, other = (torch.manual_seed(seed) and encoder(inputs).x_BTD for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other, atol=1e-3)


def test_small_models_keep_their_own_dropout(bert_dir: Path) -> None:
    encoder = Bert(Bert.Config(checkpoint=str(bert_dir)))
    assert not any(isinstance(module, Dropout) for module in encoder.modules())
    assert not encoder.packs(torch.zeros(1))


@pytest.mark.parametrize("device", ["meta"])
def test_off_the_cpu_batches_stay_padded(packs: None, bert_dir: Path, device: str) -> None:
    encoder = Bert(Bert.Config(checkpoint=str(bert_dir)))
    assert encoder.packs(torch.zeros(1))
    assert not encoder.packs(torch.zeros(1, device=device))


@pytest.mark.parametrize(("device", "skipped"), [("cpu", True), ("meta", False)])
def test_whether_a_batch_has_padding_is_asked_of_a_cpu_alone(device: str, skipped: bool) -> None:
    real_BT = torch.ones(2, 3, dtype=torch.bool, device=device)
    mask = packed.mask(
        batch_size=2,
        q_length=3,
        kv_length=3,
        mask_function=bidirectional_mask_function,
        attention_mask=real_BT,
        allow_is_causal_skip=False,
        allow_is_bidirectional_skip=True,
        device=real_BT.device,
    )
    assert (mask is None) == skipped
    assert skipped or mask.shape == (2, 1, 3, 3)


def test_pack_and_unpack_are_inverses() -> None:
    mask_BT = torch.tensor([[True, False, False], [True, True, True]])
    x_BTD = torch.randn(2, 3, 4)
    x_1ND = pack(x_BTD, mask_BT)
    assert torch.equal(x_1ND[0], torch.cat([x_BTD[0, :1], x_BTD[1]]))
    assert torch.equal(unpack(x_1ND, mask_BT), x_BTD * mask_BT[..., None])


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_attention_stays_within_an_utterance(dropout: float) -> None:
    lengths = [3, 1, 5]
    parts = [torch.randn(1, 2, 9, 4) for _ in range(3)]
    torch.manual_seed(1)
    before, _ = attend(nn.Identity(), *parts, None, dropout=dropout, lengths=lengths)
    for part in parts:
        part[:, :, 3:4] += 1.0  # the second utterance
    torch.manual_seed(1)
    after, _ = attend(nn.Identity(), *parts, None, dropout=dropout, lengths=lengths)
    same = (before == after).all(-1).all(-1)[0]
    assert same.tolist() == [True] * 3 + [False] + [True] * 5


def test_attention_with_dropout_has_the_mean_of_attention_without() -> None:
    query, key, value = (torch.randn(1, 2, 5, 4, dtype=torch.float64) for _ in range(3))
    plain, _ = attend(nn.Identity(), query, key, value, None, lengths=[2, 3], scaling=0.7)
    torch.manual_seed(0)
    draws = torch.stack(
        [
            attend(nn.Identity(), query, key, value, None, dropout=0.3, lengths=[2, 3], scaling=0.7)[0]
            for _ in range(3000)
        ]
    )
    error = draws.std(0) / 3000**0.5
    assert ((draws.mean(0) - plain).abs() < 5 * error + 1e-9).all()
    assert (draws.std(0) > 0.01).any()
