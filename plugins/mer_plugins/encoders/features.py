"""Encoders whose frames are fixed features: nothing in them is trained."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad as pad_tensor
from torchaudio.transforms import MelSpectrogram

from mer_core.data.audio import load_audio
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.scaling import Scaler

RATE_HZ = 16_000
FFT = 512  # samples: the power of two above a window of 25 ms
FLOOR = 1e-6
NAME = "features"
"""What `prepare` calls the frames."""


class FeatureEncoder(nn.Module):
    """Base of such an encoder; `prepare` gives `features` (T, D).

    Args:
        output_dim: width D of a frame.
        speaker_norm: let the core take out the mean and the spread of each speaker.
        standardise: scale each number by the training utterances' mean and deviation.
        limit: scaled numbers further from 0 are set to it.
    """

    modality: str

    def __init__(self, output_dim: int, *, speaker_norm: bool, standardise: bool, limit: float = math.inf) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.per_speaker = (NAME,) if speaker_norm else ()
        self.scaler = Scaler(output_dim, limit=limit) if standardise else None

    def fit(self, items: Iterable[Prepared]) -> None:
        """Find the scale of the features in the training utterances, where it is asked for."""
        if self.scaler is not None:
            self.scaler.fit(items, NAME)

    def num_frames(self, item: Prepared) -> int:
        """Return T."""
        return len(item[NAME])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return `features` padded to the longest, and `lengths` (B) in frames."""
        return pad(items, NAME)

    def forward(self, inputs: Inputs) -> Encoded:
        """Return the features and which frames are real."""
        x_BTD = inputs[NAME]
        return Encoded(x_BTD if self.scaler is None else self.scaler(x_BTD), mask_of(inputs["lengths"], x_BTD))


class SoundFeatures(FeatureEncoder):
    """Base of those that are computed from the recording."""

    modality = "audio"

    @abstractmethod
    def features(self, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
        """Return the frames of a waveform of 16 kHz; it may be very short."""

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `features` (T, D). A missing recording is a short silence.

        Raises:
            DataError: the recording cannot be read.
        """
        with torch.no_grad():
            return {NAME: self.features(wave_of(utterance)).contiguous()}


def wave_of(utterance: Utterance) -> Float[Tensor, " N"]:
    """Return the recording at 16 kHz, or 25 ms of silence where there is none."""
    return torch.zeros(RATE_HZ // 40) if utterance.audio is None else load_audio(utterance.audio, RATE_HZ)


def at_least(wave_N: Float[Tensor, " N"], samples: int) -> Float[Tensor, " M"]:
    """Return the waveform, with silence after it where it is shorter."""
    return pad_tensor(wave_N, (0, max(0, samples - len(wave_N))))


def mel_options(bands: int, window_ms: float, hop_ms: float) -> dict[str, int]:
    """Return the options of torchaudio's mel spectrum; windows of 32 ms at most."""
    window, hop = (round(ms * RATE_HZ / 1000) for ms in (window_ms, hop_ms))
    return {"n_fft": FFT, "win_length": window, "hop_length": hop, "n_mels": bands}


def log_mel(mel: MelSpectrogram, wave_N: Float[Tensor, " N"]) -> Float[Tensor, "T D"]:
    """Return the natural logarithm of the mel energies, a frame per hop."""
    with torch.no_grad():
        energy_DT: Tensor = mel.cpu()(at_least(wave_N, FFT))
    return energy_DT.clamp(min=FLOOR).log().T.contiguous()
