"""The batches of an epoch on their device; for a GPU the next one is read while it works."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from mer_core.data.examples import Examples, NotKeptError, collated, loader, mapped, to_device
from mer_core.pipeline import Pipeline
from mer_core.types import Batch


def on_device(
    pipeline: Pipeline,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    device: torch.device,
    *,
    ahead: bool | None = None,
) -> Generator[Batch, None, None]:
    """Yield the batches of these indices in this order, on a device. Close it where it is left early.

    Args:
        pipeline: whose encoders pad.
        examples: the prepared corpus.
        batches: indices into it.
        device: where the tensors go.
        ahead: whether a thread reads, pads and pins the next batch meanwhile; by default on a GPU only, since a CPU
            that trains has nothing to spare. The batches are the same.
    """
    if ahead if ahead is not None else device.type == "cuda":
        yield from _read_ahead(pipeline, examples, batches, device)
    else:
        for batch in loader(pipeline, examples, batches):
            yield to_device(batch, device)


def _read_ahead(
    pipeline: Pipeline, examples: Examples, batches: Sequence[Sequence[int]], device: torch.device
) -> Generator[Batch, None, None]:
    kept = iter(loader(pipeline, replace(examples, prepares=False), batches))

    def read() -> Batch | None:
        try:
            batch = next(kept)
        except NotKeptError:
            return None
        return mapped(batch, torch.Tensor.pin_memory) if device.type == "cuda" else batch

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming = thread.submit(read)
        for number, indices in enumerate(batches, start=1):
            batch = coming.result()
            if batch is None:
                # An encoder prepares here, while nobody trains it and nobody reads the store.
                batch = collated(pipeline, examples, indices)
            if number < len(batches):
                coming = thread.submit(read)
            yield to_device(batch, device)
