"""Named tensors as one safetensors file: no pickle, renamed into place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from mer_core.files import written_aside


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors, all or nothing.

    Raises:
        RunError: the disk is full, or the folder cannot be written to.
    """
    # A clone where two names share memory: safetensors refuses aliases.
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with written_aside(path) as aside:
        aside.touch()
        mode = aside.stat().st_mode  # as the user's files are: safetensors lets nobody else read
        try:
            save_file(copies, aside, metadata)
            aside.chmod(mode)
        except SafetensorError as cause:  # how safetensors tells of a full disk
            raise OSError(str(cause)) from cause
