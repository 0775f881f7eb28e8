"""From the processor's memory to a device, without either waiting for the other."""

from __future__ import annotations

import torch
from torch import Tensor


def send(x: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; to a GPU it goes through pinned memory, from which a copy needs no waiting.

    What a step draws or reckons on the CPU goes this way: `x.to(device)` would wait until the GPU has done all that was
    asked of it before.
    """
    pinned = x.pin_memory() if device.type == "cuda" and x.device.type == "cpu" else x
    return pinned.to(device, non_blocking=True)
