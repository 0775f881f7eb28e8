"""Whether torch.export can trace a fusion."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from mer_core.testing.contracts.base import Reported
from mer_core.testing.contracts.tensors import Batch
from mer_core.types import Encoded


class _Flat(nn.Module):
    """A fusion with plain tensors as arguments: torch.export does not know Encoded."""

    def __init__(self, fusion: nn.Module, modalities: list[str]) -> None:
        super().__init__()
        self.fusion, self.modalities = fusion, modalities

    def forward(self, *tensors: Tensor) -> Tensor:
        pairs = zip(tensors[::2], tensors[1::2], strict=True)
        fused_BF: Tensor = self.fusion({m: Encoded(*pair) for m, pair in zip(self.modalities, pairs, strict=True)})
        return fused_BF


def trace(fusion: nn.Module, batch: Batch) -> str:
    """Return what was traced.

    Raises:
        Reported: it cannot be traced.
    """
    tensors = tuple(tensor for encoded in batch.values() for tensor in (encoded.x_BTD, encoded.mask_BT))
    logging.disable()  # torch logs the whole graph of what it cannot trace
    try:
        program = torch.export.export(_Flat(fusion, list(batch)), tensors)
    except Exception as error:  # torch has dozens of classes for what it cannot trace
        raise Reported(f"torch.export: {next(iter(str(error).strip().splitlines()), type(error).__name__)}") from None
    finally:
        logging.disable(logging.NOTSET)
    return f"torch.export: {len(program.graph.nodes)} operations"
