"""Checkpoints that cannot be used are refused, with their place and the remedy; good ones load without noise."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mer_core.errors import SpecError
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.wav2vec2 import Wav2vec2

Save = Callable[..., Path]


class Trap:
    """Pickles into a call that would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def bert(directory: Path) -> Bert:
    return Bert(Bert.Config(checkpoint=str(directory)))


def wav2vec2(directory: Path) -> Wav2vec2:
    return Wav2vec2(Wav2vec2.Config(checkpoint=str(directory)))


def test_directory_without_config(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=rf"encoders.text.checkpoint: {tmp_path} holds no config.json, so it is not a"):
        bert(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_unreadable_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content, "latin-1")
    with pytest.raises(SpecError, match=r"encoders.audio.checkpoint: .*config.json cannot be read: .*\n.*damaged"):
        wav2vec2(tmp_path)


def test_the_other_encoders_checkpoint(group_dir: Path, bert_dir: Path) -> None:
    with pytest.raises(
        SpecError, match=r'is a "wav2vec2" model, the encoder "bert" .*\n.*Did you mean encoders.audio = { use = "wav2'
    ):
        bert(group_dir)
    with pytest.raises(SpecError, match=r'is a "bert" model, the encoder "wav2vec2" .*\n.*mean encoders.text = { use'):
        wav2vec2(bert_dir)


def test_another_family(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "hubert"}))
    with pytest.raises(SpecError, match=r'is a "hubert" model, .* "wav2vec2" models only\nChoose a wav2vec2 checkpoin'):
        wav2vec2(tmp_path)


def test_no_weights(tmp_path: Path, save_bert: Save) -> None:
    (save_bert(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(SpecError, match=r"holds no model.safetensors and no pytorch_model.bin\n.*download or save"):
        bert(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 1000])
def test_truncated_weights(tmp_path: Path, save_bert: Save, kept: int) -> None:
    path = save_bert(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SpecError, match=r"the weights in .* cannot be loaded: .+\n.*download or save it again"):
        bert(tmp_path)


def test_pickled_code_is_not_run(tmp_path: Path, save_bert: Save) -> None:
    (save_bert(tmp_path) / "model.safetensors").unlink()
    torch.save({"x": Trap(tmp_path / "trapped")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(SpecError, match="cannot be loaded"):
        bert(tmp_path)
    assert not (tmp_path / "trapped").exists()


def test_missing_weights_are_an_error(tmp_path: Path, save_wav2vec2: Save) -> None:
    path = save_wav2vec2(tmp_path, "group") / "model.safetensors"
    weights = load_file(path)
    del weights["encoder.layers.1.final_layer_norm.bias"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(SpecError, match=r"lacks 1 weights of the encoder, .* encoder.layers.1.final_layer_norm.bias\n"):
        wav2vec2(tmp_path)


def test_masking_vector_may_be_missing(tmp_path: Path, save_wav2vec2: Save) -> None:
    path = save_wav2vec2(tmp_path, "group") / "model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if k != "masked_spec_embed"}, path, {"format": "pt"})
    assert wav2vec2(tmp_path).output_dim == 16


def test_weights_of_another_size(tmp_path: Path, save_bert: Save) -> None:
    settings = save_bert(tmp_path) / "config.json"
    settings.write_text(settings.read_text().replace('"intermediate_size": 32', '"intermediate_size": 48'))
    with pytest.raises(SpecError, match="cannot be loaded"):
        bert(tmp_path)


def test_loading_is_silent(bert_dir: Path, layer_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Both checkpoints hold a head that is dropped: transformers would print a report and a progress bar."""
    shown: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = shown.append  # type: ignore[method-assign]
    logging.getLogger("transformers").addHandler(handler)
    bert(bert_dir)
    wav2vec2(layer_dir)
    logging.getLogger("transformers").removeHandler(handler)
    assert (shown, capfd.readouterr()) == ([], ("", ""))
