"""A branch that reads speech and words frame by frame, and one that reads what is said around."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.types import Encoded
from mer_plugins.fusions.parts import without_padding


class TsbTab(nn.Module):
    """Time-synchronous branch over one stream, time-asynchronous branch over each other one.

        synchronous: X_0 = W x, then X_k = X_{k-1} + ReLU(LN(W_k [X_{k-1}, at t + l; X_{k-1}, at t + r])), (B, T, dim)
            u = W_u pool(W_e X_K), W_e to embed_dim, shape (B, embed_dim)
        asynchronous: v = pool(W_c y), y one vector per utterance around, shape (B, heads context_dim)
        pool: A = softmax over time of V tanh(U H), one column per head;  A^T H, shape (B, heads D)
        result = ReLU(W_o [u; v]), shape (B, embed_dim)

    Its streams come from the encoders `timed-words` (frames that hold sound and the word said then) and
    `dialog-sentences` (one vector for the utterance and each of its neighbours).

    Source: W. Wu, C. Zhang, P. C. Woodland, "Emotion Recognition by Fusing Time Synchronous and Time Asynchronous
    Representations", ICASSP 2021, arXiv 2010.14102.

    Differs from the paper: layer normalisation in the residual stack, so that an utterance's result does not depend on
    its batch; the hidden width of the pooling and the activation after the last layer are ours; no penalty keeps the
    heads of the pooling apart; any stream can take either place.
    """

    class Config(PluginConfig):
        """Options of `tsb-tab`."""

        synchronous: str = "audio"
        """Key of the encoder whose frames the time-synchronous branch reads."""
        dim: int = Field(default=512, ge=1)
        """Width of the time-delay layers (paper: 512)."""
        offsets: tuple[tuple[int, int], ...] = ((-2, 1), (-3, 3), (-7, 2))
        """The two frames, counted from the present one, that each time-delay layer reads (paper)."""
        embed_dim: int = Field(default=128, ge=1)
        """Width of the branch's embedding and of the result (paper: 128)."""
        context_dim: int = Field(default=64, ge=1)
        """Width of a sentence in the time-asynchronous branch (paper: 64)."""
        heads: int = Field(default=5, ge=1)
        """Heads of the self-attentive pooling (paper: 5)."""
        hidden_dim: int = Field(default=64, ge=1)
        """Hidden units of the self-attentive pooling (ours)."""

    order_free = True
    """What is said around is pooled without its order; the frames of the synchronous branch have one."""

    def __init__(self, config: Config, *, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        if config.synchronous not in input_dims:
            raise SpecError(
                f"fusion.synchronous: this pipeline has no encoder {config.synchronous}",
                hint=f"Choose one of {', '.join(sorted(input_dims))}.",
            )
        self.synchronous, self.output_dim = config.synchronous, config.embed_dim
        self.enter = nn.Linear(input_dims[config.synchronous], config.dim)
        self.delays = nn.ModuleList(TimeDelay(config.dim, *pair) for pair in config.offsets)
        self.embed = nn.Linear(config.dim, config.embed_dim)
        self.pool = SelfAttentivePooling(config.embed_dim, heads=config.heads, hidden_dim=config.hidden_dim)
        self.leave = nn.Linear(config.heads * config.embed_dim, config.embed_dim)
        others = {m: dim for m, dim in sorted(input_dims.items()) if m != config.synchronous}
        self.narrow = nn.ModuleDict({m: nn.Linear(dim, config.context_dim) for m, dim in others.items()})
        self.pools = nn.ModuleDict(
            {
                m: SelfAttentivePooling(config.context_dim, heads=config.heads, hidden_dim=config.hidden_dim)
                for m in others
            }
        )
        width = config.embed_dim + len(others) * config.heads * config.context_dim
        self.out = nn.Sequential(nn.Linear(width, config.embed_dim), nn.ReLU())

    def forward(self, encoded: Mapping[str, Encoded]) -> Float[Tensor, "B F"]:
        """Return x_BF."""
        parts = [self._in_time(encoded[self.synchronous])]
        for m, pool in self.pools.items():
            x_BTD = self.narrow[m](without_padding(encoded[m]))
            parts.append(pool(Encoded(x_BTD, encoded[m].mask_BT)))
        fused_BF: Tensor = self.out(torch.cat(parts, dim=-1))
        return fused_BF

    def _in_time(self, encoded: Encoded) -> Float[Tensor, "B E"]:
        frames = Encoded(self.enter(without_padding(encoded)), encoded.mask_BT)
        for delay in self.delays:
            frames = Encoded(delay(frames), encoded.mask_BT)
        u_BE: Tensor = self.leave(self.pool(Encoded(self.embed(frames.x_BTD), encoded.mask_BT)))
        return u_BE


class TimeDelay(nn.Module):
    """`x_t + ReLU(LN(W [x_{t+left}; x_{t+right}]))`; frames outside the utterance are zero."""

    def __init__(self, dim: int, left: int, right: int) -> None:
        super().__init__()
        self.offsets = (left, right)
        self.mix = nn.Linear(2 * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, encoded: Encoded) -> Float[Tensor, "B T D"]:
        """Return the frames after the layer."""
        x_BTD = without_padding(encoded)
        found_BTD = self.norm(self.mix(torch.cat([shifted(x_BTD, by) for by in self.offsets], dim=-1)))
        result_BTD: Tensor = x_BTD + found_BTD.relu()
        return result_BTD


class SelfAttentivePooling(nn.Module):
    """Several weighted means over time (Lin et al. 2017, "A Structured Self-attentive Sentence Embedding")."""

    def __init__(self, dim: int, *, heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Linear(dim, hidden_dim, bias=False), nn.Tanh(), nn.Linear(hidden_dim, heads, bias=False)
        )

    def forward(self, encoded: Encoded) -> Float[Tensor, "B HD"]:
        """Return the means side by side."""
        x_BTD = without_padding(encoded)
        score_BTH = self.score(x_BTD)
        lowest = torch.finfo(score_BTH.dtype).min
        share_BTH = score_BTH.masked_fill(~encoded.mask_BT.unsqueeze(-1), lowest).softmax(1)
        return torch.einsum("bth,btd->bhd", share_BTH, x_BTD).flatten(1)


def shifted(x_BTD: Float[Tensor, "B T D"], by: int) -> Float[Tensor, "B T D"]:
    """Return at each frame the one `by` frames later, zero outside."""
    num_frames = x_BTD.shape[1]
    before, after = max(0, -by), max(0, by)
    padded_BSD = functional.pad(x_BTD, (0, 0, before, after))
    return padded_BSD[:, before + by : before + by + num_frames]
