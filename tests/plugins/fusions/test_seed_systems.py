"""The fusions of the systems that the paper compares with, against forms written out in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mer_core.errors import SpecError
from mer_core.types import Encoded, Step
from mer_plugins.fusions.co_attention import CoAttention
from mer_plugins.fusions.mcsan import Mcsan, Pooled
from mer_plugins.fusions.multi_level import MultiLevel
from mer_plugins.fusions.recurrent import MeanBiLstm
from mer_plugins.fusions.shallow import Shallow
from mer_plugins.fusions.smcn import CalibrationNetwork
from mer_plugins.fusions.tsb_tab import SelfAttentivePooling, TimeDelay, TsbTab
from mer_plugins.fusions.two_stage import TwoStage

DIMS = {"audio": 8, "text": 4}
LENGTHS = {"audio": [7, 3, 5], "text": [2, 4, 4]}
CLOSE = {"atol": 1e-6, "rtol": 1e-6}


def build(plugin, dims=None, num_classes=None, **options):
    torch.manual_seed(0)
    widths = {"num_classes": num_classes} if num_classes else {}
    return plugin(plugin.Config(**options), input_dims=dims or DIMS, **widths).double().eval()


@pytest.fixture
def batch(encode):
    return encode(DIMS, LENGTHS, dtype=torch.float64)


def real(encoded, index):
    """Return an utterance's real frames, (1, T, D)."""
    return encoded.x_BTD[index : index + 1, encoded.mask_BT[index]]


