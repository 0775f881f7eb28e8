"""Encoders whose frames are fixed features of the recording: nothing in them is trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad as pad_tensor

from mer_core.data.audio import load_audio
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.padding import mask_of, pad

RATE_HZ = 16_000


class FeatureEncoder(nn.Module):
    """Base of such an encoder.

    Args:
        output_dim: width D of a frame.
        speaker_norm: let the core take out the mean and the spread of each speaker.
    """

    modality = "audio"

    def __init__(self, output_dim: int, *, speaker_norm: bool) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.per_speaker = ("features",) if speaker_norm else ()

    @abstractmethod
    def features(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
        """Return the frames of a waveform of 16 kHz; it may be very short."""

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `features` (T, D). A missing recording is a short silence.

        Raises:
            DataError: the recording cannot be read.
        """
        with torch.no_grad():
            return {"features": self.features(wave_of(utterance)).contiguous()}

    def num_frames(self, item: Prepared) -> int:
        """Return T."""
        return len(item["features"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return `features` padded to the longest, and `lengths` (B) in frames."""
        return pad(items, "features")

    def forward(self, inputs: Inputs) -> Encoded:
        """Return the features and which frames are real."""
        return Encoded(inputs["features"], mask_of(inputs["lengths"], inputs["features"]))


def wave_of(utterance: Utterance) -> Float[Tensor, " N"]:
    """Return the recording at 16 kHz, or 25 ms of silence where there is none."""
    return torch.zeros(RATE_HZ // 40) if utterance.audio is None else load_audio(utterance.audio, RATE_HZ)


def at_least(wave_N: Float[Tensor, " N"], samples: int) -> Float[Tensor, " M"]:
    """Return the waveform, with silence after it where it is shorter."""
    return pad_tensor(wave_N, (0, max(0, samples - len(wave_N))))
