"""Auxiliary task 1: tell which emotions were combined (paper, section 2.4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.transfer import send
from mer_core.types import Step
from mer_plugins.aux_tasks.pairing import require_two


class PairPrediction(nn.Module):
    """Each modality of the batch is shuffled on its own; a linear head names the combined class of the new pairs.

        L = CE(W f(x_audio[p], x_text[q]) + b, C y[p] + y[q]), p and q permutations of the batch, logits (B, C^2)

    With C classes and modalities in sorted order the pair's class is `C * y_audio + y_text`, of C^2 (ours: the
    paper's definition is lost in the copy at hand, its count of kinds is not). The step's encodings are re-used.

    Source: Sun, He and Han, "Using Auxiliary Tasks In Multimodal Fusion Of Wav2vec 2.0 And BERT For Multimodal
    Emotion Recognition", ICASSP 2023, arXiv 2302.13661, section 2.4.1.

    Differs from the paper: the numbering of the pairs' classes is ours, and `label = "match"`.
    """

    class Config(PluginConfig):
        """Options of `aux1`."""

        label: Literal["pair", "match"] = "pair"
        """`pair`: every ordered combination of classes. `match`: only whether all modalities have one class (ours)."""

    def __init__(self, config: Config, *, fused_dim: int, num_classes: int, input_dims: Mapping[str, int]) -> None:
        super().__init__()
        require_two("aux1", input_dims)
        self.match = config.label == "match"
        self.num_classes = num_classes
        self.head = nn.Linear(fused_dim, 2 if self.match else num_classes ** len(input_dims))

    def forward(self, step: Step) -> Float[Tensor, ""]:
        """Return the cross entropy of the pair's class, over as many new pairs as the batch has utterances."""
        num_utterances = len(step.labels_B)
        order = {
            modality: send(torch.randperm(num_utterances, generator=step.generator), step.labels_B.device)
            for modality in sorted(step.encoded)
        }
        fused_BF = step.fuse({modality: step.encoded[modality].take(index_B) for modality, index_B in order.items()})
        target_B = self._target([step.labels_B[index_B] for index_B in order.values()])
        return functional.cross_entropy(self.head(fused_BF).float(), target_B)

    def _target(self, labels: list[Int[Tensor, " B"]]) -> Int[Tensor, " B"]:
        first, *others = labels
        if self.match:
            return torch.stack([first == other for other in others]).all(0).long()
        target_B = first
        for other_B in others:
            target_B = target_B * self.num_classes + other_B
        return target_B
