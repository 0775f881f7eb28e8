"""What the encoders share: the checkpoint's place, the chosen layer, and parts that stay frozen."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mer_core.errors import SpecError
from mer_plugins.encoders import hub, packed

Freeze = Literal["frontend", "all", "none"]


class PretrainedEncoder(nn.Module):
    """Base of the encoders that are a transformers model: it loads nothing itself."""

    modality: str
    family: ClassVar[str]
    """Of a checkpoint with random weights, which `random:SIZE` asks for."""
    output_dim: int
    VERSION: ClassVar[int] = 1
    """Raised when the result of `prepare` changes for the same checkpoint and options."""

    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        self.directory = hub.resolve(checkpoint, modality=self.modality, family=self.family)
        self._frozen: list[nn.Module] = []

    def train(self, mode: bool = True) -> PretrainedEncoder:
        """Switch to training; frozen parts stay in evaluation mode, so that their dropout stays off."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def packs(self, inputs: Tensor) -> bool:
        """Tell whether a batch is encoded without padding: what a wide model saves is more than the bookkeeping costs.

        A GPU has fused kernels for padded batches, and would wait for a launch per utterance.
        """
        return inputs.device.type == "cpu" and self.output_dim >= packed.MIN_DIM

    def freeze(self, part: nn.Module) -> None:
        """Keep a part as it is in the checkpoint: no gradient, no dropout."""
        part.requires_grad_(False)
        part.eval()
        self._frozen.append(part)

    def depth_of(self, layer: int, num_layers: int) -> int:
        """Return how many blocks the hidden state `layer` is above the front end.

        Raises:
            SpecError: the checkpoint has no such hidden state.
        """
        depth = layer if layer >= 0 else num_layers + 1 + layer
        if not 0 <= depth <= num_layers:
            raise SpecError(
                f"encoders.{self.modality}.layer: {layer} is not a hidden state of {self.checkpoint}, "
                f"which has {num_layers} layers",
                hint=f"Choose 0 (the front end) to {num_layers} (the last), or count from the end: -1 is the last.",
            )
        return depth

    def key(self, **options: Any) -> str:
        """Return a text made of the class, its version, the options that `prepare` reads and the files' content."""
        parts = {"encoder": type(self).__name__, "version": self.VERSION, "files": hub.digest(self.directory)}
        return json.dumps(parts | options, sort_keys=True)


def full_float32() -> AbstractContextManager[None]:
    """Run cuDNN's convolutions in float32 and repeatably: a cached result must not depend on the card it came from."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
