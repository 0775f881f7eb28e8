"""A training step without encoders: trainable frames, a small fusion and a classifier. Letters as in mer_core.types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mer_core.testing.contracts.tensors import Batch, toy_batch
from mer_core.types import Encoded, Step, Utterance

NUM_CLASSES = 3
FUSED_DIM = 12
WORDS = ("oh", "no", "so", None, "ah", "oh no")
"""Short enough to be spelled by a few frames; one utterance has none, as a corpus may have."""
LENGTHS = ((4, 2, 6, 1, 3, 5), (3, 5, 1, 2, 4, 2))


class ToyPath(nn.Module):
    """What an auxiliary task sees of a pipeline: frames that train as encodings do, fusion, classifier."""

    def __init__(self, input_dims: Mapping[str, int], size: int) -> None:
        super().__init__()
        modalities = sorted(input_dims)
        lengths = {m: [LENGTHS[number % 2][i % 6] for i in range(size)] for number, m in enumerate(modalities)}
        batch = toy_batch(lengths, {m: input_dims[m] for m in modalities})
        self.frames = nn.ParameterDict({m: nn.Parameter(e.x_BTD) for m, e in batch.items()})
        self.masks = nn.ParameterDict({m: nn.Parameter(e.mask_BT, requires_grad=False) for m, e in batch.items()})
        self.project = nn.Linear(sum(input_dims.values()), FUSED_DIM)
        self.classifier = nn.Linear(FUSED_DIM, NUM_CLASSES)

    def encoded(self) -> Batch:
        """Return the frames as a step has them: the result of a computation, with a gradient."""
        return {m: Encoded(self.frames[m] * 1.0, self.masks[m]) for m in sorted(self.frames)}

    def fuse(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Return x_BF."""
        means_BD = torch.cat([encoded[m].mean_BD() for m in sorted(encoded)], dim=-1)
        return torch.tanh(self.project(means_BD))

    def step(self, labels: Sequence[int], *, seed: int = 0, encoded: Batch | None = None) -> Step:
        """Return the step of these labels, with the random source of `seed`."""
        encoded = self.encoded() if encoded is None else encoded
        fused_BF = self.fuse(encoded)
        device = fused_BF.device
        return Step(
            encoded=encoded,
            fused_BF=fused_BF,
            logits_BC=self.classifier(fused_BF),
            labels_B=torch.tensor(labels).to(device),
            utterances=[_utterance(number, label) for number, label in enumerate(labels)],
            inputs={m: {"values": e.x_BTD.detach().clone(), "lengths": e.mask_BT.sum(1)} for m, e in encoded.items()},
            generator=torch.Generator().manual_seed(seed),
            fuse=self.fuse,
            classify=self.classifier,
        )


def _utterance(number: int, label: int) -> Utterance:
    speaker = f"speaker-{number % 2}"
    return Utterance(
        id=f"toy-{number}",
        text=WORDS[number % len(WORDS)],
        label=f"class-{label}",
        speaker=speaker,
        session=str(number % 2),
    )
