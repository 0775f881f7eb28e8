"""The transformer blocks of wav2vec 2.0 and HuBERT on a batch without padding."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mer_plugins.encoders.packed import pack, unpack
from mer_plugins.encoders.positions import grouped_conv


def packed_blocks(
    model: Any, hidden_BTD: Float[Tensor, "B T D"], mask_BT: Bool[Tensor, "B T"]
) -> Float[Tensor, "B T D"]:
    """Do what `model.encoder` does, without padding and with the positional convolution by frequencies."""
    encoder, config = model.encoder, model.config
    hidden_BTD = hidden_BTD.masked_fill(~mask_BT[..., None], 0.0)
    convolved_BTD = grouped_conv(hidden_BTD, encoder.pos_conv_embed.conv.weight, encoder.pos_conv_embed.conv.bias)
    x_1ND = pack(hidden_BTD + encoder.pos_conv_embed.activation(convolved_BTD), mask_BT)
    stable = config.do_stable_layer_norm  # the norm then follows the last block
    x_1ND = encoder.dropout(x_1ND if stable else encoder.layer_norm(x_1ND))
    lengths = mask_BT.sum(1).tolist()
    for layer in encoder.layers:
        if not (encoder.training and torch.rand(()) < config.layerdrop):
            x_1ND = layer(x_1ND, lengths=lengths)
    return unpack(encoder.layer_norm(x_1ND) if stable else x_1ND, mask_BT)
