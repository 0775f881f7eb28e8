"""Toy encoders and a toy corpus in one file, as a user would write them: no checkpoint, milliseconds."""

import torch
from torch import nn

from mer_core.config import PluginConfig
from mer_core.errors import DataError
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin
from mer_core.types import Encoded, Utterance

EMOTIONS = ("ang", "hap", "neu", "sad")


@hookimpl
def mer_encoders():
    yield Plugin("toy-audio", "toy_parts:ToyAudio", "the length of the file's name")
    yield Plugin("toy-text", "toy_parts:ToyText", "which emotion is named")


@hookimpl
def mer_corpora():
    yield Plugin("toy", "toy_parts:Toy", "utterances that name their emotion")


class ToyEncoder(nn.Module):
    """One frame per utterance: which of the four emotions is named in what it reads."""

    output_dim = 8

    class Config(PluginConfig):
        """Options of the toys."""

        scale: float = 1.0
        """Scale of the frame."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.linear = nn.Linear(4, self.output_dim)

    def cache_key(self):
        return f"{self.config.scale}"

    def prepare(self, utterance):
        named = self.read(utterance)
        return {"x": self.config.scale * torch.tensor([[float(emotion in named) for emotion in EMOTIONS]])}

    def num_frames(self, item):
        return len(item["x"])

    def collate(self, items):
        return {"x": torch.stack([item["x"] for item in items])}

    def forward(self, inputs):
        return Encoded(self.linear(inputs["x"]), torch.ones(inputs["x"].shape[:2], dtype=torch.bool))


class ToyAudio(ToyEncoder):
    modality = "audio"

    def read(self, utterance):
        if utterance.audio is None:
            return ""
        if not utterance.audio.path.is_file():
            raise DataError(f"recording {utterance.audio.path} does not exist")
        return utterance.audio.path.read_text()


class ToyText(ToyEncoder):
    modality = "text"

    def read(self, utterance):
        return utterance.text or ""


class Toy:
    """Eight utterances in each of three sessions, four emotions."""

    class Config(PluginConfig):
        """Options of the toy corpus."""

    def __init__(self, config):
        pass

    def read(self):
        return [
            Utterance(
                id=f"s{session}-{number}",
                text=f"i am {EMOTIONS[number % 4]}",
                label=EMOTIONS[number % 4],
                speaker=f"{session}{'FM'[number % 2]}",
                session=str(session),
            )
            for session in (1, 2, 3)
            for number in range(8)
        ]

    def ceilings(self):
        return {"text only": 1.0, "audio only": 0.25}
