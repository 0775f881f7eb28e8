"""Checkpoints with random weights, of the tiny size."""

from __future__ import annotations

import pytest
import torch

from mer_core.errors import SpecError
from mer_core.types import Utterance
from mer_plugins.encoders import hub
from mer_plugins.encoders.bert import Bert
from mer_plugins.encoders.hubert import Hubert
from mer_plugins.encoders.roberta import Roberta
from mer_plugins.encoders.untrained import SIZES
from mer_plugins.encoders.wav2vec2 import Wav2vec2
from mer_plugins.encoders.wavlm import WavLm
from mer_plugins.encoders.whisper import Whisper


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
        directory = hub.resolve("random:tiny", modality="text", family="bert")
        assert torch.equal(torch.rand(2), expected)
        made.append((directory / "model.safetensors").stat().st_mtime_ns)
    assert made[0] == made[1]
    assert {path.name for path in directory.parent.iterdir()} <= {
        f"tiny-{family}" for family in SIZES["tiny"]
    }  # nothing half made


@pytest.mark.parametrize(
    "plugin", [Wav2vec2, Hubert, WavLm, Whisper, Bert, Roberta], ids=lambda plugin: plugin.__name__
)
def test_there_is_one_for_every_family(plugin: type) -> None:
    encoder = plugin(plugin.Config(checkpoint="random:tiny", layer=1)).eval()
    item = encoder.prepare(Utterance(id="words", text="so w1000"))
    assert encoder(encoder.collate([item])).x_BTD.shape == (1, encoder.num_frames(item), 128)


def test_what_there_is_none_of() -> None:
    says = (
        r'encoders\.text\.checkpoint: there is no "random:tinny" \(did you mean "tiny"\?\)\n.*random:base, random:tiny'
    )
    with pytest.raises(SpecError, match=says):
        hub.resolve("random:tinny", modality="text", family="bert")


@pytest.mark.parametrize(
    ("encoder", "family", "millions"),
    [
        (Wav2vec2, "wav2vec2", 95),
        (Hubert, "hubert", 95),
        (WavLm, "wavlm", 94.7),
        (Bert, "bert", 110),
        (Roberta, "roberta", 125),
    ],
)
def test_the_base_size_has_as_many_parameters_as_its_paper_gives(encoder, family, millions) -> None:
    """To 1 %: papers round, and count what only pre-training needs (wav2vec 2.0's quantiser)."""
    with torch.device("meta"):
        model = encoder.model_class(encoder.config_class(**SIZES["base"][family]))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(millions * 1e6, rel=0.01)
