"""Loading a checkpoint through transformers: quietly, completely or not at all, and without running its code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as _logging

from mer_core.errors import SpecError
from mer_plugins.encoders.dropout import exchange_dropouts
from mer_plugins.encoders.hub import weights
from mer_plugins.encoders.packed import ATTENTION, MIN_DIM

logging: Any = _logging  # part of it is untyped
FAMILIES = {"audio": "wav2vec2", "text": "bert"}


def load_config(config_class: Any, directory: Path, *, modality: str) -> Any:
    """Return the checkpoint's configuration, once it is known to be of the modality's family.

    Raises:
        SpecError: config.json is missing, unreadable, or of another model family.
    """
    place, family = f"encoders.{modality}.checkpoint", FAMILIES[modality]
    try:
        found = json.loads((directory / "config.json").read_text("utf-8")).get("model_type", family)
    except FileNotFoundError as error:
        raise SpecError(
            f"{place}: {directory} holds no config.json, so it is not a checkpoint",
            hint="Give the directory that save_pretrained or `hf download` wrote.",
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        raise SpecError(f"{place}: {directory / 'config.json'} cannot be read: {error}", hint=_FETCH_AGAIN) from error
    if found != family:
        other = next(
            (f' Did you mean encoders.{m} = {{ use = "{f}" }}?' for m, f in FAMILIES.items() if f == found), ""
        )
        raise SpecError(
            f'{place}: {directory} is a "{found}" model, the encoder "{family}" loads "{family}" models only',
            hint=f"Choose a {family} checkpoint.{other}",
        )
    with quiet():
        return config_class.from_pretrained(directory)


def load_model(model_class: Any, directory: Path, config: Any, *, modality: str, **options: Any) -> Any:
    """Return the model in float32 with every weight taken from the checkpoint, in evaluation mode.

    A head (CTC, pre-training) is dropped. `masked_spec_embed` may be missing: it is used by SpecAugment alone and
    some checkpoints were trained without it. Pickled code is never run: safetensors, or torch with `weights_only`.

    Raises:
        SpecError: the weights are missing, damaged, incomplete, or do not fit config.json.
    """
    place = f"encoders.{modality}.checkpoint"
    if not weights(directory):
        raise SpecError(f"{place}: {directory} holds no model.safetensors and no pytorch_model.bin", hint=_FETCH_AGAIN)
    try:
        with quiet():
            model, report = model_class.from_pretrained(
                directory,
                config=config,
                dtype=torch.float32,
                attn_implementation=ATTENTION,
                local_files_only=True,
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # each file format has its own error classes; every one means a damaged file
        raise SpecError(
            f"{place}: the weights in {directory} cannot be loaded: {first_line(error)}",
            hint=_FETCH_AGAIN,
        ) from error
    if missing := sorted(set(report["missing_keys"]) - {"masked_spec_embed"}):
        raise SpecError(
            f"{place}: {directory} lacks {len(missing)} weights of the encoder, for example {missing[0]}",
            hint="They would be random. Use a complete checkpoint of this model family.",
        )
    if config.hidden_size >= MIN_DIM:
        exchange_dropouts(model)
    return model


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its class where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and load reports off the screen; what matters in them is raised instead."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


_FETCH_AGAIN = "The checkpoint is incomplete or damaged: download or save it again."
