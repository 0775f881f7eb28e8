"""Name the class although whole modalities are missing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.transfer import send
from mer_core.types import Encoded, Step
from mer_plugins.aux_tasks.pairing import require_two


class ModalityDropout(nn.Module):
    """Each modality of each utterance is dropped with some probability; the classifier must still name the class.

        L = CE(classify(f(k_m x_m)), y), k_m 0 with the probability given and 1 otherwise, logits (B, C)

    The frames of a dropped modality are zero, their number and mask stay. An utterance that would lose all modalities
    keeps one, drawn at random. The main loss sees everything as before: this is a loss beside it.

    Source: N. Neverova, C. Wolf, G. W. Taylor, F. Nebout, "ModDrop: Adaptive Multi-Modal Gesture Recognition", IEEE
    Transactions on Pattern Analysis and Machine Intelligence 38(8), 2016, arXiv 1501.00102, section 4.3.

    Differs from the paper: what is dropped are the encoders' frames instead of their input; an utterance never loses
    everything; it is an extra loss instead of a change to the main one.
    """

    class Config(PluginConfig):
        """Options of `modality-dropout`."""

        probability: float = Field(default=0.5, gt=0.0, lt=1.0)
        """Of dropping a modality, drawn for each on its own (ours; the paper drops one channel in ten)."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("modality-dropout", input_dims, "drops modalities")
        self.probability = config.probability

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the cross entropy of the class from what is left."""
        modalities, size = sorted(step.encoded), len(step.labels_B)
        kept_BM = send(draw_kept(size, len(modalities), self.probability, step.generator), step.labels_B.device)
        left = {
            m: Encoded(step.encoded[m].x_BTD.masked_fill(~kept_BM[:, n, None, None], 0.0), step.encoded[m].mask_BT)
            for n, m in enumerate(modalities)
        }
        return functional.cross_entropy(step.classify(step.fuse(left)).float(), step.labels_B)


def draw_kept(size: int, num_modalities: int, probability: float, generator: torch.Generator) -> Bool[Tensor, "B M"]:
    """Return which modalities of each utterance stay, one at least."""
    kept_BM = torch.rand(size, num_modalities, generator=generator) >= probability
    saved_B = torch.randint(num_modalities, (size,), generator=generator)
    saved_BM = functional.one_hot(saved_B, num_modalities).bool()
    return kept_BM | (saved_BM & ~kept_BM.any(1, keepdim=True))
