"""Which utterances make up each batch of an epoch: near in length, every one once, in a reproducible order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

JITTER = 0.05
"""By how much of itself a length is moved, up or down, before sorting; larger mixes more, and wastes more padding.

Speech of log-normal lengths (median 3.58 s, sigma 0.69: IEMOCAP's) wastes 6 % at 16 utterances per batch.
"""


def plan_epoch(indices: Sequence[int], lengths: Sequence[int], *, batch_size: int, seed: int) -> list[list[int]]:
    """Return the batches of one epoch.

    Args:
        indices: the utterances to use, at least one.
        lengths: frames of every utterance, by index.
        batch_size: utterances per batch at most; the remainder is spread, so that no batch is tiny.
        seed: decides the order.
    """
    rng = np.random.default_rng(seed)
    everyone = np.asarray(indices)
    log_lengths = np.log([max(1, lengths[i]) for i in indices])
    by_length = everyone[np.argsort(log_lengths + rng.uniform(-JITTER, JITTER, len(everyone)), kind="stable")]
    batches = np.array_split(by_length, math.ceil(len(by_length) / batch_size))
    return [batches[i].tolist() for i in rng.permutation(len(batches))]


def plan_scoring(indices: Sequence[int], lengths: Sequence[int], *, batch_size: int) -> list[list[int]]:
    """Return batches for scoring: sorted by length, the longest first so that memory is seen to suffice at once."""
    ordered = sorted(indices, key=lambda i: -lengths[i])
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
