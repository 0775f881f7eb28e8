"""Auxiliary task 2: one modality becomes another utterance's of the same emotion (paper, section 2.4.2)."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Step
from mer_plugins.aux_tasks.pairing import replace_one, require_two


class SameEmotionSwap(nn.Module):
    """In each pair one modality, drawn at random, is replaced by that of another utterance of the same class.

        L = CE(classify(f(x_m[s], x_o)), y), m drawn for each utterance, y[s] = y, logits (B, C)

    The replacement is drawn from the batch, so the step's encodings are re-used (ours); an utterance whose class
    occurs once in the batch stays as it is. The pipeline's own classifier must still name the class.

    Source: Sun, He and Han, "Using Auxiliary Tasks In Multimodal Fusion Of Wav2vec 2.0 And BERT For Multimodal
    Emotion Recognition", ICASSP 2023, arXiv 2302.13661, section 2.4.2.

    Differs from the paper: that the replacement is drawn from the batch is ours; the paper does not say from where.
    """

    class Config(PluginConfig):
        """`aux2` has no options."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("aux2", input_dims)

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the cross entropy of the class, over the pairs with one modality replaced."""
        swapped, _ = replace_one(step)
        return functional.cross_entropy(step.classify(step.fuse(swapped)).float(), step.labels_B)
