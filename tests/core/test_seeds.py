import random

import numpy as np
import torch

from mer_core.seeds import derive_seed, seed_everything


def test_every_part_and_their_order_decide_the_seed():
    seeds = [
        derive_seed(*parts) for parts in [(1, "a"), (1, "b"), (2, "a"), ("a", 1), (1, "a", 0), ("1a",), ("1", "a")]
    ]
    assert seeds[0] == seeds[-1]
    assert len(set(seeds)) == len(seeds) - 1
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_in_every_process():
    assert derive_seed(1, "fold", 3) == 7212359006782522916


def test_all_global_sources_are_seeded():
    draws = []
    for parts in ((1,), (1,), (2,)):
        seed_everything(*parts)
        draws.append((float(torch.rand(())), float(np.random.rand()), random.random()))
    assert draws[0] == draws[1]
    assert all(a != b for a, b in zip(draws[0], draws[2], strict=True))
