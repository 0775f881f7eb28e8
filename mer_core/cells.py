"""One cell of a run: a fold trained with a seed, scored and stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from mer_core import ranks
from mer_core.checkpoint import save_weights
from mer_core.data.examples import Examples
from mer_core.data.folds import Fold
from mer_core.errors import RunError
from mer_core.events import CellEnded, CellEvent, CellStarted, InCell
from mer_core.files import remove_half_written, write_json, write_text
from mer_core.manager import PluginManager
from mer_core.optimism import ON_TEST, chosen_on_test
from mer_core.pipeline import Pipeline
from mer_core.provenance import plugin_modules
from mer_core.report import evaluate, scalars
from mer_core.rundir import Cell, RunDir
from mer_core.scoring import digest_of, predict, predictions_text
from mer_core.spec import PipelineSpec
from mer_core.stages import StageResult, epochs_before, go_on, run_stages, shifted
from mer_core.train import Progress
from mer_core.training import Training
from mer_core.types import Predictions


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
        """Train, predict and store one cell; its predictions are written last.

        Raises:
            RunError: the GPU's memory does not suffice.
        """
        try:
            self._run(task, listener)
        except torch.OutOfMemoryError as cause:
            raise RunError(
                f"the GPU's memory does not suffice: {str(cause).splitlines()[0]}",
                hint="Go on with --resume --jobs 1, a smaller --batch-size, or train.batch_frames, which bounds the "
                "batches of long utterances.",
            ) from cause

    def _run(self, task: CellTask, listener: Callable[[CellEvent], None]) -> None:
        spec, examples, seed, fold = self.spec, self.examples, task.seed, task.fold
        cell = self.run.cell(seed, fold.name)
        if ranks.is_first():
            remove_half_written(cell.folder)
        training = Training(
            spec=spec,
            manager=self.manager,
            examples=examples,
            fold=fold,
            seed_parts=(seed, fold.name),
            device=self.device,
            folder=cell.folder,
        )
        stages = run_stages(training, listener)
        told_of = shifted(listener, sum(epochs_before(spec)), sum(epochs_before(spec)) + spec.train.epochs)
        pipeline = training.compose()
        go_on(pipeline, stages)
        trainer = training.trainer(told_of, watched=cell.selected_on_test)
        accelerator = trainer.accelerator
        progress = trainer.fit(
            pipeline,
            examples,
            training.sides[0],
            started=lambda epoch: told_of(CellStarted(epoch, spec.train.epochs)),
        )
        predictions = predict(pipeline, examples, fold.test, accelerator=accelerator)
        if ranks.is_first():
            self._store(cell, pipeline, predictions, progress, stages)
            trainer.clean_up()
        ranks.wait()
        if accelerator.device.type != "cpu":  # make room at once; on a CPU the model goes with its accelerator
            accelerator.free_memory()
        listener(CellEnded(scalars(evaluate(spec, self.manager, predictions))))

    def _store(
        self,
        cell: Cell,
        pipeline: Pipeline,
        predictions: Predictions,
        progress: Progress,
        stages: Sequence[StageResult],
    ) -> None:
        """Write a cell's files, its predictions last."""
        save_weights(cell.weights, pipeline)
        selected = progress.best_epoch or self.spec.train.epochs
        text = predictions_text(predictions)
        told: dict[str, object] = {
            "selected_epoch": selected,
            "predictions_digest": digest_of(text),
            ON_TEST: chosen_on_test(progress.history, cell.selected_on_test),
            "epochs": progress.history,
        }
        if stages:
            told["stages"] = [stage.told() for stage in stages]
        write_json(cell.history, told)
        write_text(cell.predictions, text)
