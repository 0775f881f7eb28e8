"""Trainings before a pipeline's own: each is done once, and its encoders are kept for every run that needs them."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mer_core import ranks
from mer_core.data.store import cache_root
from mer_core.events import CellEvent, CellStarted, EpochEnded
from mer_core.pipeline import Pipeline
from mer_core.spec import PipelineSpec, StageSpec
from mer_core.tensors import save_tensors
from mer_core.training import Training

Listen = Callable[[CellEvent], None]


@dataclass(frozen=True, slots=True)
class StageResult:
    """The encoders of a stage as they were trained, by encoder, and the losses of every epoch."""

    key: str
    weights: dict[str, dict[str, Tensor]]
    history: list[dict[str, Any]]

    def told(self) -> dict[str, Any]:
        """Return what history.json keeps of it."""
        return {"encoders": sorted(self.weights), "key": self.key, "epochs": self.history}


def stage_spec(spec: PipelineSpec, stage: StageSpec) -> PipelineSpec:
    """Return a stage as a pipeline of its own."""
    encoders = {key: spec.encoders[key] for key in sorted(stage.encoders)}
    train = stage.train or spec.train
    changes = {"encoders": encoders, "fusion": stage.fusion, "aux": stage.aux, "train": train, "stages": ()}
    return spec.model_copy(update=changes)


def run_stages(cell: Training, listener: Listen) -> list[StageResult]:
    """Train the stages of a cell that nobody has trained yet and return the results of all, in order.

    A later stage goes on with what an earlier one made of the encoders that both have.
    """
    results: list[StageResult] = []
    epochs = epochs_before(cell.spec)
    for number, stage in enumerate(cell.spec.stages):
        spec = stage_spec(cell.spec, stage)
        seed_parts = ("stage", *spec.encoders, *cell.seed_parts)
        training = replace(cell, spec=spec, seed_parts=seed_parts, folder=cell.folder / f"stage-{number}")
        told = shifted(listener, sum(epochs[:number]), sum(epochs) + cell.spec.train.epochs)
        results.append(_result(training, results, told))
    return results


def epochs_before(spec: PipelineSpec) -> list[int]:
    """Return the epochs of each stage."""
    return [(stage.train or spec.train).epochs for stage in spec.stages]


def go_on(pipeline: Pipeline, results: Iterable[StageResult]) -> None:
    """Give the encoders what earlier stages made of them."""
    for result in results:
        for key, weights in result.weights.items():
            if key in pipeline.encoders:
                pipeline.encoders[key].load_state_dict(weights)


def shifted(listener: Listen, by: int, epochs: int) -> Listen:
    """Return a listener for a part of a cell: its epochs come after `by` others, of `epochs` in all."""

    def listen(event: CellEvent) -> None:
        match event:
            case CellStarted(epoch):
                event = CellStarted(by + epoch, epochs)
            case EpochEnded(epoch):
                event = replace(event, epoch=by + epoch)
        listener(event)

    return listen


def _result(training: Training, before: list[StageResult], listener: Listen) -> StageResult:
    pipeline = training.compose()
    shared = [result for result in before if result.weights.keys() & set(training.spec.encoders)]
    key = _key(training, pipeline, [result.key for result in shared])
    path = cache_root() / "stages" / f"{key}.safetensors"
    kept = _read(path, key)
    if kept is not None:
        return kept
    go_on(pipeline, shared)
    trainer, epochs = training.trainer(listener), training.spec.train.epochs
    progress = trainer.fit(
        pipeline,
        training.examples,
        training.sides[0],
        started=lambda epoch: listener(CellStarted(epoch, epochs)),
    )
    weights = {name: encoder.state_dict() for name, encoder in pipeline.encoders.items()}
    flat = {f"{name}.{place}": tensor for name, part in weights.items() for place, tensor in part.items()}
    if ranks.is_first():
        save_tensors(path, flat, {"history": json.dumps(progress.history)})
        trainer.clean_up()
        shutil.rmtree(training.folder, ignore_errors=True)
    ranks.wait()
    return StageResult(
        key, {n: {k: t.detach().cpu() for k, t in w.items()} for n, w in weights.items()}, progress.history
    )


def _read(path: Path, key: str) -> StageResult | None:
    """Return a kept result, or None where there is none that can be read."""
    weights: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                encoder, _, place = name.partition(".")
                weights.setdefault(encoder, {})[place] = file.get_tensor(name)
            return StageResult(key, weights, json.loads(file.metadata()["history"]))
    except (FileNotFoundError, SafetensorError):
        return None


def _key(training: Training, pipeline: Pipeline, before: list[str]) -> str:
    """Return a name for a stage's result, which changes with all that decides it.

    That is its spec, the code of its parts, fold and seed, what the encoders were before, and the utterances on both
    sides with what was prepared of them and their labels.
    """
    examples, (train, judged) = training.examples, training.sides
    spec = training.spec.model_dump(mode="json", include={"encoders", "fusion", "aux", "train"})
    sides = [[_utterance(training, index) for index in side] for side in (train, judged)]
    parts = [spec, _code(pipeline), training.seed_parts, before, list(examples.classes), sides]
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=20).hexdigest()


def _utterance(training: Training, index: int) -> list[object]:
    examples = training.examples
    utterance, keys = examples.utterances[index], examples.keys[index]
    shares = None if examples.shares is None or not training.spec.train.soft_labels else examples.shares[index]
    return [utterance.id, utterance.label, shares, [keys[name] for name in training.spec.encoders]]


def _code(pipeline: Pipeline) -> list[str]:
    """Return a digest of each file that a part of the pipeline, or a base of it in the same package, is written in."""
    parts: list[nn.Module] = [*pipeline.encoders.values(), pipeline.fusion, *pipeline.tasks.values()]
    files = sorted({inspect.getfile(base) for part in parts for base in type(part).__mro__ if _akin(base, part)})
    return [hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest() for file in files]


def _akin(base: type, part: nn.Module) -> bool:
    return base.__module__.partition(".")[0] == type(part).__module__.partition(".")[0]
