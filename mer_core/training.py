"""Training one pipeline on one side of a fold: a cell's own, or one of the stages before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from mer_core.compose import compose
from mer_core.data.examples import Examples
from mer_core.data.folds import Fold, hold_out
from mer_core.device import make_accelerator
from mer_core.events import CellEvent
from mer_core.manager import PluginManager
from mer_core.optimism import OnTest, accuracies
from mer_core.pipeline import Pipeline
from mer_core.protocols import FittedEncoder
from mer_core.scoring import predict
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.train import Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What to train on, and what decides the draws.

    Args:
        spec: the expanded pipeline.
        manager: where its parts come from.
        examples: the prepared corpus.
        fold: whose training side is learned.
        seed_parts: what every seed is derived from.
        device: as `make_accelerator` takes it.
        folder: where checkpoints are kept while training goes on.
    """

    spec: PipelineSpec
    manager: PluginManager
    examples: Examples
    fold: Fold
    seed_parts: tuple[int | str, ...]
    device: str
    folder: Path

    @property
    def sides(self) -> tuple[Sequence[int], Sequence[int]]:
        """The utterances to train on, and those that select the epoch (none for `last`)."""
        if self.spec.protocol.select == "inner":
            inner = hold_out(self.examples.utterances, self.fold, self.spec.protocol)
            return inner.train, inner.test
        return self.fold.train, self.fold.test if self.spec.protocol.select == "test" else ()

    def compose(self) -> Pipeline:
        """Return the pipeline with fresh weights, its encoders fitted to the training utterances."""
        seed_everything(*self.seed_parts, "weights")
        train = self.sides[0]
        weight_C = class_weights(self.examples, train) if self.spec.train.class_weights else None
        pipeline = compose(self.spec, self.manager, num_classes=len(self.examples.classes), class_weight_C=weight_C)
        fit_encoders(pipeline, self.examples, train)
        return pipeline

    def trainer(self, listener: Callable[[CellEvent], None], *, watched: Path | None = None) -> Trainer:
        """Return what trains it, with an accelerator of its own: the scale of float16 losses moves with it.

        Args:
            listener: is told of steps and epochs.
            watched: where the predictions of the epoch that is best on the test fold go; None does not look.
        """
        accelerator = make_accelerator(self.device, self.spec)
        on_test = OnTest(self.examples, self.fold.test, accelerator, watched) if watched else None
        return Trainer(
            spec=self.spec.train,
            accelerator=accelerator,
            folder=self.folder,
            seed_parts=self.seed_parts,
            watch=on_test,
            score=self._score(accelerator, on_test),
            listener=listener,
        )

    def _score(self, accelerator: Accelerator, on_test: OnTest | None) -> Callable[[Pipeline], float] | None:
        """Return what selects the epoch: UA on the side held out for this."""
        judged = self.sides[1]
        if on_test is not None and self.spec.protocol.select == "test":
            return lambda pipeline: on_test.ua  # the test fold has just been scored
        return (lambda pipeline: _ua(pipeline, self.examples, judged, accelerator)) if judged else None


def fit_encoders(pipeline: Pipeline, examples: Examples, train: Sequence[int]) -> None:
    """Show the training utterances to the encoders that ask for them."""
    for key in pipeline.encoders:
        encoder = pipeline.encoder(key)
        if isinstance(encoder, FittedEncoder):
            encoder.fit(examples.item_of(index, key, encoder) for index in train)


def class_weights(examples: Examples, train: Sequence[int]) -> torch.Tensor:
    """Return inverse class frequencies, scaled so that their mean over the training utterances is 1; absent: 0."""
    counts_C = torch.bincount(torch.tensor([examples.label(i) for i in train]), minlength=len(examples.classes))
    present = counts_C > 0
    weight_C = torch.where(present, len(train) / (present.sum() * counts_C.clamp(min=1)), 0.0)
    return weight_C.float()


def _ua(pipeline: Pipeline, examples: Examples, indices: Sequence[int], accelerator: Accelerator) -> float:
    return accuracies(predict(pipeline, examples, indices, accelerator=accelerator))["ua"]
