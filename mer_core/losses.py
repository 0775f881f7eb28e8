"""The main loss of an utterance: cross entropy, focal, with smoothed or soft labels. Letters as in mer_core.types."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

SMALLEST = 1e-7
"""Of 1 - p in the focal factor: below it the gradient of a power smaller than 1 would be infinite."""


def emotion_loss(
    logits_BC: Float[Tensor, "B C"],
    labels_B: Int[Tensor, " B"],
    shares_BC: Float[Tensor, "B C"] | None = None,
    *,
    gamma: float = 0.0,
    smoothing: float = 0.0,
) -> Float[Tensor, " B"]:
    """Return each utterance's loss, `-sum_c q_c (1 - p_c)^gamma log p_c`.

    Args:
        logits_BC: class scores; p is their softmax.
        labels_B: class numbers; q is 1 for the label and 0 elsewhere, where no shares are given.
        shares_BC: q as shares of the classes, each row summing to 1.
        gamma: how much less an utterance counts that is right already (Lin et al. 2017, "Focal Loss for Dense Object
            Detection", section 3.2; for shares of several classes the sum over them is ours); 0 is cross entropy.
        smoothing: this part of q is spread evenly over all classes (Szegedy et al. 2016, section 7).
    """
    logits_BC = logits_BC.float()
    if not gamma:
        target = labels_B if shares_BC is None else shares_BC
        return functional.cross_entropy(logits_BC, target, reduction="none", label_smoothing=smoothing)
    num_classes = logits_BC.shape[1]
    q_BC = functional.one_hot(labels_B, num_classes).to(logits_BC.dtype) if shares_BC is None else shares_BC
    q_BC = (1.0 - smoothing) * q_BC + smoothing / num_classes
    log_p_BC = logits_BC.log_softmax(-1)
    wrong_BC = -log_p_BC.expm1().clamp(max=-SMALLEST)
    return -(q_BC * wrong_BC.pow(gamma) * log_p_BC).sum(-1)
