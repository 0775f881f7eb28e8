"""SpecAugment (Park et al. 2019) as transformers' speech models have it: spans of time and of channels are masked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor


def spec_augment(
    model: Any, hidden_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]
) -> Float[Tensor, "B T D"]:
    """Mask spans. transformers refuses spans longer than the batch: then no time is masked."""
    too_short = mask_BT.shape[1] < model.config.mask_time_length
    no_time_BT = torch.zeros_like(mask_BT) if too_short else None
    with _numpy_seeded_by_torch():
        masked_BTD: Tensor = model._mask_hidden_states(hidden_BTD, mask_time_indices=no_time_BT, attention_mask=mask_BT)
    return masked_BTD


@contextmanager
def _numpy_seeded_by_torch() -> Iterator[None]:
    """Let torch's generator decide: transformers draws the spans from numpy's, which a resumed run does not restore."""
    state = np.random.get_state()
    np.random.seed(int(torch.randint(2**31 - 1, ())))
    try:
        yield
    finally:
        np.random.set_state(state)
