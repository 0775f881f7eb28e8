"""wav2vec 2.0 against transformers' own forward of one unpadded utterance, on tiny checkpoints in the hub's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForPreTraining, Wav2Vec2Model

from mer_core.errors import DataError, SpecError
from mer_core.protocols import Encoder
from mer_core.types import AudioSpan, Utterance
from mer_plugins.encoders.spec_augment import spec_augment
from mer_plugins.encoders.wav2vec2 import Wav2vec2

Save = Callable[..., Path]
FREEZE = ["frontend", "all", "none"]
NORM = ["group", "layer"]


@pytest.fixture(params=NORM)
def directory(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(f"{request.param}_dir")


def build(directory: Path, **options: object) -> Wav2vec2:
    return Wav2vec2(Wav2vec2.Config(checkpoint=str(directory), **options)).eval()


def encode(encoder: Wav2vec2, utterances: list[Utterance]) -> torch.Tensor:
    return encoder(encoder.collate([encoder.prepare(utterance) for utterance in utterances])).x_BTD


def by_transformers(directory: Path, utterance: Utterance, **options: object) -> object:
    """One utterance through plain transformers: no padding, no attention mask."""
    wave, rate_hz = soundfile.read(utterance.audio.path, dtype="float32")
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(directory)
    model = Wav2Vec2Model.from_pretrained(directory).eval()
    with torch.no_grad():
        return model(extractor(wave, sampling_rate=rate_hz, return_tensors="pt").input_values, **options)


def test_keeps_the_contract(group_dir: Path) -> None:
    encoder = build(group_dir)
    assert isinstance(encoder, Encoder)
    assert (encoder.modality, encoder.output_dim) == ("audio", 16)


@pytest.mark.parametrize("freeze", FREEZE)
def test_equals_transformers_on_one_utterance(directory: Path, freeze: str, spoken: list[Utterance]) -> None:
    encoder = build(directory, freeze=freeze)
    for utterance in spoken[:3]:
        expected = by_transformers(directory, utterance).last_hidden_state
        torch.testing.assert_close(encode(encoder, [utterance]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("freeze", FREEZE)
def test_result_does_not_depend_on_the_batch(
    directory: Path, freeze: str, spoken: list[Utterance], same_alone: Callable[..., list[int]]
) -> None:
    encoder = build(directory, freeze=freeze)
    assert same_alone(encoder, spoken) == [29, 48, 10, 1]


@pytest.mark.parametrize("freeze", FREEZE)
def test_gradient_reaches_every_trainable_parameter_and_no_other(
    directory: Path, freeze: str, spoken: list[Utterance]
) -> None:
    encoder = build(directory, freeze=freeze).train()
    x_BTD = encode(encoder, spoken)
    trainable = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    frozen_prefix = {"frontend": "model.feature_extractor.", "all": "model.", "none": "nothing"}[freeze]
    everything = {name for name, _ in encoder.named_parameters() if not name.endswith("masked_spec_embed")}
    assert trainable == {name for name in everything if not name.startswith(frozen_prefix)}
    if trainable:
        (x_BTD * torch.randn(x_BTD.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    reached = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert reached == trainable


def test_frozen_parts_stay_in_evaluation_mode(group_dir: Path) -> None:
    assert not build(group_dir, freeze="all").train().model.encoder.training
    partly = build(group_dir).train()
    assert partly.model.encoder.training
    assert not any(module.training for module in partly.model.feature_extractor.modules())
    assert build(group_dir, freeze="none").train().model.feature_extractor.training


@pytest.mark.parametrize("training", [False, True])
def test_prepare_is_the_same_in_training(group_dir: Path, training: bool, spoken: list[Utterance]) -> None:
    encoder = build(group_dir, freeze="all").train(training)
    torch.testing.assert_close(
        encoder.prepare(spoken[0])["hidden"], encode(build(group_dir), spoken[:1])[0], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("layer", [0, 1, 2, -2, -3, -4])
def test_layer_is_transformers_hidden_state(directory: Path, layer: int, spoken: list[Utterance]) -> None:
    expected = by_transformers(directory, spoken[0], output_hidden_states=True).hidden_states[layer]
    encoder = build(directory, layer=layer)
    torch.testing.assert_close(encode(encoder, spoken[:1]), expected, atol=1e-5, rtol=0)
    assert len(encoder.model.encoder.layers) == layer % 4


def test_last_layer_by_either_name_is_the_last_hidden_state(layer_dir: Path, spoken: list[Utterance]) -> None:
    expected = by_transformers(layer_dir, spoken[0]).last_hidden_state
    for layer in (-1, 3):
        torch.testing.assert_close(encode(build(layer_dir, layer=layer), spoken[:1]), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [4, -5])
def test_layer_out_of_range(group_dir: Path, layer: int) -> None:
    with pytest.raises(SpecError, match=rf"encoders.audio.layer: {layer} is not a hidden state .* 3 layers\n.*0 .* 3"):
        build(group_dir, layer=layer)


@pytest.mark.parametrize("do_normalize", [True, False])
def test_honours_do_normalize(tmp_path: Path, save_wav2vec2: Save, do_normalize: bool, spoken: list[Utterance]) -> None:
    directory = save_wav2vec2(tmp_path, "layer", do_normalize=do_normalize)
    wave_N = build(directory, freeze="none").prepare(spoken[1])["wave"]
    assert wave_N.mean().abs() < 1e-3 if do_normalize else wave_N.mean() == pytest.approx(0.1, abs=0.01)
    assert wave_N.std() == pytest.approx(1.0 if do_normalize else 0.05, rel=0.05)


@pytest.mark.parametrize("freeze", FREEZE)
def test_missing_audio_is_one_frame_of_silence(directory: Path, freeze: str, spoken: list[Utterance]) -> None:
    encoder = build(directory, freeze=freeze)
    silent = encoder.prepare(Utterance(id="s"))
    assert encoder.num_frames(silent) == 1
    assert torch.isfinite(encoder(encoder.collate([silent, encoder.prepare(spoken[0])])).x_BTD).all()


def test_shorter_than_one_frame_is_padded_after_normalisation(group_dir: Path, spoken: list[Utterance]) -> None:
    wave_N = build(group_dir, freeze="none").prepare(spoken[3])["wave"]
    assert wave_N.shape == (400,)
    assert wave_N[320:].eq(0).all()
    assert wave_N[:320].mean().abs() < 1e-4


def test_missing_file_is_named(group_dir: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.wav"):
        build(group_dir).prepare(Utterance(id="1", audio=AudioSpan(Path("nowhere.wav"))))


@pytest.mark.parametrize("freeze", ["frontend", "none"])
def test_spec_augment_only_in_training_and_under_torchs_seed(
    directory: Path, freeze: str, spoken: list[Utterance]
) -> None:
    encoder = build(directory, freeze=freeze, spec_augment=True, mask_time_prob=0.5, mask_time_length=4)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for settings in (block.attention for block in encoder.model.encoder.layers):
        settings.dropout = 0.0
    clean = encode(encoder, spoken)
    torch.testing.assert_close(clean, encode(build(directory, freeze=freeze), spoken))
    encoder.train()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        np.random.seed(len(draws))
        before = np.random.get_state()[1].tolist()
        draws.append(encode(encoder, spoken))
        assert np.random.get_state()[1].tolist() == before
    torch.testing.assert_close(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2], atol=1e-3)
    assert not torch.allclose(draws[0], clean, atol=1e-3)
    draws[0].square().sum().backward()
    assert encoder.model.masked_spec_embed.grad.abs().sum() > 0


def test_spec_augment_leaves_a_batch_shorter_than_the_span(group_dir: Path, spoken: list[Utterance]) -> None:
    encoder = build(group_dir, spec_augment=True, mask_time_prob=1.0, mask_time_length=12)
    hidden_BTD, short, long = torch.ones(1, 12, 16), torch.ones(1, 11, dtype=torch.bool), torch.ones(1, 12).bool()
    encoder.train()
    assert spec_augment(encoder.model, hidden_BTD[:, :11].clone(), short).eq(1).all()
    assert spec_augment(encoder.model, hidden_BTD.clone(), long).ne(1).all()
    assert torch.isfinite(encode(encoder, [spoken[3]])).all()


def test_spec_augment_on_feature_channels(group_dir: Path) -> None:
    encoder = build(group_dir, spec_augment=True, mask_time_prob=0, mask_feature_prob=0.5, mask_feature_length=4)
    masked_BTD = spec_augment(encoder.train().model, torch.ones(2, 5, 16), torch.ones(2, 5).bool())
    assert masked_BTD.eq(0).any()
    assert masked_BTD.eq(masked_BTD[:, :1]).all()


def test_spec_augment_options_that_cannot_be(group_dir: Path) -> None:
    with pytest.raises(SpecError, match="mask_feature_length: 17 is more than the 16 channels"):
        build(group_dir, spec_augment=True, mask_feature_prob=0.1, mask_feature_length=17)
    with pytest.raises(ValidationError, match='spec_augment has no effect with freeze = "all"'):
        build(group_dir, spec_augment=True, freeze="all")


def test_layerdrop_of_the_checkpoint_is_off(group_dir: Path) -> None:
    assert build(group_dir).model.config.layerdrop == 0.0


@pytest.mark.parametrize("model_class", [Wav2Vec2ForPreTraining, Wav2Vec2Model])
def test_checkpoints_with_and_without_a_head(tmp_path: Path, save_wav2vec2: Save, model_class: type) -> None:
    directory = save_wav2vec2(tmp_path, "group", model_class=model_class)
    stored = load_file(directory / "model.safetensors")
    prefix = "" if model_class is Wav2Vec2Model else "wav2vec2."
    name = "encoder.layers.2.feed_forward.output_dense.weight"
    torch.testing.assert_close(build(directory).model.get_parameter(name), stored[prefix + name])


def test_torch_bin_with_old_weight_norm_names(
    tmp_path: Path, save_wav2vec2: Save, as_bin: Save, spoken: list[Utterance]
) -> None:
    """The layout of facebook/wav2vec2-base: pytorch_model.bin, weight_g and weight_v."""
    directory = save_wav2vec2(tmp_path, "group")
    new = build(directory)
    old = build(as_bin(directory))
    weight = new.model.encoder.pos_conv_embed.conv.weight
    torch.testing.assert_close(old.model.encoder.pos_conv_embed.conv.weight, weight)
    torch.testing.assert_close(encode(old, spoken), encode(new, spoken))


def test_half_precision_checkpoint_is_computed_in_float32(
    tmp_path: Path, save_wav2vec2: Save, spoken: list[Utterance]
) -> None:
    directory = save_wav2vec2(tmp_path, "layer")
    path = directory / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    settings = directory / "config.json"
    settings.write_text(settings.read_text().replace('"dtype": "float32"', '"dtype": "float16"'))
    assert encode(build(directory), spoken[:1]).dtype == torch.float32


def test_directory_without_preprocessor(tmp_path: Path, save_wav2vec2: Save) -> None:
    (save_wav2vec2(tmp_path, "group") / "preprocessor_config.json").unlink()
    with pytest.raises(SpecError, match=r"no readable preprocessor_config\.json\n.*how the waveform is normalised"):
        build(tmp_path)


def test_cache_key_follows_what_prepare_reads(tmp_path: Path, save_wav2vec2: Save) -> None:
    directory = save_wav2vec2(tmp_path, "group")
    keys = [build(directory, freeze=freeze).cache_key() for freeze in FREEZE]
    keys.append(build(directory, freeze="all", layer=1).cache_key())
    assert len(set(keys)) == 4
    assert build(directory, layer=1, spec_augment=True).cache_key() == keys[0]
    assert build(directory, freeze="all", layer=3).cache_key() == keys[1]
    settings = directory / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    changed = build(directory).cache_key()
    save_file(load_file(directory / "model.safetensors") | {"extra": torch.zeros(1)}, directory / "model.safetensors")
    assert len({keys[0], changed, build(directory).cache_key()}) == 3


@pytest.mark.parametrize(("freeze", "tolerance"), [("frontend", 1e-6), ("all", 1e-5)])
def test_recordings_prepared_together_give_what_each_gives_alone(directory, freeze, tolerance, spoken) -> None:
    encoder = build(directory, freeze=freeze)
    together = encoder._frozen_part([encoder._wave(utterance) for utterance in spoken])
    for x_TD, utterance in zip(together, spoken, strict=True):
        (alone_TD,) = encoder.prepare(utterance).values()
        torch.testing.assert_close(x_TD, alone_TD, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("freeze", FREEZE)
def test_several_are_prepared_in_order(group_dir, freeze, spoken) -> None:
    encoder = build(group_dir, freeze=freeze)
    for item, utterance in zip(encoder.prepare_batch(spoken), spoken, strict=True):
        assert all(torch.equal(item[name], tensor) for name, tensor in encoder.prepare(utterance).items())


@pytest.mark.parametrize("freeze", ["frontend", "all"])
def test_half_of_the_disk_changes_frames_by_two_thousandths_at_most(directory, freeze, spoken) -> None:
    whole, half = (build(directory, freeze=freeze, half_cache=on) for on in (False, True))
    items = [half.prepare(utterance) for utterance in spoken]
    assert {tensor.dtype for item in items for tensor in item.values()} == {torch.float16}
    assert whole.cache_key() != half.cache_key()
    expected_BTD, found_BTD = encode(whole, spoken), encode(half, spoken)
    assert found_BTD.dtype == torch.float32
    assert 0 < (found_BTD - expected_BTD).norm() <= 0.002 * expected_BTD.norm()


def test_what_is_too_large_for_half_precision_stays_whole(group_dir, spoken) -> None:
    encoder = build(group_dir, half_cache=True)
    with torch.no_grad():
        encoder.model.feature_extractor.conv_layers[-1].conv.weight.mul_(1e8)
    (features_TC,) = encoder.prepare(spoken[0]).values()
    assert features_TC.dtype == torch.float32
    assert features_TC.isfinite().all()
