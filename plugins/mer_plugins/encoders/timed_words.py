"""Frames that hold what is heard and which word is said then: the time-synchronous input of TSB-TAB."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from mer_core.config import PluginConfig
from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.alignment import Aligner, Span, even_spans, joined
from mer_plugins.encoders.features import RATE_HZ, log_mel, mel_options, wave_of
from mer_plugins.encoders.padding import mask_of, pad
from mer_plugins.encoders.vectors import WordVectors, bucket, words_of

WINDOW_MS, HOP_MS = 25.0, 10.0


class TimedWords(nn.Module):
    """Log-mel energies with the vector of the word that is said, one frame per 10 ms, shape (T, bands + dim).

    Words stand where an aligner finds them; without an aligner's checkpoint they are spread over the recording, each as
    long as it has letters. Outside words the vector is zeros. Runs say which.

    Source: W. Wu, C. Zhang, P. C. Woodland, "Emotion Recognition by Fusing Time Synchronous and Time Asynchronous
    Representations", ICASSP 2021, arXiv 2010.14102 (input of the time-synchronous branch).

    Differs from the paper: one window length and no pitch; the frames beside a frame are not put into it (the paper's
    frame has 500 numbers); learned vectors without a file, and words spread evenly without an aligner, are ours.
    """

    modality = "audio"

    class Config(PluginConfig):
        """Options of `timed-words`."""

        bands: int = Field(default=40, ge=1)
        """Mel bands from 0 to 8 kHz (paper: 40)."""
        path: Path | None = None
        """A file of word vectors in text form; without one, vectors are learned."""
        dim: int = Field(default=50, ge=1)
        """Numbers in a word's vector (paper: GloVe's 50)."""
        buckets: int = Field(default=10_000, ge=1)
        """Learned vectors, where no file is given (ours)."""
        aligner: Path | None = None
        """Directory of a wav2vec 2.0 model of speech recognition with letters."""
        speaker_norm: bool = False
        """Take out the mean and spread of each speaker's energies, without labels; runs say so."""

    VERSION = 1
    """Raised when the result of `prepare` changes for the same options."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.output_dim = config, config.bands + config.dim
        self.per_speaker = ("mel",) if config.speaker_norm else ()
        self.mel = MelSpectrogram(RATE_HZ, **mel_options(config.bands, WINDOW_MS, HOP_MS))
        place = "encoders.audio"
        self.aligner = None if config.aligner is None else Aligner(config.aligner, place=f"{place}.aligner")
        self.vectors = None if config.path is None else WordVectors(config.path, config.dim, place=f"{place}.path")
        self.table = None if self.vectors else nn.Embedding(1 + config.buckets, config.dim, padding_idx=0)

    def remarks(self) -> list[str]:
        """Say what was not at hand."""
        lacking = [] if self.vectors else ["word vectors are learned: no file of them was given"]
        return lacking + ([] if self.aligner else ["words are spread over the recording: no aligner was given"])

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        words = self.vectors.digest if self.vectors else self.config.buckets
        aligner = self.aligner.digest if self.aligner else None
        return json.dumps(["timed-words", self.VERSION, self.config.bands, words, aligner])

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `mel` (T, bands), and `vectors` (T, dim) or, where they are learned, `ids` (T).

        Raises:
            DataError: the recording cannot be read.
        """
        wave_N = wave_of(utterance)
        mel_TD = log_mel(self.mel, wave_N)
        spans = self._spans(wave_N, words_of(utterance.text))
        if self.vectors is None:
            return {"mel": mel_TD, "ids": _laid(spans, [self._id(s) for s in spans], torch.zeros(len(mel_TD)).long())}
        empty_TD = torch.zeros(len(mel_TD), self.config.dim)
        return {"mel": mel_TD, "vectors": _laid(spans, [self.vectors(s.text) for s in spans], empty_TD)}

    def num_frames(self, item: Prepared) -> int:
        """Return T, the number of 10 ms frames."""
        return len(item["mel"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return the items padded to the longest, and `lengths` (B) in frames."""
        return pad(items, "mel") | pad(items, "vectors" if self.vectors else "ids")

    def forward(self, inputs: Inputs) -> Encoded:
        """Return energies and word vectors side by side."""
        mel_BTD = inputs["mel"]
        words_BTD = inputs["vectors"] if self.table is None else self.table(inputs["ids"])
        return Encoded(torch.cat([mel_BTD, words_BTD], dim=-1), mask_of(inputs["lengths"], mel_BTD))

    def _id(self, span: Span) -> Tensor:
        return torch.tensor(bucket(span.text, self.config.buckets))

    def _spans(self, wave_N: Float[Tensor, " N"], words: list[str]) -> list[Span]:
        letters = self.aligner.letters(wave_N, words) if self.aligner and words else None
        return joined(letters, "word") if letters else even_spans(words, len(wave_N) / RATE_HZ)


def _laid(spans: list[Span], values: list[Tensor], frames: Tensor) -> Tensor:
    """Write each word's value into the frames whose centres lie inside it."""
    for span, value in zip(spans, values, strict=True):
        first, last = (round(1000 * time_s / HOP_MS) for time_s in (span.start_s, span.end_s))
        frames[first:last] = value
    return frames
