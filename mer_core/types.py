"""The values that plugins and the core hand to each other.

Shape letters, here and in every file: B utterances of a batch, T frames or tokens of one modality, D width of an
encoder, F width of the fused vector, C emotion classes, N utterances of a whole set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Prepared = dict[str, Tensor]
"""What `Encoder.prepare` gives for one utterance: named tensors on the CPU; it may be cached on disk."""

Inputs = dict[str, Tensor]
"""What `Encoder.collate` gives for a batch: named tensors, first axis B."""

Figure = float | dict[str, float] | list[list[int]]
"""A figure of an evaluator: a number, a number per class, or C x C counts (rows true, columns predicted)."""


@dataclass(frozen=True, slots=True)
class AudioSpan:
    """A recording, or the part of one between two times in seconds (`end_s=None`: to its end)."""

    path: Path
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One utterance of a corpus. What a corpus does not have is None; `fields` holds whatever else it knows.

    `before` and `after` are its neighbours in the dialog, in the order in which they are said and without their labels;
    the core fills them in for encoders that ask for `context`, a corpus leaves them empty.
    """

    id: str
    audio: AudioSpan | None = None
    text: str | None = None
    label: str | None = None
    speaker: str | None = None
    session: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[Utterance] = ()
    after: Sequence[Utterance] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """One modality of a batch: a vector per frame, and which frames are real (True) rather than padding."""

    x_BTD: Float[Tensor, "B T D"]
    mask_BT: Bool[Tensor, "B T"]

    def take(self, index_B: Int[Tensor, " A"]) -> Encoded:
        """Return the utterances at `index_B`, in that order: how a re-paired batch is made without encoding again."""
        return Encoded(self.x_BTD[index_B], self.mask_BT[index_B])

    def mean_BD(self) -> Float[Tensor, "B D"]:
        """Return the mean over the real frames of each utterance."""
        weight_BT1 = self.mask_BT.unsqueeze(-1).to(self.x_BTD.dtype)
        kept_BTD = self.x_BTD.masked_fill(~self.mask_BT.unsqueeze(-1), 0.0)
        return kept_BTD.sum(1) / weight_BT1.sum(1).clamp(min=1.0)


@dataclass(frozen=True, slots=True)
class Batch:
    """A collated batch: the utterances, each modality's inputs, and the labels as class numbers.

    `shares_BC` are the shares of the classes in the raters' votes, where a pipeline trains on them.
    """

    utterances: Sequence[Utterance]
    inputs: Mapping[str, Inputs]
    labels_B: Int[Tensor, " B"]
    shares_BC: Float[Tensor, "B C"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One training step as an auxiliary task sees it. `encoded` is the step's only encoder pass: re-use it.

    `fuse` and `classify` are the pipeline's own fusion and classifier (or the fusion's own `classify`), with their
    dropout. `generator` is the step's own source of randomness; it lives on the CPU and is the same after `--resume`.
    """

    encoded: Mapping[str, Encoded]
    fused_BF: Float[Tensor, "B F"]
    logits_BC: Float[Tensor, "B C"]
    labels_B: Int[Tensor, " B"]
    utterances: Sequence[Utterance]
    inputs: Mapping[str, Inputs]
    generator: torch.Generator
    fuse: Callable[[Mapping[str, Encoded]], Tensor]
    classify: Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities of a set of utterances, with the true labels: all that an evaluator sees."""

    ids: Sequence[str]
    classes: Sequence[str]
    labels: Sequence[str]
    p_NC: Float[Tensor, "N C"]

    @property
    def predicted(self) -> list[str]:
        """The most probable class of each utterance, by name."""
        return [self.classes[i] for i in self.p_NC.argmax(-1).tolist()]
