"""Checkpoints with random weights, in the files of the hub's: for measuring speed, which does not depend on weights."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel, Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from mer_core.data.store import cache_root
from mer_core.errors import SpecError, suggest

PREFIX = "random:"
_SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
_SMALL_AUDIO = {"conv_dim": (64,) * 7, "num_conv_pos_embeddings": 32, "num_conv_pos_embedding_groups": 4}
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "base": {"audio": {}, "text": {}},
    "tiny": {"audio": _SMALL | _SMALL_AUDIO, "text": _SMALL},
}
"""What differs from wav2vec2-base and bert-base, by size and modality."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def untrained(size: str, *, modality: str) -> Path:
    """Return the directory of a checkpoint of that size, made where it is absent.

    Raises:
        SpecError: there is no such size, or no model for the modality.
    """
    if size not in SIZES or modality not in SIZES[size]:
        raise SpecError(
            f'encoders.{modality}.checkpoint: there is no "{PREFIX}{size}" for {modality}{suggest(size, SIZES)}',
            hint=f"Random checkpoints: {', '.join(PREFIX + name for name in SIZES)}, for audio and text.",
        )
    directory = cache_root() / "random" / f"{size}-{modality}"
    if not directory.is_dir():
        aside = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.tmp")
        try:
            {"audio": _save_audio, "text": _save_text}[modality](aside, SIZES[size][modality])
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


def _save_audio(directory: Path, settings: dict[str, Any]) -> None:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        Wav2Vec2Model(Wav2Vec2Config(**settings)).save_pretrained(directory)
    extractor: Any = Wav2Vec2FeatureExtractor  # its __init__ is untyped
    extractor(return_attention_mask=False).save_pretrained(directory)


def _save_text(directory: Path, settings: dict[str, Any]) -> None:
    config = BertConfig(**settings)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    words = [*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), config.vocab_size))]
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")
