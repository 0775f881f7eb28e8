"""Where a step's time goes: marks at the borders of a pipeline's parts, forward and backward."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mer_core.pipeline import Pipeline
from mer_core.types import Encoded

LOADING, FUSION, TASKS, OPTIMISER = "loading and bookkeeping", "fusion", "auxiliary tasks", "optimiser"
BACK = "fusion and tasks, backward"


class Stopwatch:
    """Gives the time since the last mark to a part.

    The backward pass goes through fusion and tasks together, then through the encoders in reverse order; it comes to
    an encoder when the gradient of its frames is complete.

    Args:
        device: where the work is done; a GPU is waited for at every mark.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.start()
        self._backward = BACK
        self._in_task = False

    def start(self) -> None:
        """Forget what was measured."""
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """Give the time since the last mark to `part`."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self._last = now

    @property
    def shares(self) -> Mapping[str, float]:
        """Each part's share of the whole, the largest first."""
        whole = sum(self.seconds.values())
        return {part: s / whole for part, s in sorted(self.seconds.items(), key=lambda item: -item[1])}

    def watch(self, pipeline: Pipeline) -> None:
        """Mark where the parts of a pipeline begin and end."""
        for modality, encoder in pipeline.encoders.items():
            encoder.register_forward_pre_hook(lambda *_: self.mark(LOADING))
            encoder.register_forward_hook(self._after_encoder(f"{modality} encoder"))
        for task in pipeline.tasks.values():
            task.register_forward_pre_hook(lambda *_: self._task(True))
            task.register_forward_hook(lambda *_: self._task(False))
        pipeline.fusion.register_forward_pre_hook(lambda *_: self.mark(TASKS if self._in_task else LOADING))
        pipeline.fusion.register_forward_hook(lambda *_: self.mark(TASKS if self._in_task else FUSION))

    def backward(self, run: Callable[..., None]) -> Callable[..., None]:
        """Return `run`, the backward pass, with marks around it."""

        def marked(*args: Any, **kwargs: Any) -> None:
            self.mark(LOADING)
            self._backward = BACK
            run(*args, **kwargs)
            self.mark(self._backward)

        return marked

    def optimiser(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run`, a part of the optimiser's step, with marks around it."""

        def marked(*args: Any, **kwargs: Any) -> Any:
            self.mark(LOADING)
            result = run(*args, **kwargs)
            self.mark(OPTIMISER)
            return result

        return marked

    def _task(self, begins: bool) -> None:
        self.mark(LOADING if begins else TASKS)
        self._in_task = begins

    def _after_encoder(self, part: str) -> Callable[[nn.Module, Any, Encoded], None]:
        def reached(gradient: Tensor) -> None:
            self.mark(self._backward)
            self._backward = part

        def after(module: nn.Module, inputs: Any, encoded: Encoded) -> None:
            self.mark(part)
            if encoded.x_BTD.requires_grad:
                gradient_of: Any = encoded.x_BTD  # its `register_hook` is untyped
                gradient_of.register_hook(reached)

        return after
