"""Stores how much the training peer pads by the size of its corpus: `python benchmarks/peer_groups.py`.

The `tuned` style has the sampler of transformers, which sorts by length within groups of at most a quarter of the
corpus and 50 batches. In a small corpus it hardly sorts, so it pads much more than it would in IEMOCAP; a ratio taken
there flatters whoever pads nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from figures import store
from transformers.trainer_pt_utils import get_length_grouped_indices

from mer_plugins.corpora.noise import durations_s

SIZES = (32, 64, 256, 1024, 5531)
BATCH_SIZE = 8
DRAWS = 20


def main() -> None:
    """Store the mean over some draws of lengths and orders for each size."""
    store("peer-groups", {"batch_size": BATCH_SIZE, "draws": DRAWS, "padded": {str(n): padded(n) for n in SIZES}})


def padded(utterances: int) -> float:
    """Return padded over real frames in the peer's batches."""
    found = []
    for seed in range(DRAWS):
        lengths = durations_s(utterances, np.random.default_rng(seed))
        order = get_length_grouped_indices(lengths.tolist(), BATCH_SIZE, generator=torch.Generator().manual_seed(seed))
        batches = [lengths[order[start : start + BATCH_SIZE]] for start in range(0, utterances, BATCH_SIZE)]
        found.append(sum(len(batch) * batch.max() for batch in batches) / lengths.sum())
    return round(float(np.mean(found)), 3)


if __name__ == "__main__":
    main()
