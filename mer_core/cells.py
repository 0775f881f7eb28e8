"""One cell of a run: a fold trained with a seed, scored and stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from accelerate import Accelerator
from sklearn.metrics import recall_score

from mer_core.checkpoint import save_weights
from mer_core.compose import compose
from mer_core.data.examples import Examples
from mer_core.data.folds import Fold, hold_out
from mer_core.device import make_accelerator
from mer_core.events import CellEnded, CellEvent, CellStarted, InCell
from mer_core.files import write_json, write_text
from mer_core.manager import PluginManager
from mer_core.pipeline import Pipeline
from mer_core.provenance import plugin_modules
from mer_core.report import evaluate, scalars
from mer_core.rundir import RunDir
from mer_core.scoring import digest_of, predict, predictions_text
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.train import Trainer


@dataclass(frozen=True, slots=True)
class CellTask:
    """Which cell to run: the `number`-th of `cells`, of the run of that name where there are several."""

    seed: int
    fold: Fold
    number: int
    cells: int
    run: str = ""

    def told(self, event: CellEvent) -> InCell:
        """Return what happened in this cell, with its place."""
        return InCell(self.seed, self.fold.name, self.number, self.cells, event, self.run)


@runtime_checkable
class Runner(Protocol):
    """What runs cells; it can be sent to another process."""

    @property
    def modules(self) -> Sequence[str]:
        """The modules that the parts of its pipelines are in."""
        ...

    def __call__(self, task: CellTask, listener: Callable[[CellEvent], None]) -> None:
        """Run one cell and store its results."""
        ...


@dataclass(frozen=True, slots=True)
class CellRunner:
    """Runs cells; it can be sent to another process, since it holds no model.

    Args:
        run: where results go.
        spec: the expanded pipeline.
        manager: where its parts come from.
        device: as `make_accelerator` takes it.
        examples: the prepared corpus.
    """

    run: RunDir
    spec: PipelineSpec
    manager: PluginManager
    device: str
    examples: Examples

    @property
    def modules(self) -> list[str]:
        """The modules that the parts of the pipeline are in."""
        return plugin_modules(self.spec, self.manager)

    def __call__(self, task: CellTask, listener: Callable[[CellEvent], None]) -> None:
        """Train, predict and store one cell; its predictions are written last."""
        spec, examples, seed, fold = self.spec, self.examples, task.seed, task.fold
        cell = self.run.cell(seed, fold.name)
        accelerator = make_accelerator(self.device, spec)  # a cell's own: the scale of float16 losses moves with it
        train, judged = _sides(spec, examples, fold)
        seed_everything(seed, fold.name, "weights")
        pipeline = compose(
            spec,
            self.manager,
            num_classes=len(examples.classes),
            class_weight_C=class_weights(examples, train) if spec.train.class_weights else None,
        )
        trainer = Trainer(
            spec=spec.train,
            accelerator=accelerator,
            folder=cell.folder,
            seed_parts=(seed, fold.name),
            score=(lambda p: _ua(p, examples, judged, accelerator)) if judged else None,
            listener=listener,
        )
        progress = trainer.fit(
            pipeline, examples, train, started=lambda epoch: listener(CellStarted(epoch, spec.train.epochs))
        )
        predictions = predict(pipeline, examples, fold.test, accelerator=accelerator)
        save_weights(cell.weights, pipeline)
        selected = progress.best_epoch or spec.train.epochs
        text = predictions_text(predictions)
        told = {"selected_epoch": selected, "predictions_digest": digest_of(text), "epochs": progress.history}
        write_json(cell.history, told)
        write_text(cell.predictions, text)
        trainer.clean_up()
        if accelerator.device.type != "cpu":  # make room at once; on a CPU the model goes with its accelerator
            accelerator.free_memory()
        listener(CellEnded(scalars(evaluate(spec, self.manager, predictions))))


def class_weights(examples: Examples, train: Sequence[int]) -> torch.Tensor:
    """Return inverse class frequencies, scaled so that their mean over the training utterances is 1; absent: 0."""
    counts_C = torch.bincount(torch.tensor([examples.label(i) for i in train]), minlength=len(examples.classes))
    present = counts_C > 0
    weight_C = torch.where(present, len(train) / (present.sum() * counts_C.clamp(min=1)), 0.0)
    return weight_C.float()


def _sides(spec: PipelineSpec, examples: Examples, fold: Fold) -> tuple[Sequence[int], Sequence[int]]:
    """Return the utterances to train on, and those that select the epoch (none for `last`)."""
    if spec.train.select == "inner":
        inner = hold_out(examples.utterances, fold, spec.folds)
        return inner.train, inner.test
    return fold.train, fold.test if spec.train.select == "test" else ()


def _ua(pipeline: Pipeline, examples: Examples, indices: Sequence[int], accelerator: Accelerator) -> float:
    predictions = predict(pipeline, examples, indices, accelerator=accelerator)
    occurring = sorted(set(predictions.labels))
    return float(recall_score(predictions.labels, predictions.predicted, labels=occurring, average="macro"))
