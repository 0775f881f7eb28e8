"""A finished run put to use: its trained models, one after the other, on utterances of any origin.

Plugins come from the caller's manager, never from the run directory, and weights are safetensors: nothing that is
loaded from a run can run code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from pydantic import ValidationError

from mer_core.checkpoint import load_weights
from mer_core.compose import build, compose
from mer_core.data.apply import cleaned
from mer_core.data.examples import Examples
from mer_core.data.prepare import lacks, may_be_without, prepare
from mer_core.data.store import Store, default_store
from mer_core.device import make_accelerator
from mer_core.errors import DataError, RunError, SpecError, suggest
from mer_core.listing import read_listing
from mer_core.manager import PluginManager
from mer_core.pipeline import Pipeline
from mer_core.protocols import Corpus
from mer_core.resolve import parse_data
from mer_core.rundir import RUN_FILE, Cell, RunDir
from mer_core.scoring import predict
from mer_core.seeds import seed_everything
from mer_core.spec import PartSpec, PipelineSpec
from mer_core.types import Predictions, Utterance

MAX_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun:
    """A run directory whose models are trained. `open_trained` makes one and checks that they are."""

    run: RunDir
    spec: PipelineSpec
    classes: tuple[str, ...]
    cells: tuple[Cell, ...]
    """The models to use: every seed and fold, or the seeds of one fold."""
    manager: PluginManager
    accelerator: Accelerator
    store: Store

    def lacking(self, utterances: Sequence[Utterance], *, skip_bad: bool = False) -> dict[str, int]:
        """Return for each modality of the run how many utterances are without it, where some are.

        Raises:
            DataError: the run does not allow it to be missing, and `skip_bad` does not leave such utterances out.
        """
        counts = {m: sum(lacks(u, m) for u in utterances) for m in self.spec.encoders}
        for modality, count in counts.items():
            if count and not may_be_without(modality, self.spec.may_lack) and not skip_bad:
                raise DataError(
                    f"{count} of {len(utterances)} utterances have no {modality}, which this run needs",
                    hint=f"Give every utterance its {modality}. A pipeline with may_lack = "
                    f'["{modality}"] is trained to go without.',
                )
        return {modality: count for modality, count in counts.items() if count}

    def predict_each(
        self,
        utterances: Sequence[Utterance],
        *,
        skip_bad: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[dict[Cell, Predictions], dict[str, str]]:
        """Let every model predict every utterance. One model is in memory at a time.

        Args:
            utterances: labels, where they have some, must be among the run's classes.
            skip_bad: leave out utterances that cannot be used, instead of raising.
            progress: told how many of how many utterances are prepared.

        Returns:
            The predictions of each cell's model, and the reason by id for each utterance left out.

        Raises:
            DataError: utterances cannot be used, or none is left.
            RunError: the weights do not fit.
        """
        pipeline, examples, left_out = self.prepared(utterances, skip_bad=skip_bad, progress=progress)
        if not examples.utterances:
            reasons = "; ".join(list(left_out.values())[:MAX_SHOWN])
            raise DataError(f"no utterance is left that can be used: {reasons or 'there is none'}")
        return {cell: self._predict(cell, pipeline, examples) for cell in self.cells}, left_out

    def prepared(
        self,
        utterances: Sequence[Utterance],
        *,
        skip_bad: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Pipeline, Examples, dict[str, str]]:
        """Return a pipeline for any model's weights, the utterances made ready for it, and those left out by reason.

        See `predict_each` for the arguments and errors.
        """
        seed_everything("prepare")
        pipeline = compose(self.spec, self.manager, num_classes=len(self.classes)).to(self.accelerator.device)
        examples, left_out = prepare(
            pipeline,
            cleaned(self.spec.protocol, utterances),
            self.store,
            classes=self.classes,
            may_lack=self.spec.may_lack,
            skip_bad=skip_bad,
            progress=progress,
        )
        return pipeline, examples, left_out

    def _predict(self, cell: Cell, pipeline: Pipeline, examples: Examples) -> Predictions:
        load_weights(cell.weights, pipeline)
        return predict(pipeline, examples, range(len(examples.utterances)), accelerator=self.accelerator)


def open_trained(
    path: Path,
    manager: PluginManager,
    *,
    device: str = "auto",
    fold: str | None = None,
    store: Store | None = None,
) -> TrainedRun:
    """Return the trained run in a directory, in float32 whatever it was trained in.

    Args:
        path: the run directory.
        manager: where the parts come from.
        device: as in `make_accelerator`.
        fold: use the models of this fold only.
        store: where prepared utterances are kept; by default where all runs keep them.

    Raises:
        RunError: it is no run directory, or some of its models are not trained yet.
        SpecError: the run has no such fold, or the device is not there.
    """
    run = RunDir(path)
    info = run.info()
    try:
        spec = PipelineSpec.model_validate(info["spec"])
        classes, cells = tuple(info["classes"]), tuple(run.cells())
    except (KeyError, TypeError, ValidationError) as cause:
        raise RunError(f"{path / RUN_FILE} is damaged: {cause}", hint="Run it again with --force.") from cause
    cells = _of_fold(cells, fold) if fold is not None else cells
    untrained = [cell for cell in cells if not cell.predictions.is_file()]
    if untrained:
        raise RunError(
            f"{len(untrained)} of {len(cells)} models of {path} are not trained yet, for example fold "
            f"{untrained[0].fold} with seed {untrained[0].seed}",
            hint=f"Finish it first: the same mer run as before, with --resume --out {path}",
        )
    if lost := next((cell.weights for cell in cells if not cell.weights.is_file()), None):
        raise RunError(f"{lost} is missing", hint=f"Train again: the same mer run as before, with --force --out {path}")
    spec = spec.model_copy(update={"train": spec.train.model_copy(update={"precision": "float32"})})
    return TrainedRun(
        run=run,
        spec=spec,
        classes=classes,
        cells=cells,
        manager=manager,
        accelerator=make_accelerator(device, spec),
        store=store or default_store(),
    )


def read_utterances(manager: PluginManager, data: str) -> list[Utterance]:
    """Return the utterances of `NAME` or `NAME:PATH`, with labels or without.

    Raises:
        DataError: the place does not exist, is not this corpus, or has no utterance.
    """
    corpus: Corpus = build(manager, "corpus", PartSpec.model_validate(parse_data(data)), path="data")
    utterances = corpus.read()
    if not utterances:
        raise DataError(f"{data} has no utterances")
    return utterances


def mean_predictions(predictions: Sequence[Predictions]) -> Predictions:
    """Return the mean of the probabilities that several models give the same utterances."""
    first = predictions[0]
    assert all(list(other.ids) == list(first.ids) for other in predictions)
    return replace(first, p_NC=torch.stack([other.p_NC for other in predictions]).mean(0))


def check_labels(utterances: Sequence[Utterance], classes: Sequence[str]) -> None:
    """Refuse utterances whose label a trained run cannot predict.

    Raises:
        DataError: some labels are missing or are not among the classes; they are named.
    """
    unlabelled = [u.id for u in utterances if not u.label]
    if unlabelled:
        raise DataError(
            f"{len(unlabelled)} of {len(utterances)} utterances have no label, for example {unlabelled[0]}",
            hint="Scoring needs labels; `mer predict` does not.",
        )
    unknown = sorted({str(u.label) for u in utterances} - set(classes))
    if unknown:
        raise DataError(
            f"{len(unknown)} label(s) are not among the classes of this run: {', '.join(unknown)}. "
            f"Its classes: {', '.join(classes)}.",
            hint="Write the run's class in the manifest's column label, and leave out what has none.",
        )


def overlap(run: RunDir, utterances: Sequence[Utterance]) -> int:
    """Return how many utterances have an id that the run's own corpus has too."""
    trained_on = {u.id for u in read_listing(run.utterances)}
    return sum(u.id in trained_on for u in utterances)


def _of_fold(cells: Sequence[Cell], fold: str) -> tuple[Cell, ...]:
    known = list(dict.fromkeys(cell.fold for cell in cells))
    if fold not in known:
        raise SpecError(f'this run has no fold "{fold}"{suggest(fold, known)}. Folds: {", ".join(known)}.')
    return tuple(cell for cell in cells if cell.fold == fold)
