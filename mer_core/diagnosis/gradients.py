"""Whether an auxiliary loss pulls the encoders where the main loss pulls them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mer_core.pipeline import MAIN_LOSS, Pipeline
from mer_core.types import Batch, Encoded


def gradient_cosines(pipeline: Pipeline, batch: Batch, generator: torch.Generator) -> dict[str, float]:
    """Return for each auxiliary task the cosine between its gradient and the main loss's, on one batch.

    The gradients are those at the encoders' outputs: what each loss tells the encoders to change (after L. Du et al.,
    "Adapting auxiliary losses using gradient similarity", 2018, which takes shared parameters; taken at the outputs,
    as O. Sener and V. Koltun do, NeurIPS 2018, no encoder has to be run backwards). A task whose gradient there is
    zero has no cosine and is left out. Dropout is off, and neither weights nor global randomness are touched.

    Args:
        pipeline: with auxiliary tasks.
        batch: on the pipeline's device.
        generator: for tasks that draw.
    """
    was_training = pipeline.training
    pipeline.eval()
    with torch.no_grad():
        encoded = pipeline.encode(batch.inputs)
    leaves = {m: Encoded(one.x_BTD.float().requires_grad_(), one.mask_BT) for m, one in encoded.items()}
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have no gradient outside of training
        losses = pipeline.outcome(leaves, batch, generator).losses
        gradients = {name: _gradient(loss, [one.x_BTD for one in leaves.values()]) for name, loss in losses.items()}
    pipeline.train(was_training)
    main = gradients.pop(MAIN_LOSS)
    return {
        name: float(functional.cosine_similarity(main, own, dim=0))
        for name, own in gradients.items()
        if main.any() and own.any()
    }


def _gradient(loss: Tensor, inputs: list[Tensor]) -> Tensor:
    parts = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    return torch.cat(
        [torch.zeros_like(x).flatten() if g is None else g.flatten() for x, g in zip(inputs, parts, strict=True)]
    )
