"""What the tasks that re-pair modalities share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mer_core.errors import SpecError
from mer_core.transfer import send
from mer_core.types import Encoded, Step


def require_two(task: str, input_dims: Mapping[str, int], does: str = "re-pairs modalities") -> None:
    """Refuse a pipeline with one modality, where there is nothing to re-pair.

    Raises:
        SpecError: there are fewer than two modalities.
    """
    if len(input_dims) < 2:
        raise SpecError(
            f"{task} {does}, and this pipeline has only {', '.join(input_dims)}",
            hint="Use --aux none, or add a modality.",
        )


def replace_one(step: Step, same_B: Bool[Tensor, " B"] | None = None) -> tuple[dict[str, Encoded], Int[Tensor, " B"]]:
    """Replace one modality of each pair, drawn at random, by that of another utterance of the batch.

    Args:
        step: whose encodings are re-paired.
        same_B: whether the other utterance is to be of the same class; by default it always is.

    Returns:
        The re-paired encodings, and the index of the utterance that the replaced modality is from.
    """
    labels_B, modalities = step.labels_B, sorted(step.encoded)
    replaced_B = send(torch.randint(len(modalities), labels_B.shape, generator=step.generator), labels_B.device)
    partner_B = draw_partner(labels_B, step.generator, same_B)
    own_B = torch.arange(len(labels_B), device=labels_B.device)
    paired = {
        modality: step.encoded[modality].take(torch.where(replaced_B == number, partner_B, own_B))
        for number, modality in enumerate(modalities)
    }
    return paired, partner_B


def draw_partner(
    labels_B: Int[Tensor, " B"], generator: torch.Generator, same_B: Bool[Tensor, " B"] | None = None
) -> Int[Tensor, " B"]:
    """Return for each utterance another of its class, or of another class where `same_B` is False, uniformly.

    It is the utterance itself where there is no such other.
    """
    size = len(labels_B)
    draw_BB = send(torch.rand(size, size, generator=generator), labels_B.device)
    wanted_BB = labels_B[:, None] == labels_B[None, :]
    if same_B is not None:
        wanted_BB = wanted_BB == same_B[:, None]
    # Any other that is wanted beats the utterance itself, which beats every other.
    draw_BB = torch.where(wanted_BB, draw_BB + 1.0, -1.0).fill_diagonal_(0.0)
    return draw_BB.argmax(-1)
