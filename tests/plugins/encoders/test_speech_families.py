"""HuBERT and WavLM against transformers' own forward of one unpadded utterance, on tiny checkpoints."""

import pytest
import soundfile
import torch
from transformers import (
    HubertForCTC,
    HubertModel,
    Wav2Vec2FeatureExtractor,
    WavLMForCTC,
    WavLMModel,
)

from mer_core.errors import SpecError
from mer_plugins.encoders import packed
from mer_plugins.encoders.hubert import Hubert
from mer_plugins.encoders.wavlm import WavLm

FREEZE = ["frontend", "all", "none"]
FAMILIES = {"hubert": (Hubert, HubertModel, HubertForCTC), "wavlm": (WavLm, WavLMModel, WavLMForCTC)}


@pytest.fixture(scope="module", params=["group", "layer"])
def norm(request):
    return request.param


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def directory(family, norm, save_wav2vec2, tmp_path_factory):
    """The base models come without a head and with a group norm, the large ones here with a head and layer norms."""
    model_class = FAMILIES[family][1 if norm == "group" else 2]
    return save_wav2vec2(tmp_path_factory.mktemp(family), norm, model_class=model_class)


@pytest.fixture
def build(family):
    def make(directory, **options):
        plugin = FAMILIES[family][0]
        return plugin(plugin.Config(checkpoint=str(directory), **options)).eval()

    return make


def encode(encoder, utterances):
    return encoder(encoder.collate([encoder.prepare(utterance) for utterance in utterances])).x_BTD


def by_transformers(family, directory, utterance, **options):
    wave, rate_hz = soundfile.read(utterance.audio.path, dtype="float32")
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(directory)
    model = FAMILIES[family][1].from_pretrained(directory).eval()
    with torch.no_grad():
        return model(extractor(wave, sampling_rate=rate_hz, return_tensors="pt").input_values, **options)


@pytest.mark.parametrize("freeze", FREEZE)
def test_equals_transformers_on_one_utterance(family, directory, build, freeze, spoken):
    encoder = build(directory, freeze=freeze)
    for utterance in spoken[:3]:
        expected = by_transformers(family, directory, utterance).last_hidden_state
        torch.testing.assert_close(encode(encoder, [utterance]), expected, atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("freeze", FREEZE)
def test_result_does_not_depend_on_the_batch(directory, build, freeze, spoken, same_alone):
    encoder = build(directory, freeze=freeze)
    assert same_alone(encoder, spoken) == [29, 48, 10, 1]


@pytest.mark.parametrize("layer", [0, 1, -2])
def test_layer_is_transformers_hidden_state(family, directory, build, layer, spoken):
    expected = by_transformers(family, directory, spoken[0], output_hidden_states=True).hidden_states[layer]
    encoder = build(directory, layer=layer)
    torch.testing.assert_close(encode(encoder, spoken[:1]), expected, atol=1e-5, rtol=0)
    assert len(encoder.model.encoder.layers) == layer % 4


@pytest.mark.parametrize("freeze", FREEZE)
def test_gradient_reaches_every_trainable_parameter_and_no_other(directory, build, freeze, spoken):
    encoder = build(directory, freeze=freeze).train()
    x_BTD = encode(encoder, spoken)
    frozen_prefix = {"frontend": "model.feature_extractor.", "all": "model.", "none": "nothing"}[freeze]
    names = {name for name, _ in encoder.named_parameters() if not name.endswith("masked_spec_embed")}
    expected = {name for name in names if not name.startswith(frozen_prefix)}
    if expected:
        (x_BTD * torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert {name for name, parameter in encoder.named_parameters() if parameter.grad is not None} == expected


def test_spec_augment(directory, build, spoken):
    encoder = build(directory, spec_augment=True, mask_time_prob=0.5, mask_time_length=4, layerdrop=0.0).train()
    encode(encoder, spoken).square().sum().backward()
    assert encoder.model.masked_spec_embed.grad.abs().sum() > 0


def test_torch_bin_with_old_weight_norm_names(family, norm, build, tmp_path, save_wav2vec2, as_bin, spoken):
    directory = save_wav2vec2(tmp_path, norm, model_class=FAMILIES[family][2])
    new = encode(build(directory), spoken)
    torch.testing.assert_close(encode(build(as_bin(directory)), spoken), new)


def test_prepared_together(directory, build, spoken):
    encoder = build(directory)
    together = encoder._frozen_part([encoder._wave(utterance) for utterance in spoken])
    for x_TD, utterance in zip(together, spoken, strict=True):
        torch.testing.assert_close(x_TD, encoder.prepare(utterance)["features"], atol=1e-5, rtol=1e-5)


def test_another_family(build, family, bert_dir, group_dir):
    says = rf'is a "wav2vec2" model, the encoder "{family}" .*\n.*mean encoders.audio = {{ use = "wav2vec2" }}'
    with pytest.raises(SpecError, match=says):
        build(group_dir)
    with pytest.raises(SpecError, match=r'encoders.audio.checkpoint: .* is a "bert" model.*\n.*encoders.text = { use'):
        build(bert_dir)


def test_wavlm_is_never_packed_and_hubert_not_with_a_norm_over_the_batch(tmp_path, save_wav2vec2, monkeypatch, spoken):
    monkeypatch.setattr(packed, "MIN_DIM", 1)
    wavlm = save_wav2vec2(tmp_path / "wavlm", "group", model_class=WavLMModel)
    hubert = save_wav2vec2(tmp_path / "hubert", "group", model_class=HubertModel, conv_pos_batch_norm=True)
    for family, directory in (("wavlm", wavlm), ("hubert", hubert)):
        plugin = FAMILIES[family][0]
        encoder = plugin(plugin.Config(checkpoint=str(directory))).eval()
        expected = by_transformers(family, directory, spoken[0]).last_hidden_state
        torch.testing.assert_close(encode(encoder, spoken[:1]), expected, atol=1e-5, rtol=0)
