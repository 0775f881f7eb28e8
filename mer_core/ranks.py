"""Several processes that train one model together (`torchrun`): the first writes and tells, all compute.

Each encodes a part of every batch; the encodings are then gathered, so that fusion, auxiliary tasks and losses see the
whole batch everywhere, as one process would. Shape letters as in `mer_core.types`; W processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributed as dist
from torch.nn.functional import pad

from mer_core.types import Encoded, Inputs

Value = TypeVar("Value")


def asked_for() -> int:
    """Return W as torchrun says it, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def world() -> int:
    """Return W once the processes have found each other, 1 before that and alone."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Tell whether this process writes and tells."""
    return rank() == 0


def wait() -> None:
    """Wait until all processes are here."""
    if world() > 1:
        dist.barrier()


@contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process do something before the others do: they find it done."""
    if not is_first():
        wait()
    yield
    if is_first():
        wait()


def from_first(value: Value) -> Value:
    """Return what the first process has."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def mean(x: Tensor) -> Tensor:
    """Return the mean over the processes."""
    if world() > 1:
        dist.all_reduce(x)
        x = x / world()
    return x


def total(x: Tensor) -> Tensor:
    """Return the sum over the processes."""
    if world() > 1:
        dist.all_reduce(x)
    return x


def own_part(size: int, device: torch.device) -> Tensor:
    """Return the utterances of a batch that this process encodes: as many on each, if need be the last one again."""
    each = -(-size // world())
    return torch.arange(rank() * each, (rank() + 1) * each, device=device).clamp(max=size - 1)


def part_of(inputs: Inputs, index_A: Tensor) -> Inputs:
    """Return the inputs of some utterances of a batch."""
    return {name: tensor[index_A.to(tensor.device)] for name, tensor in inputs.items()}


def gather(encoded: Mapping[str, Encoded], size: int) -> dict[str, Encoded]:
    """Return the encodings of a whole batch of `size` from every process's `own_part`; gradients find their way."""
    return {modality: _gathered(one, size) for modality, one in encoded.items()}


def _gathered(part: Encoded, size: int) -> Encoded:
    longest = torch.tensor(part.mask_BT.shape[1], device=part.mask_BT.device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    more = int(longest) - part.mask_BT.shape[1]
    x_ATD, mask_AT = pad(part.x_BTD, (0, 0, 0, more)), pad(part.mask_BT.to(torch.uint8), (0, more))
    return Encoded(_whole(x_ATD)[:size], _whole(mask_AT)[:size].bool())


def _whole(x: Shaped[Tensor, "A ..."]) -> Shaped[Tensor, "B ..."]:
    return cast(Tensor, _Gather.apply(x))  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    """All processes' tensors behind each other; the gradient is the sum of theirs, each for its own part."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(world())]
        dist.all_gather(parts, x.contiguous())
        ctx.size = len(x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[rank() * ctx.size : (rank() + 1) * ctx.size]
