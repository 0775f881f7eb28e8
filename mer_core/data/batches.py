"""Which utterances make up each batch of an epoch: near in length, every one once, in a reproducible order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

JITTER = 0.05
"""By how much of itself a length is moved, up or down, before sorting; larger mixes more, and wastes more padding.

Speech of log-normal lengths (median 3.58 s, sigma 0.69: IEMOCAP's) is padded by 6 % at 16 utterances per batch.
"""


def plan_epoch(
    indices: Sequence[int],
    lengths: Sequence[int],
    *,
    batch_size: int,
    batch_frames: int | None = None,
    seed: int,
) -> list[list[int]]:
    """Return the batches of one epoch.

    Args:
        indices: the utterances to use, at least one.
        lengths: frames of every utterance, by index.
        batch_size: utterances per batch at most; the remainder is spread, so that no batch is tiny.
        batch_frames: where given, as many utterances make a batch as have this many frames with their padding, in place
            of `batch_size`; a longer utterance is a batch alone.
        seed: decides the order.
    """
    rng = np.random.default_rng(seed)
    everyone = np.asarray(indices)
    log_lengths = np.log([max(1, lengths[i]) for i in indices])
    by_length = everyone[np.argsort(log_lengths + rng.uniform(-JITTER, JITTER, len(everyone)), kind="stable")]
    if batch_frames is None:
        batches = np.array_split(by_length, math.ceil(len(by_length) / batch_size))
    else:
        batches = np.split(by_length, _cuts([lengths[i] for i in by_length], batch_frames))
    return [batches[i].tolist() for i in rng.permutation(len(batches))]


def _cuts(lengths: Sequence[int], batch_frames: int) -> list[int]:
    """Return where batches begin, all but the first, so that each is as large as the budget lets it be."""
    cuts, start, longest = [], 0, 0
    for place, length in enumerate(lengths):
        longest = max(longest, length)
        if place > start and longest * (place - start + 1) > batch_frames:
            cuts.append(place)
            start, longest = place, length
    return cuts


def padding(batches: Iterable[Sequence[int]], frames: Sequence[Mapping[str, int]]) -> float:
    """Return the frames that are padding, as a share of the real ones.

    Args:
        batches: indices of utterances.
        frames: of each modality, for every utterance.
    """
    padded = real = 0
    for batch in batches:
        for modality in frames[batch[0]]:
            counts = [frames[i][modality] for i in batch]
            padded += len(counts) * max(counts)
            real += sum(counts)
    return padded / real - 1 if real else 0.0


def plan_scoring(indices: Sequence[int], lengths: Sequence[int], *, batch_size: int) -> list[list[int]]:
    """Return batches for scoring: sorted by length, the longest first so that memory is seen to suffice at once."""
    ordered = sorted(indices, key=lambda i: -lengths[i])
    return [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
