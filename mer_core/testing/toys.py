"""A whole pipeline of toy parts, for tests of one real part among them: a fold trains in a few hundredths of a second.

    registry = {"pipelines": {"toy": toy_table(fusion={"use": "my-fusion"})}}
    manager = toy_manager(modules=["my_package.hooks"])

The toy emotion has two halves, one in each modality, so neither modality alone can tell more than half of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from mer_core.config import PluginConfig
from mer_core.errors import DataError
from mer_core.hookspec import hookimpl
from mer_core.manager import PluginManager
from mer_core.plugin import Plugin
from mer_core.types import Encoded, Figure, Inputs, Predictions, Prepared, Step, Utterance

CLASSES = ("angry", "happy", "neutral", "sad")
"""Class number = 2 * the half that `audio` tells + the half that `text` tells."""
MODALITIES = ("audio", "text")
BAD = "unreadable"
"""A field of that content makes `ToyEncoder.prepare` raise DataError."""


class ToyCorpus:
    """Utterances whose `fields` hold one sequence of numbers per modality; no files are read.

    Sessions `1`, `2`, ... have two speakers each; the classes take turns.
    """

    class Config(PluginConfig):
        """Options of `toy`."""

        path: str | None = None
        """Not used; there so that `--data toy:PATH` is accepted."""
        utterances: int = Field(default=48, ge=0)
        """Utterances in all."""
        sessions: int = Field(default=3, ge=1)
        """Sessions of two speakers each."""
        noise: float = Field(default=0.3, ge=0.0)
        """Standard deviation of a frame around its half's value, -1 or 1."""
        seed: int = 0
        """Decides the numbers."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def read(self) -> list[Utterance]:
        """Return the utterances."""
        rng = np.random.default_rng(self.config.seed)
        return [self._utterance(number, rng) for number in range(self.config.utterances)]

    def _utterance(self, number: int, rng: np.random.Generator) -> Utterance:
        label = number % len(CLASSES)
        turn = number // len(CLASSES)
        session = turn % self.config.sessions + 1
        halves = dict(zip(MODALITIES, divmod(label, 2), strict=True))
        return Utterance(
            id=f"u{number:04d}",
            text=f"toy {number}",
            label=CLASSES[label],
            speaker=f"{session}{'FM'[turn // self.config.sessions % 2]}",
            session=str(session),
            fields={m: self._frames(half, rng) for m, half in halves.items()},
        )

    def _frames(self, half: int, rng: np.random.Generator) -> str:
        frames = rng.normal(2 * half - 1, self.config.noise, size=rng.integers(2, 7))
        return " ".join(f"{frame:.3f}" for frame in frames)


class ToyEncoder(nn.Module):
    """A linear layer on the numbers of one field of the utterance. `calls` counts forward passes."""

    class Config(PluginConfig):
        """Options of `toy`."""

        modality: str = "audio"
        """Which field is read."""
        dim: int = Field(default=8, ge=1)
        """D."""
        dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
        """Dropout on the frames."""
        frozen: bool = False
        """Do not train the layer."""
        context: int = Field(default=0, ge=0)
        """Neighbours on either side whose frames are read too."""
        speaker_norm: bool = False
        """Normalise the numbers by speaker."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.modality = config.modality
        self.output_dim = config.dim
        self.context = config.context
        self.per_speaker = ("x",) if config.speaker_norm else ()
        self.calls = 0
        self.layer = nn.Linear(1, config.dim).requires_grad_(not config.frozen)
        self.dropout = nn.Dropout(config.dropout)

    def cache_key(self) -> str:
        """Return the field that is read, and how far around."""
        return f"toy 2 {self.modality} {self.context}"

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `x` of shape [T, 1]; one frame of zero where the utterance lacks the field."""
        near = [*utterance.before, utterance, *utterance.after]
        frames = " ".join(one.fields.get(self.modality, "0") for one in near)
        if frames == BAD:
            raise DataError(f"{self.modality} of {utterance.id} is unreadable")
        return {"x": torch.tensor([[float(frame)] for frame in frames.split()])}

    def num_frames(self, item: Prepared) -> int:
        """Return T."""
        return len(item["x"])

    def collate(self, items: Sequence[Prepared]) -> Inputs:
        """Return `x` of shape [B, T, 1] and `mask` of shape [B, T]."""
        lengths_B = torch.tensor([len(item["x"]) for item in items])
        x_BT1 = pad_sequence([item["x"] for item in items], batch_first=True)
        return {"x": x_BT1, "mask": torch.arange(x_BT1.shape[1]) < lengths_B[:, None]}

    def forward(self, inputs: Inputs) -> Encoded:
        """Encode a batch."""
        self.calls += 1
        return Encoded(self.dropout(self.layer(inputs["x"])), inputs["mask"])


class ToyFusion(nn.Module):
    """Means over time, concatenated."""

    class Config(PluginConfig):
        """`toy` has no options."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.output_dim = sum(input_dims.values())

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        return torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1)


