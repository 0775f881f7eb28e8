"""Checkpoints with random weights, of the tiny size."""

from __future__ import annotations

import pytest
import torch

from mer_core.errors import SpecError
from mer_core.types import Utterance
from mer_plugins.encoders import hub
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.wav2vec2 import Wav2vec2


def test_both_encoders_load_one_and_a_word_is_a_token() -> None:
    audio, text = Wav2vec2(Wav2vec2.Config(checkpoint="random:tiny")), Bert(Bert.Config(checkpoint="random:tiny"))
    assert (audio.output_dim, text.output_dim) == (128, 128)
    assert audio.prepare(Utterance(id="silence"))["features"].shape == (1, 64)
    ids = text.prepare(Utterance(id="words", text="w1000 w29999"))["input_ids"]
    assert ids.tolist() == [2, 1000, 29999, 3]


def test_it_is_made_once_and_draws_nothing_from_the_callers_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        directory = hub.resolve("random:tiny", modality="text")
        assert torch.equal(torch.rand(2), expected)
        made.append((directory / "model.safetensors").stat().st_mtime_ns)
    assert made[0] == made[1]
    assert {path.name for path in directory.parent.iterdir()} <= {"tiny-audio", "tiny-text"}  # nothing half made


@pytest.mark.parametrize(("name", "modality"), [("tinny", "text"), ("base", "video")])
def test_what_there_is_none_of(name: str, modality: str) -> None:
    with pytest.raises(
        SpecError,
        match=rf'(?s)encoders\.{modality}\.checkpoint: there is no "random:{name}" for {modality}.*random:tiny',
    ):
        hub.resolve(f"random:{name}", modality=modality)