def attention(attend, query, keys):
    """Multi-head attention written out with the module's own weights; no padding."""
    dim, heads = attend.embed_dim, attend.num_heads
    if attend._qkv_same_embed_dim:
        weights = attend.in_proj_weight.chunk(3)
    else:
        weights = (attend.q_proj_weight, attend.k_proj_weight, attend.v_proj_weight)
    biases = attend.in_proj_bias.chunk(3)
    q, k, v = (
        (x @ w.T + b).reshape(x.shape[1], heads, dim // heads).transpose(0, 1)
        for x, w, b in zip((query, keys, keys), weights, biases, strict=True)
    )
    mixed = (q @ k.transpose(1, 2) / (dim // heads) ** 0.5).softmax(-1) @ v
    return attend.out_proj(mixed.transpose(0, 1).reshape(1, -1, dim))


def test_shallow_is_the_first_token_and_the_mean_frame(batch):
    for index, fused_F in enumerate(build(Shallow)(batch)):
        expected = torch.cat([real(batch["audio"], index)[0].mean(0), real(batch["text"], index)[0, 0]])
        torch.testing.assert_close(fused_F, expected, **CLOSE)
    of_means = build(Shallow, first=())(batch)
    torch.testing.assert_close(of_means[:, 8:], batch["text"].mean_BD(), **CLOSE)
    assert sum(p.numel() for p in build(Shallow).parameters()) == 0


def test_co_attention_is_a_transformer_layer_on_the_others_keys(batch):
    fusion = build(CoAttention)
    fused_BF = fusion(batch)
    for index in range(3):
        own = {m: real(e, index) for m, e in batch.items()}
        frames = {}
        for m, other in (("audio", "text"), ("text", "audio")):
            branch = fusion.cross.layers[0][m]
            y = branch.norm(own[m] + attention(branch.attend[other], own[m], own[other]))
            first, _, _, second = branch.ffn
            frames[m] = branch.ffn_norm(y + second(functional.gelu(first(y))))
        expected = torch.cat([frames["audio"][0].mean(0), frames["text"][0, 0]])
        torch.testing.assert_close(fused_BF[index], expected, **CLOSE)
    assert len(fusion.cross.layers) == 1
    assert {branch.attend[o].num_heads for branch, o in ((fusion.cross.layers[0]["audio"], "text"),)} == {2}


def test_two_stage_lets_the_sequence_vector_ask(batch):
    fusion = build(TwoStage, heads=2)
    fused_BF = fusion(batch)
    for index in range(3):
        own = {m: real(e, index) for m, e in batch.items()}
        s = {"audio": own["audio"].mean(1, keepdim=True), "text": own["text"][:, :1]}
        parts = [
            fusion.norm[m](s[m] + attention(fusion.attend[m][o], s[m], own[o]))
            for m, o in (("audio", "text"), ("text", "audio"))
        ]
        torch.testing.assert_close(fused_BF[index], torch.cat(parts, -1)[0, 0], **CLOSE)


@pytest.mark.parametrize("early_weight", [None, 0.6])
def test_multi_level_mixes_posteriors(batch, early_weight):
    fusion = build(MultiLevel, num_classes=5, heads=2, hidden_dim=6, early_weight=early_weight)
    with torch.no_grad():
        fusion.weight_M.add_(torch.tensor([0.3, -0.2, 0.0]) if early_weight is None else 0.0)
    scores_BC = fusion.classify(fusion(batch))
    early_BF = fusion.hidden(fusion.cross(batch))
    heads = {m: fusion.alone[m](batch[m].mean_BD()) for m in batch}
    p = [x.softmax(-1) for x in (fusion.early(early_BF), heads["audio"], heads["text"])]
    w = torch.tensor([0.6, 0.2, 0.2]).double() if early_weight else torch.tensor([0.3, -0.2, 0.0]).double().softmax(0)
    torch.testing.assert_close(scores_BC.exp(), w[0] * p[0] + w[1] * p[1] + w[2] * p[2], **CLOSE)
    torch.testing.assert_close(scores_BC.exp().sum(-1), torch.ones(3).double(), **CLOSE)
    assert fusion.weight_M.requires_grad == (early_weight is None)


def test_the_recurrent_layer_is_torchs_bidirectional_one_averaged(batch):
    encoded, layer = batch["audio"], MeanBiLstm(8, 6).double()
    reference = nn.LSTM(8, 6, batch_first=True, bidirectional=True).double()
    reference.load_state_dict(
        {
            **layer.ahead.state_dict(),
            **{f"{name}_reverse": p for name, p in layer.back.state_dict().items()},
        }
    )
    packed = pack_padded_sequence(encoded.x_BTD, encoded.mask_BT.sum(1), batch_first=True, enforce_sorted=False)
    both_BTE, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    expected_BTD = (both_BTE[..., :6] + both_BTE[..., 6:]) / 2
    found = layer(encoded)
    torch.testing.assert_close(found.x_BTD[found.mask_BT], expected_BTD[found.mask_BT], **CLOSE)


def test_convolution_and_pooling_see_each_utterance_alone(batch):
    config = Mcsan.Config(channels=5)
    layers = Pooled(config, 8).double()
    together = layers(batch["audio"])
    for index, length in enumerate(LENGTHS["audio"]):
        x_1DT = real(batch["audio"], index).transpose(1, 2)
        for layer in layers.layers:
            x_1DT = functional.max_pool1d(
                functional.conv1d(x_1DT, layer.weight, layer.bias, padding=1).relu(), 3, ceil_mode=True
            )
        assert int(together.mask_BT[index].sum()) == -(-length // 9)
        torch.testing.assert_close(real(together, index), x_1DT.transpose(1, 2), **CLOSE)


def test_mcsan_is_cross_and_self_attention_over_the_recurrent_frames(batch):
    fusion = build(Mcsan, dim=8, channels=8, heads=2)
    fused_BF = fusion(batch)
    hidden = {m: fusion._hidden(m, batch[m]) for m in batch}
    for index in range(3):
        own, parts = {m: real(h, index) for m, h in hidden.items()}, []
        for m, other in (("audio", "text"), ("text", "audio")):
            for branch, key in ((fusion.cross[m], other), (fusion.own[m], m)):
                y = branch.norm(own[m] + attention(branch.attend[key], own[m], own[key]))
                first, _, _, second = branch.ffn
                parts.append(branch.ffn_norm(y + second(functional.gelu(first(y))))[0].amax(0))
        torch.testing.assert_close(fused_BF[index], torch.cat(parts), **CLOSE)
    config = Mcsan.Config()
    assert (config.dim, config.heads, config.convolutions, config.kernel, config.pool) == (128, 8, 2, 3, 3)


def test_mcsan_has_as_many_parameters_as_its_description_says():
    """40 MFCC and 300 numbers a word: two convolutions, two LSTMs of two directions, four transformer layers."""
    fusion, d = build(Mcsan, {"audio": 40, "text": 300}), 128
    convolutions = (40 * 3 * d + d) + (d * 3 * d + d)
    recurrent = 2 * 4 * (d * d + d * d + 2 * d) + 2 * 4 * (300 * d + d * d + 2 * d)
    layer = 4 * (d * d + d) + (d * 4 * d + 4 * d + 4 * d * d + d) + 2 * 2 * d
    assert sum(p.numel() for p in fusion.parameters()) == convolutions + recurrent + 4 * layer


def test_time_delay_reads_two_frames_and_zeros_outside(batch):
    torch.manual_seed(0)
    layer = TimeDelay(8, -2, 1).double()
    together = layer(batch["audio"])
    for index, length in enumerate(LENGTHS["audio"]):
        x_TD = real(batch["audio"], index)[0]
        for t in range(length):
            near = [x_TD[t + by] if 0 <= t + by < length else torch.zeros(8).double() for by in (-2, 1)]
            expected = x_TD[t] + layer.norm(layer.mix(torch.cat(near))).relu()
            torch.testing.assert_close(together[index, t], expected, **CLOSE)


def test_self_attentive_pooling_is_a_weighted_mean_per_head(batch):
    torch.manual_seed(0)
    pool = SelfAttentivePooling(8, heads=3, hidden_dim=5).double()
    pooled = pool(batch["audio"])
    for index in range(3):
        x_TD = real(batch["audio"], index)[0]
        share_TH = pool.score(x_TD).softmax(0)
        torch.testing.assert_close(pooled[index], torch.einsum("th,td->hd", share_TH, x_TD).flatten(), **CLOSE)


def test_tsb_tab_has_the_papers_widths():
    fusion = build(TsbTab, {"audio": 500, "text": 768})
    assert fusion.enter.weight.shape == (512, 500)
    assert [delay.offsets for delay in fusion.delays] == [(-2, 1), (-3, 3), (-7, 2)]
    assert [delay.mix.weight.shape for delay in fusion.delays] == [(512, 1024)] * 3
    assert (fusion.embed.weight.shape, fusion.leave.weight.shape) == ((128, 512), (128, 5 * 128))
    assert (fusion.narrow["text"].weight.shape, fusion.out[0].weight.shape) == ((64, 768), (128, 128 + 5 * 64))
    assert fusion.output_dim == 128


def test_tsb_tab_needs_its_synchronous_stream():
    with pytest.raises(
        SpecError, match=r"fusion.synchronous: this pipeline has no encoder video\nChoose one of audio, text"
    ):
        build(TsbTab, synchronous="video")


def test_smcn_averages_learners_that_see_one_modality(batch):
    fusion = build(CalibrationNetwork, num_classes=4, dim=6)
    h = {m: fusion.learn[m](batch[m].mean_BD()) for m in batch}
    c = {m: fusion.calibrate[m](h[m]) for m in batch}
    p = [fusion.heads[m](torch.cat([h[m], c[m]], -1)).softmax(-1) for m in ("audio", "text")]
    fused_BF = fusion(batch)
    torch.testing.assert_close(fusion.classify(fused_BF).exp(), (p[0] + p[1]) / 2, **CLOSE)
    step = Step(
        encoded=batch,
        fused_BF=fused_BF,
        logits_BC=p[0],
        labels_B=torch.zeros(3).long(),
        utterances=[],
        inputs={},
        generator=torch.Generator(),
        fuse=fusion,
        classify=fusion.classify,
    )
    told = {m: functional.layer_norm(x, (6,)) for m, x in h.items()}
    expected = ((c["audio"] - told["text"]).square().mean() + (c["text"] - told["audio"]).square().mean()) / 2
    torch.testing.assert_close(fusion.loss(step).double(), expected, atol=1e-6, rtol=1e-5)
    fusion.loss(step).backward()
    assert fusion.calibrate["audio"][0].weight.grad.abs().max() > 0
    assert fusion.remarks() == ["an approximation of SMCN (Hou et al. 2022), built from a description of a few lines"]


def test_no_learner_of_smcn_changes_what_another_adds(encode):
    """As with `late`, the posterior is a sum of one part per modality."""
    fusion = build(CalibrationNetwork, num_classes=4, dim=6)
    first, second = (encode(DIMS, LENGTHS, seed=seed, dtype=torch.float64) for seed in (1, 2))

    def posterior(audio, text):
        return fusion.classify(fusion({"audio": audio["audio"], "text": text["text"]})).exp()

    shift = posterior(second, first) - posterior(first, first)
    assert shift.abs().max() > 1e-3
    torch.testing.assert_close(posterior(second, second) - posterior(first, second), shift, **CLOSE)


@pytest.mark.parametrize(("plugin", "name"), [(CoAttention, "co-attention"), (TwoStage, "two-stage"), (Mcsan, "mcsan")])
def test_one_modality_is_not_enough(plugin, name):
    with pytest.raises(SpecError, match=f"{name} fuses two modalities or more, and this pipeline has 1 .text."):
        build(plugin, {"text": 16})


def test_an_utterance_without_any_frame_harms_nobody(batch):
    blank = {m: Encoded(e.x_BTD, e.mask_BT & torch.tensor([[True], [m == "audio"], [True]])) for m, e in batch.items()}
    for plugin, options in ((Shallow, {}), (TsbTab, {"dim": 8, "embed_dim": 8}), (CalibrationNetwork, {"dim": 4})):
        fusion = build(plugin, num_classes=3 if hasattr(plugin, "classify") else None, **options)
        fused_BF = fusion(blank)
        assert torch.isfinite(fused_BF).all()
        torch.testing.assert_close(fused_BF[[0, 2]], fusion(batch)[[0, 2]], **CLOSE)
