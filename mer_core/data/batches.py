"""Which utterances make up each batch of an epoch: near in length, every one once, in a reproducible order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL_BATCHES = 20
"""Batches that are sorted by length together; larger wastes less padding, smaller mixes more."""


def plan_epoch(indices: Sequence[int], lengths: Sequence[int], *, batch_size: int, seed: int) -> list[list[int]]:
    """Return the batches of one epoch.

    Args:
        indices: the utterances to use.
        lengths: frames of every utterance, by index.
        batch_size: utterances per batch; the remainder is spread, so that no batch is tiny.
        seed: decides the order.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(np.asarray(indices))
    num_batches = max(1, round(len(shuffled) / batch_size))
    pools = np.array_split(shuffled, max(1, round(num_batches / POOL_BATCHES)))
    batches: list[list[int]] = []
    for pool in pools:
        by_length = pool[np.argsort([lengths[i] for i in pool], kind="stable")]
        parts = np.array_split(by_length, max(1, round(len(pool) / batch_size)))
        batches += [part.tolist() for part in parts]
    return [batches[i] for i in rng.permutation(len(batches))]


def plan_scoring(indices: Sequence[int], lengths: Sequence[int], *, batch_size: int) -> list[list[int]]:
    """Return batches for scoring: sorted by length, the longest first so that memory is seen to suffice at once."""
    ordered = sorted(indices, key=lambda i: -lengths[i])
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
