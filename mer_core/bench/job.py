"""The project's side of a comparison: one epoch of training, a hand-written loop over the same, or scoring.

Each is a process of its own (`python -m mer_core.bench JSON`), so that memory and threads are its own too.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from mer_core.bench.arithmetic import utilisation
from mer_core.bench.stopwatch import LOADING, OPTIMISER, Stopwatch
from mer_core.choices import Precision
from mer_core.data.batches import plan_epoch
from mer_core.data.examples import Examples, loader, to_device
from mer_core.data.folds import Fold
from mer_core.data.prepare import prepare
from mer_core.data.store import FeatureStore
from mer_core.device import arithmetic
from mer_core.events import CellEvent, Stepped, silent
from mer_core.experiment import Experiment, Shared
from mer_core.optim import make_optimizer, make_schedule
from mer_core.pipeline import Pipeline
from mer_core.registry import load_registry
from mer_core.resolve import Overrides, resolve
from mer_core.scoring import predict
from mer_core.seeds import derive_seed, seed_everything
from mer_core.train import Trainer
from mer_core.training import Training
from mer_core.types import Batch

PIPELINE = "bench"
SEED_PARTS = (1, "all")
Kind = Literal["train", "loop", "score"]
Work = Callable[[], None]
"""What was timed, to be done once more; of a training without the optimiser, which has nothing to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to measure. The fields are those of the peer's command line."""

    kind: Kind = "train"
    size: str = "base"
    utterances: int = 64
    batch_size: int = 8
    precision: Precision = "float32"
    device: str = "cpu"
    aux: bool = True
    watched: bool = False
    """Also say where the time goes; on a GPU that slows the epoch down."""
    counted: bool = False
    """Also say what share of the machine's arithmetic was used: the work is done once more, counted and not timed."""


@dataclass(slots=True)
class Clock:
    """Listens to a training: the time from its start to each step's end, in seconds."""

    started_s: float = field(default_factory=time.perf_counter)
    steps_s: list[float] = field(default_factory=list)

    def __call__(self, event: CellEvent) -> None:
        """Take the time of a step's end; no step waits for a GPU, so the last one is waited for here."""
        if isinstance(event, Stepped):
            if event.step == event.steps and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.synchronize()
            self.steps_s.append(time.perf_counter() - self.started_s)


def measure(job: Job) -> dict[str, Any]:
    """Return the job's utterances per second with what belongs to them: seconds, front end, padding, shares, FLOP."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        training = _training(job, Path(folder))
        prepare_s = time.perf_counter() - started
        told, work = _done(job, training)
        if job.counted:
            device = torch.device(job.device)
            precision = arithmetic(training.spec, on_cpu=device.type == "cpu")
            told |= utilisation(work, told["seconds"], device, precision)
    return {"utterances_per_second": job.utterances / told["seconds"], "prepare_s": prepare_s} | told


def work_of(job: Job, folder: Path) -> Work:
    """Do a job once and return what was timed, to be done once more under a profiler.

    Args:
        job: what to do; its `watched` and `counted` are not heeded.
        folder: for files of the run; it must stay as long as the work is done.
    """
    return _done(job, _training(job, folder))[1]


def _done(job: Job, training: Training) -> tuple[dict[str, Any], Work]:
    return {"train": _train, "loop": _loop, "score": _score}[job.kind](job, training)


def _training(job: Job, folder: Path) -> Training:
    """Return what a run would have ready: corpus read, checkpoints loaded, front end computed or found in the store."""
    registry = load_registry(None)
    manager = registry.manager()
    values: dict[str, Any] = {
        f"encoders.{m}.checkpoint": f"random:{job.size}" for m in registry.spec.pipelines[PIPELINE].encoders
    }
    values |= {
        "data.utterances": job.utterances,
        "train.batch_size": job.batch_size,
        "train.precision": job.precision,
    }
    spec = resolve(registry, PIPELINE, Overrides(aux=None if job.aux else [], values=values))
    experiment = Experiment(name=PIPELINE, spec=spec, manager=manager, out=folder / "run", device=job.device)
    ready = experiment.ready(Shared())
    return Training(
        spec=ready.spec,
        manager=manager,
        examples=ready.examples,
        fold=Fold("all", tuple(range(job.utterances)), ()),
        seed_parts=SEED_PARTS,
        device=job.device,
        folder=folder,
    )


def _train(job: Job, training: Training) -> tuple[dict[str, Any], Work]:
    """One epoch by the project's own trainer, from its first step's start to its last one's end."""
    pipeline, clock = training.compose(), Clock()
    trainer = training.trainer(clock)
    watch = Stopwatch(trainer.accelerator.device)
    if job.watched:
        _watch(watch, pipeline, trainer)

    def begin(epoch: int) -> None:
        watch.start()
        clock.started_s = time.perf_counter()

    progress = trainer.fit(pipeline, training.examples, training.fold.train, started=begin)
    told = {
        "seconds": clock.steps_s[-1],
        "losses": progress.history[-1]["losses"],
        "shares": watch.shares if job.watched else {},
        "padding": padding(training),
    }

    def again() -> None:
        for number, batch in enumerate(_batches(training, pipeline, trainer.accelerator.device)):
            _backward(pipeline, batch, number, trainer.accelerator)
            pipeline.zero_grad()

    return told, again


