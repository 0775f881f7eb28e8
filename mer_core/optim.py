"""Optimiser and learning-rate schedule (reconstruction of section 3.2: AdamW; the schedule is ours)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from mer_core.pipeline import Pipeline
from mer_core.spec import TrainSpec


def make_optimizer(pipeline: Pipeline, spec: TrainSpec) -> torch.optim.AdamW:
    """Return fused AdamW with one rate for the encoders and one for everything else; no decay on vectors."""
    head_rate = spec.head_learning_rate or spec.learning_rate
    heads = [pipeline.fusion, pipeline.classifier, pipeline.tasks]
    groups = [
        *_groups([pipeline.encoders], spec.learning_rate, spec.weight_decay),
        *_groups(heads, head_rate, spec.weight_decay),
    ]
    return torch.optim.AdamW(groups, lr=spec.learning_rate, fused=True)


def _groups(modules: list[nn.Module], rate: float, decay: float) -> Iterator[dict[str, object]]:
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    for members, weight_decay in ((matrices, decay), (vectors, 0.0)):
        if members:
            yield {"params": members, "lr": rate, "weight_decay": weight_decay}


def make_schedule(optimizer: torch.optim.Optimizer, *, steps: int, warmup: float, done: int = 0) -> LambdaLR:
    """Return a linear rise over the share `warmup` of `steps`, then a linear fall to zero; `done` steps lie behind."""
    rise = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))

    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])  # a restored optimiser has it; its `lr` is that of the last step
    return LambdaLR(optimizer, factor, last_epoch=done - 1)
