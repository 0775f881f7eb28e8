"""The utterances of a run as data for the page: what was said, what was predicted, how sure and how wrong."""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mer_core.attention import Attention
from mer_core.types import Predictions, Utterance

_LEAST = 1e-12  # the loss of a label that was given no probability is finite


@dataclass(frozen=True, slots=True)
class Judged:
    """An utterance with the mean of its probabilities over seeds, as the models that had not seen it gave them."""

    utterance: Utterance
    fold: str
    p_C: Sequence[float]
    label: int

    @property
    def loss(self) -> float:
        """Return the cross entropy of the true class, in nats."""
        return -math.log(max(self.p_C[self.label], _LEAST))


def judged(listing: Sequence[Utterance], tested: Sequence[tuple[str, Predictions]]) -> list[Judged]:
    """Return the utterances that were tested, those with the highest loss first.

    Args:
        listing: the utterances of the run.
        tested: for each cell its fold and its predictions.
    """
    known = {u.id: u for u in listing}
    folds: dict[str, str] = {}
    given: dict[str, list[torch.Tensor]] = defaultdict(list)
    for fold, predictions in tested:
        for id_, p_C in zip(predictions.ids, predictions.p_NC, strict=True):
            folds[id_] = fold
            given[id_].append(p_C)
    classes = tested[0][1].classes
    rows = [
        Judged(known[id_], folds[id_], torch.stack(several).mean(0).tolist(), classes.index(str(known[id_].label)))
        for id_, several in given.items()
    ]
    return sorted(rows, key=lambda row: -row.loss)


def data(
    rows: Sequence[Judged],
    classes: Sequence[str],
    *,
    recordings: Mapping[str, str],
    attention: Mapping[str, Attention],
) -> dict[str, Any]:
    """Return what the page's script is given."""
    return {
        "classes": list(classes),
        "rows": [_row(row, recordings.get(row.utterance.id), attention.get(row.utterance.id)) for row in rows],
    }


def _row(row: Judged, recording: str | None, attention: Attention | None) -> dict[str, Any]:
    u = row.utterance
    return {
        "id": u.id,
        "text": u.text,
        "fold": row.fold,
        "speaker": u.speaker,
        "label": row.label,
        "predicted": max(range(len(row.p_C)), key=lambda c: row.p_C[c]),
        "p": [round(p, 4) for p in row.p_C],
        "loss": round(row.loss, 4),
        "path": str(u.audio.path) if u.audio else None,
        "recording": recording,
        "attention": None if attention is None else _attention(attention),
    }


def _attention(attention: Attention) -> dict[str, Any]:
    return {
        "names": attention.names,
        "pairs": [
            {"asks": asks, "asked": asked, "shape": list(w_QK.shape), "weights": _bytes(w_QK.numpy())}
            for (asks, asked), w_QK in attention.weights.items()
        ],
    }


def _bytes(w_QK: np.ndarray) -> str:
    """Return each row, in parts of its largest weight from 0 to 255, as base64: a picture needs no more."""
    scaled_QK = np.rint(255 * w_QK / np.maximum(w_QK.max(axis=1, keepdims=True), _LEAST))
    return base64.b64encode(scaled_QK.astype(np.uint8).tobytes()).decode()