def _watch(watch: Stopwatch, pipeline: Pipeline, trainer: Trainer) -> None:
    """Mark the borders of a step; the process does nothing else, so hooks on every optimiser are on this one."""
    accelerator: Any = trainer.accelerator
    watch.watch(pipeline)
    accelerator.backward = watch.backward(accelerator.backward)
    accelerator.clip_grad_norm_ = watch.optimiser(accelerator.clip_grad_norm_)
    register_optimizer_step_pre_hook(lambda *_: watch.mark(LOADING))
    register_optimizer_step_post_hook(lambda *_: watch.mark(OPTIMISER))


def _plan(training: Training) -> list[list[int]]:
    """Return the batches of the trainer's first epoch."""
    return plan_epoch(
        training.fold.train,
        training.examples.lengths,
        batch_size=training.spec.train.batch_size,
        seed=derive_seed(*SEED_PARTS, "batches", 0),
    )


def padding(training: Training) -> float:
    """Return the padded frames of an epoch's batches over the real ones, 1 where nothing is padded."""
    lengths = training.examples.lengths
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in _plan(training))
    return padded / sum(lengths)


def _batches(training: Training, pipeline: Pipeline, device: torch.device) -> list[Batch]:
    """Return the batches in memory, and leave the random sources as they are at the trainer's first step.

    So the same blocks are left out (LayerDrop) and the same masks drawn: with eight steps, another draw is worth
    several percent of the work.
    """
    seed_everything(*SEED_PARTS, "epoch", 0)
    return [to_device(batch, device) for batch in loader(pipeline, training.examples, _plan(training))]


def _backward(pipeline: Pipeline, batch: Batch, number: int, accelerator: Accelerator) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(derive_seed(*SEED_PARTS, 0, number, 0))
    with accelerator.autocast():
        output = pipeline(batch, generator)
    total: Any = output.total
    total.backward()
    return {name: loss.detach() for name, loss in output.losses.items()}


def _loop(job: Job, training: Training) -> tuple[dict[str, Any], Work]:
    """The same epoch as somebody would write it by hand, over batches that lie ready in memory."""
    pipeline, accelerator = training.compose(), training.trainer(silent).accelerator
    device = accelerator.device
    pipeline.to(device).train()
    spec = training.spec.train
    batches = _batches(training, pipeline, device)
    optimizer = make_optimizer(pipeline, spec)
    schedule = make_schedule(optimizer, steps=len(batches), warmup=spec.warmup)
    sums: dict[str, Tensor | float] = defaultdict(float)

    def work() -> None:
        for number, batch in enumerate(batches):
            for name, loss in _backward(pipeline, batch, number, accelerator).items():
                sums[name] += loss * len(batch.utterances)
            torch.nn.utils.clip_grad_norm_(pipeline.parameters(), spec.clip_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    seconds = _seconds(work)
    return {"seconds": seconds, "losses": {name: float(value) / job.utterances for name, value in sums.items()}}, work


def _score(job: Job, training: Training) -> tuple[dict[str, Any], Work]:
    """Predict every utterance from its recording and words, with an empty store when the clock starts."""
    pipeline = training.compose()
    accelerator = training.trainer(silent).accelerator
    # torch's counter of operations looks for the gradients of what has any, and inference mode has none.
    pipeline.to(accelerator.device).requires_grad_(False)

    def work() -> None:
        with tempfile.TemporaryDirectory(dir=training.folder) as store:
            examples = _prepared(training, pipeline, FeatureStore(Path(store)))
            predict(pipeline, examples, training.fold.train, accelerator=accelerator)

    return {"seconds": _seconds(work)}, work


def _seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _prepared(training: Training, pipeline: Pipeline, store: FeatureStore) -> Examples:
    known = training.examples
    examples, _ = prepare(pipeline, known.utterances, store, classes=known.classes, may_lack=training.spec.may_lack)
    return examples
