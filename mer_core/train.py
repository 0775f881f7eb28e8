"""One training loop for every pipeline, on Hugging Face Accelerate. It knows no plugin."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from mer_core import ranks
from mer_core.checkpoint import (
    BEST,
    CHECKPOINT,
    load_checkpoint,
    load_weights,
    remove_checkpoints,
    save_checkpoint,
    save_weights,
)
from mer_core.data.batches import padding, plan_epoch
from mer_core.data.examples import Examples, loader, to_device
from mer_core.data.loading import on_device
from mer_core.diagnosis.gradients import gradient_cosines
from mer_core.errors import RunError
from mer_core.events import CellEvent, EpochEnded, Stepped
from mer_core.optim import make_optimizer, make_schedule
from mer_core.optimism import ON_TEST
from mer_core.pipeline import Pipeline
from mer_core.seeds import derive_seed, seed_everything
from mer_core.spec import TrainSpec
from mer_core.types import Batch


@dataclass(slots=True)
class Progress:
    """How far a training is, as the checkpoint keeps it."""

    epochs_done: int = 0
    steps_done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_score: float | None = None
    best_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Trains one pipeline on one fold with one seed.

    Every epoch starts from a seed of its own, and every step hands auxiliary tasks a generator of its own, so a
    training that was cut off and goes on ends in the same weights.

    Args:
        spec: rates, epochs, batch size.
        accelerator: device and precision.
        folder: where checkpoints are kept while training goes on.
        seed_parts: what the seeds are derived from (seed and fold).
        watch: is shown the pipeline after each epoch, with the history before it; what it returns is kept in the
            history under `on_test` and decides nothing.
        score: scores the pipeline after each epoch, higher is better; the best epoch's weights are kept. None keeps
            the last epoch's.
        listener: is told of steps and epochs.
    """

    spec: TrainSpec
    accelerator: Accelerator
    folder: Path
    seed_parts: tuple[int | str, ...]
    watch: Callable[[Pipeline, Sequence[dict[str, Any]]], dict[str, float]] | None = None
    score: Callable[[Pipeline], float] | None
    listener: Callable[[CellEvent], None]

    @property
    def _checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    @property
    def _best(self) -> Path:
        return self.folder / BEST

    def fit(
        self, pipeline: Pipeline, examples: Examples, indices: Sequence[int], *, started: Callable[[int], None]
    ) -> Progress:
        """Train `pipeline` in place, from the checkpoint where there is one, and leave the selected weights in it.

        Args:
            pipeline: freshly composed.
            examples: the prepared corpus.
            indices: the training utterances.
            started: told the epoch (from 0) that training begins or goes on with.
        """
        optimizer = make_optimizer(pipeline, self.spec)
        model, prepared = self.accelerator.prepare(pipeline, optimizer)
        restored = load_checkpoint(self._checkpoint, pipeline, optimizer)
        progress = Progress(**restored) if restored else Progress()
        plans = [self._plan(examples, indices, epoch) for epoch in range(self.spec.epochs)]
        schedule = make_schedule(
            optimizer, steps=sum(map(len, plans)), warmup=self.spec.warmup, done=progress.steps_done
        )
        started(progress.epochs_done)
        for epoch in range(progress.epochs_done, self.spec.epochs):
            losses = self._epoch(model, prepared, schedule, examples, plans[epoch], epoch)
            progress.steps_done += len(plans[epoch])
            padded = padding((batch for step in plans[epoch] for batch in step), examples.frames)
            cosines = self._cosines(pipeline, examples, plans[0][0][0], epoch)
            found = {"losses": losses, "padding": padded, "gradient_cosine": cosines}
            self._end_epoch(pipeline, optimizer, progress, found)
        if self.score is not None:
            ranks.wait()
            load_weights(self._best, pipeline)
            ranks.wait()
        return progress

    def clean_up(self) -> None:
        """Remove the checkpoints of a training whose result has been stored; the first process alone may."""
        remove_checkpoints(self.folder)

    def _plan(self, examples: Examples, indices: Sequence[int], epoch: int) -> list[list[list[int]]]:
        """Return the epoch's optimiser steps, each a list of batches."""
        seed = derive_seed(*self.seed_parts, "batches", epoch)
        spec, lengths = self.spec, examples.lengths
        batches = plan_epoch(indices, lengths, batch_size=spec.batch_size, batch_frames=spec.batch_frames, seed=seed)
        size = self.spec.accumulate
        return [batches[start : start + size] for start in range(0, len(batches), size)]

    def _epoch(
        self, model: Any, optimizer: Any, schedule: Any, examples: Examples, steps: list[list[list[int]]], epoch: int
    ) -> dict[str, float]:
        # With several processes the encoders' dropout differs from one to the other.
        seed_everything(*self.seed_parts, "epoch", epoch, *([ranks.rank()] if ranks.rank() else []))
        model.train()
        pipeline = self.accelerator.unwrap_model(model)
        planned = [batch for step in steps for batch in step]
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.accelerator.device))
        with closing(on_device(pipeline, examples, planned, self.accelerator.device)) as batches:
            for number, step in enumerate(steps):
                self._step(model, batches, step, (epoch, number), sums)
                self.accelerator.clip_grad_norm_(model.parameters(), self.spec.clip_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                self.listener(Stepped(number + 1, len(steps)))
        # Here the device is waited for, once an epoch.
        total = sum(map(len, planned))
        losses = {name: float(ranks.mean(value)) / total for name, value in sums.items()}
        self._check_finite(losses, epoch)
        return losses

    def _step(
        self,
        model: Any,
        batches: Iterator[Batch],
        step: list[list[int]],
        place: tuple[int, int],
        sums: dict[str, Tensor],
    ) -> None:
        """Gather a step's gradients, and add its losses to `sums`. Nothing in it may wait for the device."""
        size = sum(map(len, step))
        for part, indices in enumerate(step):
            batch = next(batches)
            generator = torch.Generator().manual_seed(derive_seed(*self.seed_parts, *place, part))
            last = part == len(step) - 1
            with nullcontext() if last else self.accelerator.no_sync(model):  # processes exchange gradients once
                with self.accelerator.autocast():
                    output = model(batch, generator)
                # The mean over the utterances of the step, however they are spread over its batches.
                self.accelerator.backward(output.total * (len(indices) / size))
            for name, loss in output.losses.items():
                sums[name] += loss.detach() * len(indices)

    def _cosines(self, pipeline: Pipeline, examples: Examples, probe: Sequence[int], epoch: int) -> dict[str, float]:
        """Return how far each auxiliary task agrees with the main loss after an epoch, on the same batch every time."""
        if not pipeline.tasks:
            return {}
        batch = to_device(next(iter(loader(pipeline, examples, [probe]))), self.accelerator.device)
        generator = torch.Generator().manual_seed(derive_seed(*self.seed_parts, "probe", epoch))
        with self.accelerator.autocast():
            return gradient_cosines(pipeline, batch, generator)

    def _check_finite(self, losses: dict[str, float], epoch: int) -> None:
        lost = [name for name, value in losses.items() if not math.isfinite(value)]
        if lost:
            raise RunError(
                f"training diverged in epoch {epoch + 1} of fold {self.seed_parts[-1]}: loss {', '.join(lost)} is not "
                "a finite number",
                hint="Lower train.learning_rate or train.head_learning_rate, or use --precision float32.",
            )

    def _end_epoch(
        self, pipeline: Pipeline, optimizer: torch.optim.Optimizer, progress: Progress, found: dict[str, Any]
    ) -> None:
        seen = {ON_TEST: self.watch(pipeline, progress.history)} if self.watch else {}
        score = self.score(pipeline) if self.score else None
        progress.epochs_done += 1
        progress.history.append({"epoch": progress.epochs_done, **found, "score": score} | seen)
        if score is not None and (progress.best_score is None or score > progress.best_score):
            progress.best_score, progress.best_epoch = score, progress.epochs_done
            if ranks.is_first():
                save_weights(self._best, pipeline)
        if ranks.is_first() and (progress.epochs_done < self.spec.epochs or self.score is not None):
            state = {name: getattr(progress, name) for name in Progress.__slots__}
            save_checkpoint(self._checkpoint, pipeline, optimizer, state)
        self.listener(EpochEnded(progress.epochs_done, found["losses"], score))
