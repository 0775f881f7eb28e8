"""What produced a run: versions, where each part comes from, and a fingerprint of the corpus."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mer_core.data.audio import audio_digest
from mer_core.data.folds import Fold
from mer_core.errors import DataError
from mer_core.manager import PluginManager
from mer_core.plugin import Kind
from mer_core.spec import PipelineSpec
from mer_core.types import Utterance

PACKAGES = ("mer-core", "torch", "torchaudio", "transformers", "accelerate", "numpy", "scikit-learn", "soundfile")


def provenance(spec: PipelineSpec, manager: PluginManager) -> dict[str, Any]:
    """Return package versions, machine and the distribution (or file) of each part of the pipeline."""
    return {
        "packages": package_versions(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": platform.machine(),
        "plugins": plugin_origins(spec, manager),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that figures depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def plugin_origins(spec: PipelineSpec, manager: PluginManager) -> dict[str, str]:
    """Return for each part, by its place in the spec, the name of its plugin and where that comes from."""
    return {path: f"{name} ({manager.get(kind, name).origin})" for path, (kind, name) in _parts(spec).items()}


def plugin_modules(spec: PipelineSpec, manager: PluginManager) -> list[str]:
    """Return the modules that the parts of a pipeline are in."""
    return sorted({manager.get(kind, name).plugin.target.partition(":")[0] for kind, name in _parts(spec).values()})


def _parts(spec: PipelineSpec) -> dict[str, tuple[Kind, str]]:
    """Return the kind and name of each part, by its place in the spec."""
    parts: dict[str, tuple[Kind, str]] = {f"encoders.{m}": ("encoder", p.use) for m, p in spec.encoders.items()}
    parts["fusion"] = ("fusion", spec.fusion.use)
    parts |= {f"aux.{task.use}": ("aux", task.use) for task in spec.aux}
    for number, stage in enumerate(spec.stages):
        parts[f"stages.{number}.fusion"] = ("fusion", stage.fusion.use)
        parts |= {f"stages.{number}.aux.{task.use}": ("aux", task.use) for task in stage.aux}
    parts |= {f"evaluators.{part.use}": ("evaluator", part.use) for part in spec.evaluators}
    if spec.data is not None:
        parts["data"] = ("corpus", spec.data.use)
    return parts


def corpus_fingerprint(utterances: Sequence[Utterance]) -> str:
    """Return a hash of every utterance: id, words, label, speaker, session, and the content of its audio."""
    digest = hashlib.blake2b(digest_size=16)
    for u in utterances:
        row = [u.id, u.text, u.label, u.speaker, u.session, _audio(u), sorted(u.fields.items())]
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def folds_hash(folds: Sequence[Fold], utterances: Sequence[Utterance]) -> str:
    """Return a hash of the exact utterance ids on both sides of every fold."""
    sides: Mapping[str, object] = {
        fold.name: [[utterances[i].id for i in fold.train], [utterances[i].id for i in fold.test]] for fold in folds
    }
    return hashlib.blake2b(json.dumps(sides, sort_keys=True).encode(), digest_size=16).hexdigest()


def _audio(utterance: Utterance) -> str:
    span = utterance.audio
    if span is None:
        return ""
    try:
        return f"{audio_digest(span.path)} {span.start_s} {span.end_s}"
    except (DataError, OSError):
        return "unreadable"
