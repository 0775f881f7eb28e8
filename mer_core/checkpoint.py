"""Everything a cut-off training needs to go on, in one safetensors file: no pickle, renamed into place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from mer_core.errors import RunError
from mer_core.tensors import save_tensors

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
"""Names of the files that a training keeps while it goes on."""
_MODEL, _STATE = "model.", "optimizer."


def remove_checkpoints(folder: Path) -> None:
    """Remove what only a training that goes on needs."""
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)


def save_weights(path: Path, module: nn.Module) -> None:
    """Write a module's parameters and buffers."""
    save_tensors(path, module.state_dict())


def load_weights(path: Path, module: nn.Module) -> None:
    """Read what `save_weights` wrote into a module of the same make.

    Raises:
        RunError: the file is missing, damaged, or of another model.
    """
    try:
        module.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise RunError(
            f"{path} is missing", hint="The run has no trained weights; go on with mer run --resume."
        ) from None
    except (SafetensorError, RuntimeError) as cause:
        raise RunError(f"{path} does not fit this pipeline: {cause}", hint="Train again with --force.") from cause


def save_checkpoint(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, progress: dict[str, Any]) -> None:
    """Write model, optimiser state and progress (plain JSON values) as one file."""
    state = optimizer.state_dict()
    tensors = {_MODEL + name: tensor for name, tensor in module.state_dict().items()}
    for number, slots in state["state"].items():
        tensors |= {f"{_STATE}{number}.{slot}": torch.as_tensor(value) for slot, value in slots.items()}
    save_tensors(path, tensors, {"progress": json.dumps(progress), "groups": json.dumps(state["param_groups"])})


def load_checkpoint(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore what `save_checkpoint` wrote and return its progress, or None where there is no usable file."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata: dict[str, str] = file.metadata()
    except (FileNotFoundError, SafetensorError):
        return None
    module.load_state_dict({n.removeprefix(_MODEL): t for n, t in tensors.items() if n.startswith(_MODEL)})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(_STATE):
            number, _, slot = name.removeprefix(_STATE).partition(".")
            state.setdefault(int(number), {})[slot] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": json.loads(metadata["groups"])})
    progress: dict[str, Any] = json.loads(metadata["progress"])
    return progress
