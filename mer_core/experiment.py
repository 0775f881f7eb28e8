"""One run: read, fold, prepare, then train, predict and store each fold and seed, then report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from mer_core import ranks
from mer_core.cells import CellRunner, CellTask
from mer_core.checkpoint import remove_checkpoints
from mer_core.choices import Precision
from mer_core.compose import build, compose
from mer_core.data.apply import apply_protocol, notes
from mer_core.data.context import check_dialogs
from mer_core.data.examples import Examples
from mer_core.data.folds import Fold, make_folds, pick_fold
from mer_core.data.prepare import prepare
from mer_core.data.protocol import in_words, protocol_hash
from mer_core.data.store import Store, default_store
from mer_core.data.votes import soft_labels
from mer_core.device import arithmetic, make_accelerator
from mer_core.errors import DataError, SpecError
from mer_core.events import CellEnded, Listener, Note, Preparing, silent
from mer_core.files import read_json
from mer_core.listing import write_listing
from mer_core.manager import PluginManager
from mer_core.pipeline import Pipeline
from mer_core.protocols import Corpus, RatedCorpus
from mer_core.provenance import corpus_fingerprint, folds_hash, plugin_modules, provenance
from mer_core.remarks import about
from mer_core.report import evaluate, scalars, write_report
from mer_core.resolve import expand
from mer_core.rundir import RunDir, check_place, open_run
from mer_core.scoring import read_predictions
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.types import Utterance
from mer_core.workers import import_early, num_cores, num_workers, run_cells

_OF_THE_MODEL = {"summary", "fusion", "aux", "single", "evaluators", "train", "stages"}
"""Keys of a pipeline that change nothing in what its encoders prepare."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What the cells of a run need, read and prepared; `info` is what run.json will say."""

    spec: PipelineSpec
    examples: Examples
    folds: list[Fold]
    info: dict[str, Any]
    device: torch.device
    parameters: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Corpora read and examples prepared, kept for experiments that need the same ones: the rows of a table."""

    _corpora: dict[str, tuple[Corpus, list[Utterance]]] = field(default_factory=dict)
    _examples: dict[str, tuple[Examples, dict[str, str]]] = field(default_factory=dict)

    def corpus(
        self, spec: PipelineSpec, read: Callable[[], tuple[Corpus, list[Utterance]]]
    ) -> tuple[Corpus, list[Utterance]]:
        """Return the corpus of a spec and its utterances, read where it has not been yet."""
        key = spec.model_dump_json(exclude={*_OF_THE_MODEL, "encoders", "may_lack"})
        return self._corpora.get(key) or self._corpora.setdefault(key, read())

    def examples(
        self, spec: PipelineSpec, prepare: Callable[[], tuple[Examples, dict[str, str]]]
    ) -> tuple[Examples, dict[str, str]]:
        """Return the examples of a spec and the utterances left out, prepared where they have not been yet."""
        key = spec.model_dump_json(exclude=_OF_THE_MODEL)
        return self._examples.get(key) or self._examples.setdefault(key, prepare())


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What to run and where. `run()` does it; the same experiment with `resume` goes on where it was cut off.

    `jobs` is how many cells run at once, each in a process of its own; None chooses by cores and memory.
    """

    name: str
    spec: PipelineSpec
    manager: PluginManager
    out: Path
    seeds: Sequence[int] = (1,)
    only_fold: str | None = None
    device: str = "auto"
    jobs: int | None = 1
    resume: bool = False
    force: bool = False
    skip_bad: bool = False
    listener: Listener = silent
    store: Store = field(default_factory=default_store)

    def run(self) -> tuple[RunDir, dict[str, Any]]:
        """Run every fold and seed that is not done yet and return the run directory and its report.

        Raises:
            MerError: something in the options, the data or the place cannot be used; nothing done so far is lost.
        """
        if ranks.asked_for() > 1:
            make_accelerator(self.device, self.spec)  # the processes find each other
        out = ranks.from_first(self.out)
        if ranks.is_first():  # fail on the place before minutes of preparation
            check_place(out, resume=self.resume, force=self.force)
        if self._may_use_workers():
            import_early(plugin_modules(self.spec, self.manager))
        ready = self.ready(Shared())
        if ranks.is_first():
            started = open_run(out, ready.info, resume=self.resume, force=self.force)
            write_listing(started.utterances, ready.examples.utterances)
        ranks.wait()
        run = RunDir(out)
        for text in [f"run directory: {run.path}", *ready.info["notes"]]:
            self.listener(Note(text))
        todo = self.todo(run, ready)
        run_cells(self.runner(run, ready), todo, jobs=self._jobs(len(todo), ready), listener=self.listener)
        report = write_report(run, self.manager) if ranks.is_first() else None
        ranks.wait()
        return run, read_json(run.report) if report is None else report

    def _may_use_workers(self) -> bool:
        several_cells = self.only_fold is None or len(self.seeds) > 1
        return several_cells and self.jobs != 1 and num_cores() > 1 and ranks.asked_for() == 1

    def _jobs(self, cells: int, ready: Ready) -> int:
        """Return how many cells to run at once.

        Raises:
            SpecError: several were asked for, and several processes train one cell together.
        """
        if ranks.world() == 1:
            return self.jobs or num_workers(cells=cells, parameters=ready.parameters, device=ready.device)
        if (self.jobs or 1) > 1:
            raise SpecError(
                f"--jobs {self.jobs} and torchrun exclude each other: its {ranks.world()} processes train one cell",
                hint="Leave out --jobs, or torchrun.",
            )
        return 1

    def ready(self, shared: Shared) -> Ready:
        """Read and prepare what the cells need. Nothing is written but the store.

        Args:
            shared: what other experiments have read and prepared already.
        """
        spec = expand(self.manager, self.spec)
        device = make_accelerator(self.device, spec).device
        used = self._arithmetic(spec, device)
        with ranks.first_before_others():
            corpus, read = shared.corpus(spec, lambda: read_corpus(spec, self.manager))
        utterances = apply_protocol(spec.protocol, read)
        _shares(spec, corpus, utterances)
        self._folds(spec, utterances)  # fail on the protocol before minutes of preparation
        pipeline = self._composed(spec, utterances, device)
        check_dialogs(pipeline, utterances)
        with ranks.first_before_others():
            examples, left_out = shared.examples(spec, lambda: self._prepared(spec, pipeline, utterances))
        examples = replace(examples, shares=_shares(spec, corpus, examples.utterances))
        folds = self._folds(spec, examples.utterances)
        info = self._info(spec, corpus, examples, folds, left_out) | about(pipeline)
        info["provenance"]["arithmetic"] = used
        info["notes"] = notes(spec.protocol, read, utterances, folds)
        return Ready(spec, examples, folds, info, device, sum(p.numel() for p in pipeline.parameters()))

    def runner(self, run: RunDir, ready: Ready) -> CellRunner:
        """Return what runs the cells of this experiment."""
        return CellRunner(run, ready.spec, self.manager, self.device, ready.examples)

    def todo(self, run: RunDir, ready: Ready, *, name: str = "") -> list[CellTask]:
        """Return the cells that are not done; of those done, tell the figures.

        Args:
            run: where results are.
            ready: what `ready` gave.
            name: of the run among others that are worked on together.
        """
        cells = [(seed, fold) for seed in self.seeds for fold in ready.folds]
        tasks = [CellTask(seed, fold, number, len(cells), name) for number, (seed, fold) in enumerate(cells, start=1)]
        todo = []
        for task in tasks:
            stored = run.cell(task.seed, task.fold.name).predictions
            if stored.is_file():
                remove_checkpoints(stored.parent)  # its process may have been killed before it did
                ended = CellEnded(scalars(evaluate(ready.spec, self.manager, read_predictions(stored))))
                self.listener(task.told(ended))
            else:
                todo.append(task)
        return todo

    def _arithmetic(self, spec: PipelineSpec, device: torch.device) -> Precision:
        """Return the precision that the cells compute in, and say so where it is not the one asked for."""
        used = arithmetic(spec, on_cpu=device.type == "cpu")
        if used != (asked := spec.train.precision):
            self.listener(Note(f"this processor has no {asked} arithmetic: computed in {used}"))
        return used

    def _folds(self, spec: PipelineSpec, utterances: Sequence[Utterance]) -> list[Fold]:
        folds = make_folds(utterances, spec.protocol)
        return pick_fold(folds, self.only_fold) if self.only_fold is not None else folds

    def _composed(self, spec: PipelineSpec, utterances: Sequence[Utterance], device: torch.device) -> Pipeline:
        """Return a pipeline whose encoders prepare; it is gone before the first cell needs the memory."""
        seed_everything("prepare")
        return compose(spec, self.manager, num_classes=len(_classes(utterances))).to(device)

    def _prepared(
        self, spec: PipelineSpec, pipeline: Pipeline, utterances: Sequence[Utterance]
    ) -> tuple[Examples, dict[str, str]]:
        """Return the examples, and the utterances left out."""
        prepared = prepare(
            pipeline,
            utterances,
            self.store,
            classes=_classes(utterances),
            may_lack=spec.may_lack,
            skip_bad=self.skip_bad,
            progress=lambda done, total: self.listener(Preparing(done, total)),
        )
        if self.store.refused:
            self.listener(
                Note(
                    f"{self.store.refused} prepared items are more than the cache may hold, and are prepared again in "
                    "every epoch: raise MER_CACHE_LIMIT"
                )
            )
        return prepared

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
            "protocol": {
                "name": spec.protocol.use or "own",
                "hash": protocol_hash(spec.protocol),
                "in_words": list(in_words(spec.protocol)),
            },
            "removed": {fold.name: len(fold.removed) for fold in folds if fold.removed},
            "folds_hash": folds_hash(folds, examples.utterances),
            "corpus": corpus_fingerprint(examples.utterances),
            # Those of the whole corpus: not of the part, or of other classes, that a protocol may use.
            "ceilings": ceilings() if ceilings and not (spec.protocol.keep or spec.protocol.labels) else {},
            "left_out": left_out,
            "provenance": provenance(spec, self.manager),
        }


def _classes(utterances: Sequence[Utterance]) -> list[str]:
    return sorted({str(u.label) for u in utterances})


def _shares(spec: PipelineSpec, corpus: Corpus, utterances: Sequence[Utterance]) -> list[list[float]] | None:
    """Return the shares of the classes in the raters' votes, where the pipeline is trained on them."""
    if not spec.train.soft_labels:
        return None
    labels, known = spec.protocol.labels, corpus.class_of if isinstance(corpus, RatedCorpus) else {}
    class_of = labels | {category: labels.get(name, name) for category, name in known.items()}
    return soft_labels(utterances, _classes(utterances), class_of)


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