class ToyAux(nn.Module):
    """A head of its own names the class from pairs with one modality moved to a random utterance's."""

    class Config(PluginConfig):
        """Options of `toy`."""

        moved: str = "text"
        """The modality whose class is to be named; it is re-paired with `step.generator`."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        self.moved = config.moved
        self.head = nn.Linear(fused_dim, num_classes)

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the cross entropy."""
        order_B = torch.randperm(len(step.labels_B), generator=step.generator).to(step.labels_B.device)
        moved = dict(step.encoded) | {self.moved: step.encoded[self.moved].take(order_B)}
        return functional.cross_entropy(self.head(step.fuse(moved)).float(), step.labels_B[order_B])


class ToyEvaluator:
    """The share of correct utterances, the recall of each class, and the counts."""

    class Config(PluginConfig):
        """`toy` has no options."""

    def __init__(self, config: Config) -> None:
        pass

    def evaluate(self, predictions: Predictions) -> dict[str, Figure]:
        """Return `accuracy` and `confusion`."""
        classes = list(predictions.classes)
        counts = [[0] * len(classes) for _ in classes]
        for label, predicted in zip(predictions.labels, predictions.predicted, strict=True):
            counts[classes.index(label)][classes.index(predicted)] += 1
        correct = sum(counts[c][c] for c in range(len(classes)))
        return {"accuracy": correct / max(1, len(predictions.ids)), "confusion": counts}


@hookimpl
def mer_encoders() -> Iterable[Plugin]:
    """Yield the encoder."""
    yield Plugin("toy", f"{__name__}:ToyEncoder", "a linear layer on the numbers of one field")


@hookimpl
def mer_fusions() -> Iterable[Plugin]:
    """Yield the fusion."""
    yield Plugin("toy", f"{__name__}:ToyFusion", "means over time, concatenated")


@hookimpl
def mer_aux_tasks() -> Iterable[Plugin]:
    """Yield the auxiliary task."""
    yield Plugin("toy", f"{__name__}:ToyAux", "one modality moved at random, its class named")


@hookimpl
def mer_evaluators() -> Iterable[Plugin]:
    """Yield the evaluator."""
    yield Plugin("toy", f"{__name__}:ToyEvaluator", "share of correct utterances and counts")


@hookimpl
def mer_corpora() -> Iterable[Plugin]:
    """Yield the corpus."""
    yield Plugin("toy", f"{__name__}:ToyCorpus", "utterances whose fields hold numbers")


def toy_manager(*, modules: Iterable[str] = (), files: Iterable[Path] = ()) -> PluginManager:
    """Return a manager that knows the toys and what is named here, whatever is installed."""
    return PluginManager(discover=False, modules=[__name__, *modules], files=files)


def toy_table(**changes: Any) -> dict[str, Any]:
    """Return a pipeline of toys as a registry file would say it; `changes` replace whole keys of it."""
    return {
        "data": {"use": "toy"},
        "encoders": {m: {"use": "toy", "modality": m} for m in MODALITIES},
        "fusion": {"use": "toy"},
        "evaluators": [{"use": "toy"}],
        "train": {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.0},
        "may_lack": list(MODALITIES),
    } | changes
