"""wav2vec 2.0 with segment-level embeddings: its frames, and their means over words, syllables, letters or windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mer_core.types import Encoded, Inputs, Prepared, Utterance
from mer_plugins.encoders.alignment import Aligner, joined
from mer_plugins.encoders.features import RATE_HZ, wave_of
from mer_plugins.encoders.padding import mask_of
from mer_plugins.encoders.vectors import words_of
from mer_plugins.encoders.wav2vec2 import Wav2vec2


class Wav2vec2Segments(Wav2vec2):
    """The frames of `wav2vec2`, then a vector per segment: the mean of the frames inside it, shape (T + S, D).

    Segments are the words, syllables or letters that an aligner finds in the recording; without an aligner's
    checkpoint, and where it finds none, they are windows of fixed length. Runs say which.

    Source: Z. Zhao, Y. Wang, Y. Wang, "Multi-level Fusion of Wav2vec 2.0 and BERT for Multimodal Emotion Recognition",
    Interspeech 2022, arXiv 2207.04697 (multi-granularity framework).

    Differs from the paper: frames and segments are one sequence; one unit at a time is used; letters stand for phones
    and a rule of thumb finds syllables; fixed windows are ours.
    """

    class Config(Wav2vec2.Config):
        """Options of `wav2vec2-segments`: those of `wav2vec2`, and where segments come from."""

        aligner: Path | None = None
        """Directory of a wav2vec 2.0 model of speech recognition with letters; without one, windows are used."""
        unit: Literal["word", "syllable", "letter"] = "word"
        """What a segment is, where an aligner is given."""
        window_s: float = Field(default=0.2, gt=0.0)
        """Length of a segment in seconds, where there is no aligner (ours)."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.options = config
        place = "encoders.audio.aligner"
        self.aligner = None if config.aligner is None else Aligner(config.aligner, place=place)
        self.hop: int = math.prod(self.model.config.conv_stride)

    def remarks(self) -> list[str]:
        """Say what a segment is."""
        if self.aligner is None:
            return [f"segments are windows of {self.options.window_s:g} s: no aligner was given"]
        return [f"segments are {self.options.unit}s by forced alignment; fixed windows where nothing could be aligned"]

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        how = [self.options.window_s] + ([self.aligner.digest, self.options.unit] if self.aligner else [])
        return f"{super().cache_key()} segments 1 {how}"

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return what `wav2vec2` does, and `spans` (S, 2): first frame and the one after the last of each segment."""
        return self._with_spans(utterance, super().prepare(utterance))

    def prepare_batch(self, utterances: Sequence[Utterance]) -> Iterator[Prepared]:
        """Yield what `prepare` gives for each utterance."""
        for utterance, item in zip(utterances, super().prepare_batch(utterances), strict=True):
            yield item if "spans" in item else self._with_spans(utterance, item)

    def _with_spans(self, utterance: Utterance, item: Prepared) -> Prepared:
        frames = super().num_frames(item)
        seconds = self._aligned(utterance) or _windows(frames * self.hop / RATE_HZ, self.options.window_s)
        spans_S2 = torch.tensor(seconds) * RATE_HZ / self.hop
        start_S = spans_S2[:, 0].round().clamp(0, frames - 1)
        end_S = torch.maximum(spans_S2[:, 1].round(), start_S + 1).clamp(max=frames)
        return item | {"spans": torch.stack([start_S, end_S], dim=1).long()}

    def num_frames(self, item: Prepared) -> int:
        """Return T + S, frames of 20 ms and segments."""
        return super().num_frames(_without_spans(item)) + len(item["spans"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return what `wav2vec2` does, `spans` (B, S, 2), and `order` (B, T + S): where each real vector is found."""
        plain = [_without_spans(item) for item in items]
        frames = [super(Wav2vec2Segments, self).num_frames(item) for item in plain]
        counts = [len(item["spans"]) for item in items]
        longest = max(frames)
        order = [torch.cat([torch.arange(t), longest + torch.arange(s)]) for t, s in zip(frames, counts, strict=True)]
        spans_BS2 = pad_sequence([item["spans"] for item in items], batch_first=True)
        return super().collate(plain) | {
            "spans": spans_BS2,
            "order": pad_sequence(order, batch_first=True),
            "vectors": torch.tensor([len(one) for one in order]),
        }

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch: frames of 20 ms, then the segments."""
        frames = super().forward(inputs)
        x_BTD = frames.x_BTD.masked_fill(~frames.mask_BT.unsqueeze(-1), 0.0)
        both_BLD = torch.cat([x_BTD, means_over(x_BTD, inputs["spans"])], dim=1)
        order_BL = inputs["order"]
        found_BLD = both_BLD.gather(1, order_BL.unsqueeze(-1).expand(-1, -1, both_BLD.shape[-1]))
        return Encoded(found_BLD, mask_of(inputs["vectors"], found_BLD))

    def _aligned(self, utterance: Utterance) -> list[tuple[float, float]]:
        words = words_of(utterance.text)
        if self.aligner is None or not words:
            return []
        letters = self.aligner.letters(wave_of(utterance), words)
        return [(span.start_s, span.end_s) for span in joined(letters, self.options.unit)] if letters else []


def means_over(x_BTD: Tensor, spans_BS2: Tensor) -> Tensor:
    """Return the mean of the frames in each span, (B, S, D); an empty span is zeros."""
    place_T = torch.arange(x_BTD.shape[1], device=x_BTD.device)
    inside_BST = (place_T >= spans_BS2[..., :1]) & (place_T < spans_BS2[..., 1:])
    share_BST = inside_BST.to(x_BTD.dtype)
    return share_BST @ x_BTD / share_BST.sum(-1, keepdim=True).clamp(min=1.0)


def _windows(duration_s: float, window_s: float) -> list[tuple[float, float]]:
    return [
        (n * window_s, min((n + 1) * window_s, duration_s)) for n in range(max(1, math.ceil(duration_s / window_s)))
    ]


def _without_spans(item: Prepared) -> Prepared:
    return {name: tensor for name, tensor in item.items() if name != "spans"}
