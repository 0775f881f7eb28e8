"""A batch without padding: the real frames of all utterances in one row, each utterance attending to itself alone.

Letters: B utterances, T the longest one's frames, N the real frames of all, D width, H heads, E width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mer_plugins.encoders.dropout import dropout as cheap_dropout

ATTENTION = "mer"
"""The name of `attend` in transformers' registry of attention functions."""
MIN_DIM = 256
"""Width from which a CPU encodes batches without padding, and draws its dropout by `dropout` (ours)."""


def pack(x_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "1 N D"]:
    """Return the real frames, utterance after utterance."""
    return x_BTD[mask_BT][None]


def unpack(x_1ND: Float[Tensor, "1 N D"], mask_BT: Bool[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """Return the frames in their places, padding zero."""
    x_BTD = x_1ND.new_zeros(*mask_BT.shape, x_1ND.shape[-1])
    return x_BTD.index_put((mask_BT,), x_1ND[0])


def attend(
    module: nn.Module,
    query: Float[Tensor, "B H N E"],
    key: Float[Tensor, "B H N E"],
    value: Float[Tensor, "B H N E"],
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    lengths: Sequence[int] | None = None,
    **options: Any,
) -> tuple[Float[Tensor, "B N H E"], None]:
    """Return scaled-dot-product attention as transformers asks for it; with `lengths` (frames of each utterance) the
    one row is a packed batch.
    """
    if lengths is None:
        made: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return made
    parts = [torch.split(x_1HNE[0], list(lengths), dim=1) for x_1HNE in (query, key, value)]
    attended = [_attend_one(q, k, v, dropout, scaling).transpose(0, 1) for q, k, v in zip(*parts, strict=True)]
    return torch.cat(attended)[None], None


def _attend_one(
    query_HTE: Float[Tensor, "H T E"],
    key_HTE: Float[Tensor, "H T E"],
    value_HTE: Float[Tensor, "H T E"],
    dropout: float,
    scaling: float | None,
) -> Float[Tensor, "H T E"]:
    """Attend within one utterance. With dropout torch has no fused kernel on a CPU, and its substitute is slow."""
    if dropout == 0.0:
        one = functional.scaled_dot_product_attention(query_HTE[None], key_HTE[None], value_HTE[None], scale=scaling)
        return one[0]
    scale = scaling if scaling is not None else query_HTE.shape[-1] ** -0.5
    weight_HTT = (query_HTE * scale).bmm(key_HTE.transpose(1, 2)).softmax(-1)
    return cheap_dropout(weight_HTT, dropout).bmm(value_HTE)


def mask(*, device: torch.device, allow_is_bidirectional_skip: bool = False, **options: Any) -> Tensor | None:
    """Return the attention mask as transformers asks for it: for batches of one length none, but on a GPU always one.

    Whether a batch has padding is known to the GPU alone, and to ask would make every step wait for it.
    """
    may_skip = allow_is_bidirectional_skip and device.type == "cpu"
    made: Tensor | None = sdpa_mask(device=device, allow_is_bidirectional_skip=may_skip, **options)
    return made


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, mask)
