"""Tokenizers, and how many tokens a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoTokenizer

from mer_core.errors import SpecError
from mer_plugins.encoders.loading import first_line, quiet

_USUAL = 512
"""Tokens for a model whose positions are relative, so that it has no limit (ours)."""


def load_tokenizer(directory: Path, settings: Any, vocabulary: Sequence[str]) -> Any:
    """Return the tokenizer of a checkpoint; code that a checkpoint brings is never run.

    Args:
        directory: the checkpoint.
        settings: its configuration.
        vocabulary: files of which one must be there.

    Raises:
        SpecError: none is there, it is damaged, or it gives no token for an empty text.
    """
    place = "encoders.text.checkpoint"
    if not any((directory / name).is_file() for name in vocabulary):
        raise SpecError(
            f"{place}: {directory} holds no tokenizer ({' or '.join(vocabulary)})",
            hint="Save it beside the model: tokenizer.save_pretrained(DIR).",
        )
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                directory, config=settings, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:  # the tokenizers library raises bare exceptions
        raise SpecError(
            f"{place}: the tokenizer in {directory} cannot be loaded: {first_line(error)}",
            hint="Save it again beside the model: tokenizer.save_pretrained(DIR).",
        ) from error
    if not tokenizer("")["input_ids"]:
        raise SpecError(
            f"{place}: the tokenizer in {directory} makes nothing of an empty text",
            hint="Choose an encoder, which has tokens for the start and the end of a text.",
        )
    return tokenizer


def num_positions(model: Any) -> int:
    """Return the longest sequence that a model has positions for; RoBERTa's begin after the index of its padding."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    told = getattr(model.config, "max_position_embeddings", None)
    return told if isinstance(told, int) and told > 0 else _USUAL
