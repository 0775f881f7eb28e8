"""Where a run computes, and in what precision."""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs

from mer_core.choices import Precision
from mer_core.errors import SpecError
from mer_core.spec import PipelineSpec

_MIXED = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def make_accelerator(device: str, spec: PipelineSpec) -> Accelerator:
    """Return Accelerate's view of the device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        SpecError: the device is not there, or cannot compute in the precision asked for.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device != "auto" and not available.get(device, False):
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise SpecError(f'device "{device}" is not available here. Available: {there}.', hint="Or say --device auto.")
    on_cpu = device == "cpu" or not (available["cuda"] or available["mps"])
    if on_cpu and spec.train.precision == "float16":
        raise SpecError("train.precision: float16 needs a GPU", hint="Use --precision bfloat16 or float32.")
    # Accelerate keeps the first device and precision of a process, and ignores or refuses another.
    AcceleratorState._reset_state(reset_partial_state=True)
    patient = InitProcessGroupKwargs(timeout=timedelta(days=1))  # others wait while the first process prepares
    return Accelerator(cpu=on_cpu, mixed_precision=_MIXED[arithmetic(spec, on_cpu=on_cpu)], kwargs_handlers=[patient])


def arithmetic(spec: PipelineSpec, *, on_cpu: bool) -> Precision:
    """Return the precision that is computed in: float32 for bfloat16 on a processor that could only imitate it.

    Imitated, its matrix products took six times as long as float32's (two cores without AVX-512, measured), and are
    less exact.
    """
    asked = spec.train.precision
    imitated = on_cpu and asked == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "float32" if imitated else asked
