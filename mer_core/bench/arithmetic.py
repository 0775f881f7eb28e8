"""Arithmetic: how many floating-point operations a piece of work has, and how many a second its machine can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import flop_counter as _flop_counter

from mer_core.choices import Precision

flop_counter: Any = _flop_counter  # part of it is untyped
DATA_SHEET = {"H200": 989.4e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989.4e12, "A100": 312e12}
"""FLOP/s in bfloat16 or float16 without sparsity by what a GPU's name contains (its maker's data sheet); the first
that fits counts."""
MEASURED_S = 2.0
SIZES = {"cpu": 2048, "cuda": 8192}
"""Rows of the square matrices that a peak is measured with (ours)."""


def utilisation(work: Callable[[], None], seconds: float, device: torch.device, precision: Precision) -> dict[str, Any]:
    """Return what `mer bench` stores of the arithmetic of work that took `seconds`: it is done once more, counted.

    Args:
        work: what was timed.
        seconds: how long it took.
        device: where it was done.
        precision: of its matrix products.

    Returns:
        `flops` as `count` gives them, `peak_flops` a second as `peak` does, and `utilisation`, the share of the peak.
    """
    flops, most = count(work), peak(device, precision)
    return {"flops": flops, "peak_flops": most, "utilisation": flops / seconds / most}


def count(work: Callable[[], None]) -> int:
    """Return the operations of matrix products, convolutions and attention, two for each multiplication and addition.

    Padding counts where it is computed with. What goes element by element (activations, norms, softmax, dropout, the
    optimiser) does not count, nor do recurrent layers.
    """
    aten = torch.ops.aten
    # torch's own table has attention's kernels on a GPU only.
    on_cpu = {
        aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    }
    with flop_counter.FlopCounterMode(display=False, custom_mapping=on_cpu) as counter:
        work()
    return int(counter.get_total_flops())


def peak(device: torch.device, precision: Precision) -> float:
    """Return the FLOP/s that a device can do: from `DATA_SHEET` where it is there, else of its best matrix product."""
    if device.type == "cuda" and precision != "float32":
        name = torch.cuda.get_device_name(device)
        known = next((flops for part, flops in DATA_SHEET.items() if part in name), None)
        if known is not None:
            return known
    return _measured(device, getattr(torch, precision))


def _measured(device: torch.device, dtype: torch.dtype) -> float:
    size = SIZES["cuda" if device.type == "cuda" else "cpu"]
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    taken_s: list[float] = []
    ends_s = time.perf_counter() + MEASURED_S
    while len(taken_s) < 2 or time.perf_counter() < ends_s:  # the first one warms up
        taken_s.append(_seconds(a, b))
    return 2 * size**3 / min(taken_s)


def _seconds(a: Tensor, b: Tensor) -> float:
    started_s = time.perf_counter()
    a @ b
    if a.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_s


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(flop_counter.sdpa_flop_count(query, key, value))  # shapes: the counter hands these over


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(flop_counter.sdpa_backward_flop_count(gradient, query, key, value))
