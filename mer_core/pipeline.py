"""The composed model: encode each modality once, fuse, classify, and sum the losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mer_core import ranks
from mer_core.losses import emotion_loss
from mer_core.protocols import Encoder, ScoringFusion, TeachingFusion
from mer_core.types import Batch, Encoded, Inputs, Prepared, Step

MAIN_LOSS, FUSION_LOSS = "main", "fusion"


@dataclass(frozen=True, slots=True)
class Output:
    """What one forward pass gives: class scores, the loss of each part by name, and their weighted sum."""

    logits_BC: Tensor
    losses: dict[str, Tensor]
    total: Tensor | None


class Pipeline(nn.Module):
    """Encoders, fusion, classifier and auxiliary tasks as one module. `compose` builds it and checks the parts.

    Args:
        encoders: one per modality.
        fusion: from the encoded modalities to x_BF.
        classifier: from x_BF to class scores x_BC, or to what the fusion's own `classify` makes class scores of.
        tasks: auxiliary tasks by plugin name.
        task_weights: the weight of each task in the sum.
        class_weight_C: weight of an utterance's main loss by its class; mean 1 over the training set.
        focal_gamma: of the main loss, as `emotion_loss` takes it.
        label_smoothing: of the main loss, as `emotion_loss` takes it.
    """

    def __init__(
        self,
        *,
        encoders: Mapping[str, nn.Module],
        fusion: nn.Module,
        classifier: nn.Module,
        tasks: Mapping[str, nn.Module],
        task_weights: Mapping[str, float],
        class_weight_C: Float[Tensor, " C"],
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        # Modalities are put in order here and nowhere else.
        self.encoders = nn.ModuleDict({modality: encoders[modality] for modality in sorted(encoders)})
        self.fusion = fusion
        self._fusion_scores = isinstance(fusion, ScoringFusion)
        self._fusion_teaches = isinstance(fusion, TeachingFusion)
        self.classifier = classifier
        self.tasks = nn.ModuleDict(tasks)
        self.task_weights = dict(task_weights)
        self.focal_gamma, self.label_smoothing = focal_gamma, label_smoothing
        self.register_buffer("class_weight_C", class_weight_C)

    def encoder(self, modality: str) -> Encoder:
        """Return the encoder of a modality under its contract."""
        return cast(Encoder, self.encoders[modality])

    def collate(self, items: Sequence[Mapping[str, Prepared]]) -> dict[str, Inputs]:
        """Pad prepared utterances to a batch, modality by modality."""
        return {m: self.encoder(m).collate([item[m] for item in items]) for m in self.encoders}

    def encode(self, inputs: Mapping[str, Inputs]) -> dict[str, Encoded]:
        """Run each encoder once over the batch."""
        return {modality: encoder(inputs[modality]) for modality, encoder in self.encoders.items()}

    def _encode_together(self, batch: Batch) -> dict[str, Encoded]:
        """Encode this process's part of the batch and return the encodings of all of it."""
        index_A = ranks.own_part(len(batch.labels_B), batch.labels_B.device)
        encoded = self.encode({modality: ranks.part_of(part, index_A) for modality, part in batch.inputs.items()})
        return ranks.gather(encoded, len(batch.labels_B))

    def classify(self, fused_BF: Float[Tensor, "B F"]) -> Float[Tensor, "B C"]:
        """Return class scores: the classifier's, or those of a fusion that scores the classes itself."""
        x: Tensor = self.classifier(fused_BF)
        return cast(ScoringFusion, self.fusion).classify(x) if self._fusion_scores else x

    def forward(self, batch: Batch, generator: torch.Generator | None = None) -> Output:
        """Return class scores and, where a generator is given, the losses of a training step."""
        training = generator is not None
        encoded = self._encode_together(batch) if training and ranks.world() > 1 else self.encode(batch.inputs)
        return self.outcome(encoded, batch, generator)

    def outcome(self, encoded: Mapping[str, Encoded], batch: Batch, generator: torch.Generator | None) -> Output:
        """Return what `forward` returns, from encodings that are there already."""
        fused_BF = self.fusion(encoded)
        logits_BC = self.classify(fused_BF)
        if generator is None:
            return Output(logits_BC, {}, None)
        losses = {MAIN_LOSS: self._main_loss(logits_BC, batch)}
        if self.tasks or self._fusion_teaches:
            step = Step(
                encoded=encoded,
                fused_BF=fused_BF,
                logits_BC=logits_BC,
                labels_B=batch.labels_B,
                utterances=batch.utterances,
                inputs=batch.inputs,
                generator=generator,
                fuse=self.fusion,
                classify=self.classify,
            )
            if self._fusion_teaches:
                losses[FUSION_LOSS] = cast(TeachingFusion, self.fusion).loss(step)
            losses |= {name: task(step) for name, task in self.tasks.items()}
        total = cast(Tensor, sum(self.task_weights.get(name, 1.0) * loss for name, loss in losses.items()))
        return Output(logits_BC, losses, total)

    def _main_loss(self, logits_BC: Float[Tensor, "B C"], batch: Batch) -> Tensor:
        labels_B, shares_BC = batch.labels_B, batch.shares_BC
        gamma, smoothing = self.focal_gamma, self.label_smoothing
        loss_B = emotion_loss(logits_BC, labels_B, shares_BC, gamma=gamma, smoothing=smoothing)
        # A mean over utterances, not over weights: the sum over batches must equal the loss of one large batch.
        return (loss_B * cast(Tensor, self.class_weight_C)[labels_B]).mean()
