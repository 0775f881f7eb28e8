"""One run: read, fold, prepare, then train, predict and store each fold and seed, then report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from sklearn.metrics import recall_score

from mer_core.checkpoint import save_weights
from mer_core.compose import build, compose
from mer_core.data.examples import Examples, prepare
from mer_core.data.folds import Fold, hold_out, make_folds, pick_fold
from mer_core.data.store import FeatureStore, cache_root
from mer_core.errors import DataError, SpecError
from mer_core.events import CellEnded, CellStarted, Listener, Note, Preparing, silent
from mer_core.files import write_json
from mer_core.manager import PluginManager
from mer_core.pipeline import Pipeline
from mer_core.protocols import Corpus
from mer_core.provenance import corpus_fingerprint, folds_hash, provenance
from mer_core.report import evaluate, scalars, write_report
from mer_core.resolve import expand
from mer_core.rundir import RunDir, check_place, open_run
from mer_core.scoring import predict, write_predictions
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.train import Trainer
from mer_core.types import Utterance

_MIXED = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What to run and where. `run()` does it; the same experiment with `resume` goes on where it was cut off."""

    name: str
    spec: PipelineSpec
    manager: PluginManager
    out: Path
    seeds: Sequence[int] = (1,)
    only_fold: str | None = None
    device: str = "auto"
    resume: bool = False
    force: bool = False
    skip_bad: bool = False
    listener: Listener = silent
    store: FeatureStore = field(default_factory=lambda: FeatureStore(cache_root() / "prepared"))

    def run(self) -> tuple[RunDir, dict[str, Any]]:
        """Run every fold and seed that is not done yet and return the run directory and its report.

        Raises:
            MerError: something in the options, the data or the place cannot be used; nothing done so far is lost.
        """
        spec = expand(self.manager, self.spec)
        accelerator = make_accelerator(self.device, spec)
        corpus, utterances = read_corpus(spec, self.manager)
        # Fail on the place and on the protocol before minutes of preparation.
        check_place(self.out, resume=self.resume, force=self.force)
        self._folds(spec, utterances)
        examples, left_out = self._prepare(spec, utterances, accelerator)
        folds = self._folds(spec, examples.utterances)
        run = open_run(
            self.out, self._info(spec, corpus, examples, folds, left_out), resume=self.resume, force=self.force
        )
        self.listener(Note(f"run directory: {run.path}"))
        todo = [(seed, fold) for seed in self.seeds for fold in folds]
        for number, (seed, fold) in enumerate(todo, start=1):
            if not run.cell(seed, fold.name).predictions.is_file():
                self._cell(run, spec, examples, fold, seed, (number, len(todo)))
        return run, write_report(run, self.manager)

    def _folds(self, spec: PipelineSpec, utterances: Sequence[Utterance]) -> list[Fold]:
        folds = make_folds(utterances, spec.folds)
        return pick_fold(folds, self.only_fold) if self.only_fold is not None else folds

    def _prepare(
        self, spec: PipelineSpec, utterances: Sequence[Utterance], accelerator: Accelerator
    ) -> tuple[Examples, dict[str, str]]:
        classes = sorted({str(u.label) for u in utterances})
        seed_everything("prepare")
        # Only its encoders' `prepare` is used: it is gone before the first cell needs the memory.
        pipeline = compose(spec, self.manager, num_classes=len(classes)).to(accelerator.device)
        return prepare(
            pipeline,
            utterances,
            self.store,
            classes=classes,
            may_lack=spec.may_lack,
            skip_bad=self.skip_bad,
            progress=lambda done, total: self.listener(Preparing(done, total)),
        )

    def _cell(
        self,
        run: RunDir,
        spec: PipelineSpec,
        examples: Examples,
        fold: Fold,
        seed: int,
        place: tuple[int, int],
    ) -> None:
        cell = run.cell(seed, fold.name)
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
            listener=self.listener,
        )
        number, cells = place
        started = lambda epoch: self.listener(  # noqa: E731
            CellStarted(seed, fold.name, number, cells, epoch, spec.train.epochs)
        )
        progress = trainer.fit(pipeline, examples, train, started=started)
        predictions = predict(pipeline, examples, fold.test, accelerator=accelerator)
        save_weights(cell.weights, pipeline)
        selected = progress.best_epoch or spec.train.epochs
        write_json(cell.history, {"selected_epoch": selected, "epochs": progress.history})
        write_predictions(cell.predictions, predictions)
        trainer.clean_up()
        if accelerator.device.type != "cpu":  # make room at once; on a CPU the model goes with its accelerator
            accelerator.free_memory()
        self.listener(CellEnded(seed, fold.name, scalars(evaluate(spec, self.manager, predictions))))

    def _info(
        self, spec: PipelineSpec, corpus: Corpus, examples: Examples, folds: Sequence[Fold], left_out: dict[str, str]
    ) -> dict[str, Any]:
        ceilings = getattr(corpus, "ceilings", None)
        return {
            "pipeline": self.name,
            "spec": spec.model_dump(mode="json"),
            "classes": list(examples.classes),
            "seeds": list(self.seeds),
            "folds": [fold.name for fold in folds],
            "folds_hash": folds_hash(folds, examples.utterances),
            "corpus": corpus_fingerprint(examples.utterances),
            "ceilings": ceilings() if ceilings else {},
            "left_out": left_out,
            "provenance": provenance(spec, self.manager),
            "utterances": [u.id for u in examples.utterances],
        }


def make_accelerator(device: str, spec: PipelineSpec) -> Accelerator:
    """Return Accelerate's view of the device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        SpecError: the device is not there, or cannot compute in the precision asked for.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device != "auto" and not available.get(device, False):
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise SpecError(f'device "{device}" is not available here. Available: {there}.', hint="Or say --device auto.")
    on_cpu = device == "cpu" or not (available["cuda"] or available["mps"])
    if on_cpu and spec.train.precision == "float16":
        raise SpecError("train.precision: float16 needs a GPU", hint="Use --precision bfloat16 or float32.")
    # Accelerate keeps the first device and precision of a process, and ignores or refuses another.
    AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=on_cpu, mixed_precision=_MIXED[spec.train.precision])


def read_corpus(spec: PipelineSpec, manager: PluginManager) -> tuple[Corpus, list[Utterance]]:
    """Return the corpus of a spec and its labelled utterances.

    Raises:
        SpecError: the spec names no corpus.
        DataError: it has no utterances, or some without a label, or two with one id.
    """
    if spec.data is None:
        raise SpecError(
            "this pipeline names no data", hint="Say --data demo, --data iemocap:DIR or --data manifest:FILE.csv."
        )
    corpus: Corpus = build(manager, "corpus", spec.data, path="data")
    utterances = corpus.read()
    if not utterances:
        raise DataError(f"{spec.data.use}: the corpus has no utterances with a label that is used")
    unlabelled = [u.id for u in utterances if not u.label]
    if unlabelled:
        raise DataError(
            f"{len(unlabelled)} of {len(utterances)} utterances have no label, for example {unlabelled[0]}",
            hint="Training and scoring need labels; `mer predict` does not.",
        )
    twice = [id_ for id_, count in Counter(u.id for u in utterances).items() if count > 1]
    if twice:
        raise DataError(f"{len(twice)} ids occur more than once, for example {twice[0]}")
    return corpus, utterances


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
