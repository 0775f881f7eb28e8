"""What several fusions are made of: embeddings of pooled modalities, positions, transformer blocks, masked pooling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mer_core.errors import SpecError
from mer_core.types import Encoded


def require_two(name: str, input_dims: Mapping[str, int]) -> None:
    """Refuse a pipeline with one modality, where there is nothing to fuse.

    Raises:
        SpecError: there are fewer than two modalities.
    """
    if len(input_dims) < 2:
        raise SpecError(
            f"{name} fuses two modalities or more, and this pipeline has {len(input_dims)} ({', '.join(input_dims)})",
            hint="Use --fusion fc, or add a modality.",
        )


def require_divisor(heads: int, width: int, *, key: str, of: str) -> None:
    """Refuse attention heads that do not divide the width they share.

    Raises:
        SpecError: they do not.
    """
    if width % heads:
        raise SpecError(f"fusion.{key}: must divide {of}, {width}; got {heads}")


def is_of(key: str, modality: str) -> bool:
    """Tell whether an encoder's key is of a modality: `text-dialog` is of `text`."""
    return key.partition("-")[0] == modality


def embedding_network(input_dim: int, dim: int, *, layers: int, dropout: float) -> nn.Sequential:
    """Return dropout, then linear layers with ReLU: the modality embedding of `tfn` and `lmf`."""
    widths = [input_dim, *([dim] * layers)]
    steps = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(nn.Dropout(dropout), *(module for step in steps for module in step))


def with_one(z_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D+1"]:
    """Return [z; 1]: with the one, a product over modalities holds every product over fewer of them too."""
    return torch.cat([z_BD, z_BD.new_ones(len(z_BD), 1)], dim=-1)


def positions(x_BTD: Float[Tensor, "B T D"]) -> Float[Tensor, "T D"]:
    """Return sines and cosines of the frame's number, wavelengths 2 pi to 20,000 pi (Vaswani 2017, section 3.5)."""
    _, num_frames, dim = x_BTD.shape
    place_T1 = torch.arange(num_frames, device=x_BTD.device, dtype=torch.float32)[:, None]
    even_H = torch.arange(0, dim, 2, device=x_BTD.device, dtype=torch.float32)
    angle_TH = place_T1 * 10_000.0 ** (-even_H / dim)
    return torch.stack([angle_TH.sin(), angle_TH.cos()], dim=-1).flatten(1)[:, :dim].to(x_BTD.dtype)


def without_padding(encoded: Encoded) -> Float[Tensor, "B T D"]:
    """Return the frames with zeros where they are padding: what a convolution or a recurrence may run over."""
    return encoded.x_BTD.masked_fill(~encoded.mask_BT.unsqueeze(-1), 0.0)


def last_frame(encoded: Encoded) -> Float[Tensor, "B D"]:
    """Return the last real frame of each utterance; the first frame where none is real."""
    place_T = torch.arange(encoded.mask_BT.shape[1], device=encoded.mask_BT.device)
    last_B = (encoded.mask_BT * place_T).argmax(1)
    return encoded.x_BTD.gather(1, last_B[:, None, None].expand(-1, 1, encoded.x_BTD.shape[-1])).squeeze(1)


def sequence_vector(encoded: Encoded, key: str, first: Collection[str]) -> Float[Tensor, "B D"]:
    """Return what stands for the whole sequence: the first frame of the modalities in `first`, the mean of others."""
    if not any(is_of(key, modality) for modality in first):
        return encoded.mean_BD()
    return without_padding(encoded)[:, 0]


def max_frame(encoded: Encoded) -> Float[Tensor, "B D"]:
    """Return the maximum over the real frames of each channel; zero where no frame is real."""
    x_BD = encoded.x_BTD.masked_fill(~encoded.mask_BT.unsqueeze(-1), -torch.inf).amax(1)
    return x_BD.masked_fill(~encoded.mask_BT.any(1, keepdim=True), 0.0)


def mixture(log_w_M: Float[Tensor, " M"], log_p_MBC: Float[Tensor, "M B C"]) -> Float[Tensor, "B C"]:
    """Return the log-probabilities of M posteriors mixed with weights that sum to 1."""
    return (log_w_M[:, None, None] + log_p_MBC).logsumexp(0)


class AttentionBlock(nn.Module):
    """A pre-norm transformer block, attending to its own frames or to other keys.

        y = x + MHA(Q = LN(x), K = V = LN'(k)),   result = y + W_2 f(W_1 LN(y))

    Without keys k = x and LN' = LN. Dropout acts on the attention weights, on the hidden units and before both sums.

    Args:
        dim: width of x.
        heads: attention heads; must divide `dim`.
        activation: f.
        dropout: rate of all four.
        key_dim: width of the keys; None for self-attention.
        expansion: hidden units of the second part over `dim`.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        activation: type[nn.Module],
        dropout: float,
        key_dim: int | None = None,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.key_norm = None if key_dim is None else nn.LayerNorm(key_dim)
        self.attend = nn.MultiheadAttention(dim, heads, dropout=dropout, kdim=key_dim, vdim=key_dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        hidden = nn.Sequential(nn.Linear(dim, expansion * dim), activation(), nn.Dropout(dropout))
        self.ffn = nn.Sequential(nn.LayerNorm(dim), *hidden, nn.Linear(expansion * dim, dim), nn.Dropout(dropout))

    def forward(
        self,
        x_BTD: Float[Tensor, "B T D"],
        mask_BS: Bool[Tensor, "B S"] | None = None,
        keys_BSE: Float[Tensor, "B S E"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Return x after the block; `mask_BS` says which keys are real, all of them where it is not given."""
        query_BTD = self.norm(x_BTD)
        keys = query_BTD if self.key_norm is None else self.key_norm(keys_BSE)
        padding_BS = None if mask_BS is None else ~mask_BS
        found_BTD, _ = self.attend(query_BTD, keys, keys, key_padding_mask=padding_BS, need_weights=False)
        y_BTD = x_BTD + self.dropout(found_BTD)
        result_BTD: Tensor = y_BTD + self.ffn(y_BTD)
        return result_BTD
