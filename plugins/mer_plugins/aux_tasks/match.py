"""Tell whether the modalities of a pair carry the same emotion."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.types import Step
from mer_plugins.aux_tasks.pairing import replace_one, require_two


class EmotionMatch(nn.Module):
    """One modality of a pair becomes another utterance's; a head on the fused vector tells same or different emotion.

        L = CE(W f(x_m[s], x_o) + b, y[s] = y), m drawn for each pair, logits (2 B, 2)

    Each utterance gives two pairs, one whose replacement is of the same emotion and one whose replacement is of
    another, the modality drawn for each. The target is whether the labels agree; where the batch holds no such
    utterance the pair stays as it is and agrees. `aux1` with `label = "match"` asks the same of pairs that are
    scrambled as they fall, of which only about one in C agrees.

    Source: J. Li, R. R. Selvaraju, A. D. Gotmare, S. Joty, C. Xiong, S. Hoi, "Align before Fuse: Vision and Language
    Representation Learning with Momentum Distillation", NeurIPS 2021, arXiv 2107.07651, section 3.2 (image-text
    matching).

    Differs from the paper: a pair matches when its modalities carry one emotion, not only when they belong to one
    item; what does not match is drawn uniformly, not by difficulty, and from one side, where the paper draws one for
    each of the two.
    """

    class Config(PluginConfig):
        """`match` has no options."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("match", input_dims)
        self.head = nn.Linear(fused_dim, 2)

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the cross entropy of same or different, over two pairs for each utterance."""
        labels_B = step.labels_B
        losses = []
        for same in (True, False):
            paired, partner_B = replace_one(step, torch.full_like(labels_B, same, dtype=torch.bool))
            target_B = (labels_B[partner_B] == labels_B).long()
            losses.append(functional.cross_entropy(self.head(step.fuse(paired)).float(), target_B))
        return torch.stack(losses).mean()
