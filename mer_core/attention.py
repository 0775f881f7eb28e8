"""What the fusion of a trained run attends to, utterance by utterance, where it can tell (ours)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from mer_core.checkpoint import load_weights
from mer_core.data.examples import Examples, device_of, loader, to_device
from mer_core.inference import TrainedRun
from mer_core.pipeline import Pipeline
from mer_core.protocols import AttendingFusion, NamingEncoder
from mer_core.rundir import Cell
from mer_core.types import Utterance


@dataclass(frozen=True, slots=True)
class Attention:
    """The weights of one utterance.

    Args:
        weights: for each pair (who asks, who is asked) of modalities, a row per frame of the first that adds up to 1
            over the frames of the second; Q and K are their real frames.
        names: by modality, what its frames stand for (tokens of a text), where the encoder can tell.
    """

    weights: dict[tuple[str, str], Float[Tensor, "Q K"]]
    names: dict[str, list[str]]


def attends(trained: TrainedRun) -> bool:
    """Tell whether the run's fusion can tell what it attends to."""
    return hasattr(trained.manager.load("fusion", trained.spec.fusion.use), "attention")  # it need not be built


def attention_of(trained: TrainedRun, wanted: Mapping[Cell, Sequence[Utterance]]) -> dict[str, Attention]:
    """Return the attention of utterances by id, each by the model of the cell that it is listed under.

    Raises:
        RunError: the weights of a cell do not fit.
    """
    pipeline, examples, _ = trained.prepared([u for several in wanted.values() for u in several], skip_bad=True)
    place = {u.id: i for i, u in enumerate(examples.utterances)}
    found: dict[str, Attention] = {}
    for cell, utterances in wanted.items():
        load_weights(cell.weights, pipeline)
        found |= _each(pipeline.eval(), examples, [place[u.id] for u in utterances if u.id in place])
    return found


@torch.inference_mode()
def _each(pipeline: Pipeline, examples: Examples, indices: Sequence[int]) -> dict[str, Attention]:
    """Return the attention of each utterance, run by itself: padding would only have to be cut off again."""
    found = {}
    for batch in loader(pipeline, examples, [[i] for i in indices]):
        encoded = pipeline.encode(to_device(batch, device_of(pipeline)).inputs)
        weights = cast(AttendingFusion, pipeline.fusion).attention(encoded)
        (utterance,) = batch.utterances
        names = _names(pipeline, utterance)
        found[utterance.id] = Attention({pair: w_1QK[0].float().cpu() for pair, w_1QK in weights.items()}, names)
    return found


def _names(pipeline: Pipeline, utterance: Utterance) -> dict[str, list[str]]:
    encoders = {m: pipeline.encoder(m) for m in pipeline.encoders}
    return {m: list(e.frame_names(utterance)) for m, e in encoders.items() if isinstance(e, NamingEncoder)}
