"""Checkpoints with random weights, in the files of the hub's: for measuring speed, which does not depend on weights."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertModel,
    HubertConfig,
    HubertModel,
    RobertaConfig,
    RobertaModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from mer_core.data.store import cache_root
from mer_core.errors import SpecError, suggest

PREFIX = "random:"
_SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
_SMALL_WAVES = _SMALL | {
    "conv_dim": (64,) * 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
}
_NO_DECODER = {"decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 1, "vocab_size": 8}
_NO_DECODER |= {f"{name}_token_id": 0 for name in ("pad", "bos", "eos", "decoder_start")}
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "base": {
        "wav2vec2": {},
        "hubert": {},
        "wavlm": {},
        "whisper": _NO_DECODER
        | {"d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048},
        "bert": {},
        "roberta": {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    },
    "tiny": {
        "wav2vec2": _SMALL_WAVES,
        "hubert": _SMALL_WAVES,
        "wavlm": _SMALL_WAVES,
        "whisper": _NO_DECODER
        | {"d_model": 128, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 256},
        "bert": _SMALL,
        "roberta": _SMALL | {"vocab_size": 300, "max_position_embeddings": 514, "type_vocab_size": 1},
    },
}
"""What differs from transformers' own defaults, by size and model family."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def untrained(size: str, family: str, *, modality: str) -> Path:
    """Return the directory of a checkpoint of that size and family, made where it is absent.

    Raises:
        SpecError: there is no such size.
    """
    if size not in SIZES:
        raise SpecError(
            f'encoders.{modality}.checkpoint: there is no "{PREFIX}{size}"{suggest(size, SIZES)}',
            hint=f"Random checkpoints: {', '.join(PREFIX + name for name in SIZES)}.",
        )
    directory = cache_root() / "random" / f"{size}-{family}"
    if not directory.is_dir():
        aside = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.tmp")
        try:
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(0)
                _SAVE[family](aside, SIZES[size][family])
            _rename(aside, directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return directory


def _rename(aside: Path, directory: Path) -> None:
    try:
        aside.rename(directory)
    except OSError:
        if not directory.is_dir():  # another process was quicker otherwise
            raise


def _waves(config_class: Any, model_class: Any) -> Callable[[Path, dict[str, Any]], None]:
    def save(directory: Path, settings: dict[str, Any]) -> None:
        model_class(config_class(**settings)).save_pretrained(directory)
        extractor: Any = Wav2Vec2FeatureExtractor  # its __init__ is untyped
        extractor(return_attention_mask=False).save_pretrained(directory)

    return save


def _whisper(directory: Path, settings: dict[str, Any]) -> None:
    WhisperModel(WhisperConfig(**settings)).save_pretrained(directory)
    extractor: Any = WhisperFeatureExtractor
    extractor().save_pretrained(directory)


def _bert(directory: Path, settings: dict[str, Any]) -> None:
    config = BertConfig(**settings)
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    words = [*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), config.vocab_size))]
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")


def _roberta(directory: Path, settings: dict[str, Any]) -> None:
    """Save a model whose tokens are the bytes of the text."""
    RobertaModel(RobertaConfig(**settings), add_pooling_layer=False).save_pretrained(directory)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (directory / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))


_SAVE: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "wav2vec2": _waves(Wav2Vec2Config, Wav2Vec2Model),
    "hubert": _waves(HubertConfig, HubertModel),
    "wavlm": _waves(WavLMConfig, WavLMModel),
    "whisper": _whisper,
    "bert": _bert,
    "roberta": _roberta,
}
