"""Seeds of every part of a run, derived by name, so that no part's draws depend on what another part drew."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def derive_seed(*parts: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every part and on their order."""
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_everything(*parts: int | str) -> None:
    """Seed the global sources of torch, numpy and python: dropout and SpecAugment draw from them."""
    seed = derive_seed(*parts)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # transformers' SpecAugment draws from this source
    random.seed(seed)
