"""Whisper's encoder against transformers' own, which takes recordings of one length: that of the utterance here."""

import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperModel

from mer_core.errors import DataError, SpecError
from mer_core.types import AudioSpan, Utterance
from mer_plugins.encoders.whisper import Whisper

FREEZE = ["frontend", "all", "none"]


def save(directory, positions=40):
    torch.manual_seed(5)
    ids = dict.fromkeys(["pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"], 0)
    sizes = {"d_model": 16, "encoder_layers": 3, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "vocab_size": 8}
    decoder = {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 8}
    settings = WhisperConfig(**ids, **sizes, **decoder, num_mel_bins=20, max_source_positions=positions, dropout=0.1)
    WhisperForConditionalGeneration(settings).save_pretrained(directory)
    WhisperFeatureExtractor(feature_size=20).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return save(tmp_path_factory.mktemp("whisper"))


def build(directory, **options):
    return Whisper(Whisper.Config(checkpoint=str(directory), **options)).eval()


def encode(encoder, utterances):
    return encoder(encoder.collate([encoder.prepare(utterance) for utterance in utterances])).x_BTD


def by_transformers(directory, utterance, **options):
    wave, rate_hz = soundfile.read(utterance.audio.path, dtype="float32")
    extractor = WhisperFeatureExtractor.from_pretrained(directory)
    mel = extractor(wave, sampling_rate=rate_hz, padding="do_not_pad", return_tensors="pt").input_features
    encoder = WhisperModel.from_pretrained(directory).encoder.eval()
    frames = mel.shape[2] // 2
    encoder.config.max_source_positions = frames
    encoder.embed_positions = nn.Embedding.from_pretrained(encoder.embed_positions.weight[:frames])
    with torch.no_grad():
        return encoder(mel, **options)


@pytest.mark.parametrize("freeze", FREEZE)
def test_equals_transformers_on_one_utterance(directory, freeze, spoken):
    encoder = build(directory, freeze=freeze)
    for utterance in spoken[1:3]:  # of an even number of steps of 10 ms, as transformers asks for
        expected = by_transformers(directory, utterance).last_hidden_state
        torch.testing.assert_close(encode(encoder, [utterance]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [0, 1, 2, -1])
def test_layer_is_transformers_hidden_state(directory, layer, spoken):
    expected = by_transformers(directory, spoken[1], output_hidden_states=True).hidden_states[layer]
    encoder = build(directory, layer=layer)
    torch.testing.assert_close(encode(encoder, [spoken[1]]), expected, atol=1e-5, rtol=0)
    assert len(encoder.model.layers) == layer % 4


@pytest.mark.parametrize("freeze", FREEZE)
def test_result_does_not_depend_on_the_batch(directory, freeze, spoken, same_alone):
    encoder = build(directory, freeze=freeze)
    assert same_alone(encoder, spoken) == [16, 25, 6, 1]


@pytest.mark.parametrize("freeze", FREEZE)
def test_gradient_reaches_every_trainable_parameter_and_no_other(directory, freeze, spoken):
    encoder = build(directory, freeze=freeze).train()
    x_BTD = encode(encoder, spoken)
    frozen_prefix = {"frontend": "model.conv", "all": "model.", "none": "nothing"}[freeze]
    names = {name for name, _ in encoder.named_parameters() if not name.startswith(frozen_prefix)}
    expected = names - {"model.embed_positions.weight"}  # sinusoids, fixed in training too
    if expected:
        (x_BTD * torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert {name for name, parameter in encoder.named_parameters() if parameter.grad is not None} == expected


@pytest.mark.parametrize("freeze", FREEZE)
def test_what_is_longer_than_the_positions_is_encoded_in_windows(tmp_path, freeze, spoken):
    """10 positions stand for 30 s: 0.5 s are two windows and a half."""
    encoder = build(save(tmp_path, positions=10), freeze=freeze)
    together = encode(encoder, spoken)
    assert together.isfinite().all()
    features = build(tmp_path, freeze="frontend")
    x_TD = features.prepare(spoken[1])["features"]
    parts = [features(features.collate([{"features": part}])).x_BTD[0] for part in x_TD.split(10)]
    torch.testing.assert_close(together[1], torch.cat(parts), atol=1e-5, rtol=0)
    if freeze != "all":
        encode(encoder.train(), spoken).sum().backward()
        assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)


def test_missing_audio_is_one_frame(directory, spoken):
    encoder = build(directory)
    silent = encoder.prepare(Utterance(id="s"))
    assert encoder.num_frames(silent) == 1
    assert encoder(encoder.collate([silent, encoder.prepare(spoken[0])])).x_BTD.isfinite().all()
    with pytest.raises(DataError, match=r"nowhere\.wav"):
        encoder.prepare(Utterance(id="1", audio=AudioSpan(directory / "nowhere.wav")))


def test_torch_bin(tmp_path, as_bin, spoken):
    new = encode(build(save(tmp_path)), spoken)
    torch.testing.assert_close(encode(build(as_bin(tmp_path)), spoken), new)


def test_the_decoder_is_left_out_and_a_weight_of_the_encoder_must_be_there(tmp_path):
    encoder = build(save(tmp_path))
    assert not any("decoder" in name for name in encoder.state_dict())
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    del weights["model.encoder.layers.1.fc1.bias"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(SpecError, match=r"lacks 1 weights of the encoder, for example layers.1.fc1.bias\nThey would"):
        build(tmp_path)


def test_cache_key_follows_what_prepare_reads(directory):
    keys = {build(directory, freeze=freeze).cache_key() for freeze in FREEZE}
    keys.add(build(directory, freeze="all", layer=1).cache_key())
    assert len(keys) == 4
    assert build(directory, layer=1).cache_key() in keys


def test_another_family_and_no_preprocessor(bert_dir, tmp_path):
    with pytest.raises(
        SpecError, match=r'is a "bert" model, the encoder "whisper" .*\n.*encoders.text = { use = "bert"'
    ):
        build(bert_dir)
    (save(tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(SpecError, match=r"no readable preprocessor_config\.json\n.*WhisperFeatureExtractor"):
        build(tmp_path)
