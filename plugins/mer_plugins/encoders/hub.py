"""Where a checkpoint is: shipped with the package, a local directory, or the Hugging Face hub and its cache."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import (
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from mer_core.errors import SpecError, suggest
from mer_plugins.encoders.untrained import PREFIX, untrained

EMBEDDED = "embedded:"
SAFETENSORS = ("model*.safetensors", "model.safetensors.index.json")
TORCH_BIN = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "special_tokens_map.json",
    "added_tokens.json",
)


def resolve(checkpoint: str, *, modality: str, family: str) -> Path:
    """Return the local directory of a checkpoint, fetched from the hub where need be.

    Args:
        checkpoint: `embedded:NAME`, `random:SIZE`, a directory, or a hub name. A directory wins over a hub name, as in
            transformers. What the hub's cache already holds is used as it is; the network is not asked for a newer one.
        modality: the encoder's key in the registry file, for the error messages.
        family: the model family of a checkpoint with random weights.

    Raises:
        SpecError: there is no such checkpoint, or it is not cached and the hub cannot be reached.
    """
    if checkpoint.startswith(EMBEDDED):
        return _embedded(checkpoint.removeprefix(EMBEDDED), modality)
    if checkpoint.startswith(PREFIX):
        return untrained(checkpoint.removeprefix(PREFIX), family, modality=modality)
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        return path.resolve()
    if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1 or path.is_file():
        raise SpecError(
            f'encoders.{modality}.checkpoint: there is no directory "{checkpoint}"',
            hint="Give a directory that holds config.json and the weights, or the name of a model on the hub.",
        )
    return _cached(checkpoint) or _fetched(checkpoint, modality)


def digest(directory: Path) -> str:
    """Return a SHA-256 of the names and contents of a checkpoint's files: settings, tokenizer, weights."""
    found = hashlib.sha256()
    for path in [directory / name for name in SETTINGS] + weights(directory):
        if path.is_file():
            status = path.stat()
            found.update(f"{path.name} {_file_digest(path, status.st_size, status.st_mtime_ns)}\n".encode())
    return found.hexdigest()


def weights(directory: Path) -> list[Path]:
    """Return the weight files that would be loaded: safetensors where there are any, else torch's."""
    for patterns in (SAFETENSORS, TORCH_BIN):
        if paths := sorted(path for pattern in patterns for path in directory.glob(pattern)):
            return paths
    return []


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _embedded(name: str, modality: str) -> Path:
    root = Path(str(files("mer_plugins"))) / "checkpoints"
    known = sorted(path.name for path in root.glob("*") if path.is_dir())
    if name not in known:
        raise SpecError(
            f'encoders.{modality}.checkpoint: "{EMBEDDED}{name}" does not ship with the package{suggest(name, known)}',
            hint=f"Embedded checkpoints: {', '.join(known) or 'none'}.",
        )
    return root / name


def _cached(name: str) -> Path | None:
    """Return the snapshot in the hub's cache, or None where there is none, or only part of one."""
    try:
        return _complete(name, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _fetched(name: str, modality: str) -> Path:
    try:
        return _complete(name, local_files_only=False)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise SpecError(
            f'encoders.{modality}.checkpoint: "{name}" is neither a directory nor a model of the hub you may read',
            hint="Check the spelling; for a private or gated model run once: hf auth login",
        ) from error
    except Exception as error:  # the hub's HTTP client is free to raise its own classes; the remedy is the same
        reason = "" if isinstance(error, LocalEntryNotFoundError) else f": {error}"
        raise SpecError(
            f'encoders.{modality}.checkpoint: "{name}" is not on this machine and could not be fetched from the hub'
            f"{reason}",
            hint=f"Run once with network access: hf download {name}\n"
            f"Or give a local directory: --set encoders.{modality}.checkpoint=DIR",
        ) from error


def _complete(name: str, *, local_files_only: bool) -> Path:
    """Return a snapshot with weights: torch's are asked for only where there are no safetensors."""
    for patterns in (SAFETENSORS, TORCH_BIN):
        try:
            path = _snapshot(name, patterns, local_files_only=local_files_only)
        except LocalEntryNotFoundError:
            if local_files_only:
                continue
            raise
        if (path / "config.json").is_file() and weights(path):
            return path
    raise LocalEntryNotFoundError(f"{name} holds no config.json with weights")


def _snapshot(name: str, patterns: tuple[str, ...], *, local_files_only: bool) -> Path:
    wanted = [*SETTINGS, *patterns]
    return Path(huggingface_hub.snapshot_download(name, allow_patterns=wanted, local_files_only=local_files_only))
