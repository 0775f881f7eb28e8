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
FAMILIES = {
    "wav2vec2": "audio",
    "hubert": "audio",
    "wavlm": "audio",
    "whisper": "audio",
    "bert": "text",
    "roberta": "text",
}
"""The modality of each model family that an encoder of the same name loads."""


def load_config(config_class: Any, directory: Path, *, modality: str) -> Any:
    """Return the checkpoint's configuration, once it is known to be of the class' family.

    Raises:
        SpecError: config.json is missing, unreadable, or of another model family.
    """
    place, family = f"encoders.{modality}.checkpoint", config_class.model_type
    found = read_config(directory, place=place).get("model_type", family)
    if found != family:
        raise SpecError(
            f'{place}: {directory} is a "{found}" model, the encoder "{family}" loads "{family}" models only',
            hint=f"Choose a {family} checkpoint.{other_encoder(found, modality)}",
        )
    with quiet():
        return config_class.from_pretrained(directory)


def read_config(directory: Path, *, place: str) -> dict[str, Any]:
    """Return what config.json says.

    Raises:
        SpecError: it is missing or unreadable.
    """
    try:
        found = json.loads((directory / "config.json").read_text("utf-8"))
        return {**found}
    except FileNotFoundError as error:
        raise SpecError(
            f"{place}: {directory} holds no config.json, so it is not a checkpoint",
            hint="Give the directory that save_pretrained or `hf download` wrote.",
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise SpecError(f"{place}: {directory / 'config.json'} cannot be read: {error}", hint=_FETCH_AGAIN) from error


def other_encoder(family: str, modality: str) -> str:
    """Return which encoder loads a family; of a family that none is named for, one that loads many, for text."""
    if family in FAMILIES:
        return f' Did you mean encoders.{FAMILIES[family]} = {{ use = "{family}" }}?'
    return ' Did you mean encoders.text = { use = "auto-text" }?' if modality == "text" else ""


def load_extractor(extractor_class: Any, directory: Path, *, modality: str) -> Any:
    """Return what makes a model's input of a waveform.

    Raises:
        SpecError: preprocessor_config.json is missing or unreadable.
    """
    try:
        with quiet():
            return extractor_class.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError) as error:
        raise SpecError(
            f"encoders.{modality}.checkpoint: {directory} holds no readable preprocessor_config.json",
            hint="It says how the waveform is normalised. Save it beside the model: "
            f"{extractor_class.__name__}(...).save_pretrained(DIR).",
        ) from error


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
                # A model with attention of its own adds the mask to its scores; ours is given one of True and False.
                attn_implementation=ATTENTION if model_class._supports_sdpa else "eager",
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
