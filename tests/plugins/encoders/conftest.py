"""Tiny checkpoints on disk, in exactly the files and formats of the hub's, and short recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from transformers import (
    BertConfig,
    BertForPreTraining,
    HubertConfig,
    HubertForCTC,
    HubertModel,
    RobertaConfig,
    RobertaForMaskedLM,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMForCTC,
    WavLMModel,
)

from mer_core.types import AudioSpan, Utterance

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "i", "am", "so", "happy", "##py"]
TEXTS = ["i am so happy", "so", "", "i am so so so happy and i am z"]
SECONDS = [0.31, 0.5, 0.12, 0.02]


SPEECH = {
    Wav2Vec2Model: Wav2Vec2Config,
    Wav2Vec2ForCTC: Wav2Vec2Config,
    HubertModel: HubertConfig,
    HubertForCTC: HubertConfig,
    WavLMModel: WavLMConfig,
    WavLMForCTC: WavLMConfig,
}


def _speech_settings(norm: str, **changes: object) -> dict[str, object]:
    """Three blocks of width 16 over two convolutions: a receptive field of 400 samples, a hop of 160 (100 a second)."""
    settings = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": [8, 8],
        "conv_kernel": [80, 5],
        "conv_stride": [80, 2],
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": norm,
        "do_stable_layer_norm": norm == "layer",
        "conv_bias": norm == "layer",
        "layerdrop": 0.5,
        "vocab_size": 5,
    }
    return settings | changes


def _save_wav2vec2(
    directory: Path, norm: str, *, model_class: type = Wav2Vec2Model, do_normalize: bool = True, **changes: object
) -> Path:
    torch.manual_seed(3)
    config_class = SPEECH.get(model_class, Wav2Vec2Config)
    model = model_class(config_class(**_speech_settings(norm, **changes)))
    convolution = model.base_model.encoder.pos_conv_embed.conv
    for weight in convolution.parametrizations.weight.parameters() if hasattr(convolution, "parametrizations") else ():
        torch.nn.init.normal_(weight)
    model.save_pretrained(directory)
    Wav2Vec2FeatureExtractor(
        do_normalize=do_normalize, return_attention_mask=norm == "layer", sampling_rate=16_000
    ).save_pretrained(directory)
    return directory


def _save_roberta(directory: Path) -> Path:
    """Bytes as tokens; positions begin after the index of the padding, as in the published models."""
    torch.manual_seed(4)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz", "\u0120", "<mask>"]
    settings = RobertaConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=14,
        type_vocab_size=1,
    )
    RobertaForMaskedLM(settings).save_pretrained(directory)
    (directory / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (directory / "merges.txt").write_text("#version: 0.2\n")
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))
    return directory


def _save_bert(directory: Path) -> Path:
    torch.manual_seed(4)
    settings = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    BertForPreTraining(settings).save_pretrained(directory)
    (directory / "vocab.txt").write_text("\n".join(WORDS))
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return directory


def _as_bin(directory: Path) -> Path:
    """Replace model.safetensors by pytorch_model.bin, under the weight-norm names of torch before 2.0."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = load_file(directory / "model.safetensors")
    for new_name, old_name in old.items():
        weights = {name.replace(new_name, old_name): tensor for name, tensor in weights.items()}
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    return directory


@pytest.fixture(scope="session")
def save_wav2vec2() -> Callable[..., Path]:
    """Writes a checkpoint into a directory; a test that changes one writes its own."""
    return _save_wav2vec2


@pytest.fixture(scope="session")
def save_bert() -> Callable[..., Path]:
    return _save_bert


def _same_alone(encoder: Any, utterances: Sequence[Utterance]) -> list[int]:
    items = [encoder.prepare(utterance) for utterance in utterances]
    batch = encoder(encoder.collate(items))
    frames: list[int] = batch.mask_BT.sum(1).tolist()
    assert frames == [encoder.num_frames(item) for item in items]
    for index, item in enumerate(items):
        alone = encoder(encoder.collate([item])).x_BTD[0]
        torch.testing.assert_close(batch.x_BTD[index, : len(alone)], alone, atol=1e-5, rtol=0)
    return frames


@pytest.fixture(scope="session")
def same_alone() -> Callable[[Any, Sequence[Utterance]], list[int]]:
    """Checks that each utterance is encoded alone as it is in a batch of all; returns the frames of each."""
    return _same_alone


@pytest.fixture(scope="session")
def as_bin() -> Callable[[Path], Path]:
    return _as_bin


@pytest.fixture(scope="session")
def group_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_wav2vec2(tmp_path_factory.mktemp("group"), "group")


@pytest.fixture(scope="session")
def layer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_wav2vec2(tmp_path_factory.mktemp("layer"), "layer", model_class=Wav2Vec2ForCTC)


@pytest.fixture(scope="session")
def hubert_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_wav2vec2(tmp_path_factory.mktemp("hubert"), "group", model_class=HubertModel)


@pytest.fixture(scope="session")
def roberta_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_roberta(tmp_path_factory.mktemp("roberta"))


@pytest.fixture(scope="session")
def bert_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Noise with an offset (so that normalisation matters), 16 kHz; the last clip is shorter than one frame needs."""
    directory, random = tmp_path_factory.mktemp("audio"), np.random.default_rng(5)
    utterances = []
    for number, seconds in enumerate(SECONDS):
        path = directory / f"{number}.wav"
        soundfile.write(path, 0.1 + 0.05 * random.standard_normal(int(16_000 * seconds)), 16_000, subtype="FLOAT")
        utterances.append(Utterance(id=str(number), audio=AudioSpan(path), text=TEXTS[number]))
    return utterances


@pytest.fixture(scope="session")
def save_ctc() -> Callable[[Path], Path]:
    """Writes a model of speech recognition that knows three letters."""

    def save(directory: Path) -> Path:
        _save_wav2vec2(directory, "group", model_class=Wav2Vec2ForCTC)
        (directory / "vocab.json").write_text(json.dumps({"<pad>": 0, "|": 1, "S": 2, "O": 3, "M": 4}))
        settings = json.loads((directory / "config.json").read_text()) | {"pad_token_id": 0}
        (directory / "config.json").write_text(json.dumps(settings))
        return directory

    return save
