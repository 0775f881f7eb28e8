"""A trained pipeline on utterances whose modalities are taken away or exchanged.

An utterance is encoded once; another's modality comes from the same batch, as in the tasks that re-pair. Batches are
drawn at random, or within one emotion where the other utterance must have the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from mer_core.data.examples import Examples, device_of, loader, to_device
from mer_core.data.speakers import normalised
from mer_core.diagnosis.credit import Coalition, coalitions
from mer_core.pipeline import Pipeline
from mer_core.types import Batch, Encoded, Utterance

BATCH = 32
DONORS = 8
"""By how many other utterances a modality is replaced, one after the other."""

Rows = Int[ndarray, " _"]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Class probabilities of N utterances. Where there is no other utterance to exchange with, they are NaN.

    Args:
        own: by coalition of modalities that are the utterance's own, the others being those of another utterance;
            K others, one after the other.
        removed: by modality that is missing as `Encoder.prepare` has it: no words, a short silence.
        same_emotion: by modality that is replaced by that of another utterance with the same label.
    """

    own: Mapping[Coalition, Float[ndarray, "K N C"]]
    removed: Mapping[str, Float[ndarray, "N C"]]
    same_emotion: Mapping[str, Float[ndarray, "K N C"]]


def modalities(pipeline: Pipeline) -> list[str]:
    """Return the modalities that encoders read: `text` and `text-dialog` are one."""
    return sorted({_modality(key) for key in pipeline.encoders})


@torch.inference_mode()
def exchange(pipeline: Pipeline, examples: Examples, indices: Sequence[int], *, seed: int) -> Exchanged:
    """Return what the pipeline makes of the utterances at `indices`, in that order."""
    pipeline.eval()
    rng, players, shape = np.random.default_rng(seed), modalities(pipeline), (len(indices), len(examples.classes))
    own = {c: np.full((DONORS, *shape), np.nan) for c in coalitions(players)}
    removed = {m: np.full(shape, np.nan) for m in players}
    same_emotion = {m: np.full((DONORS, *shape), np.nan) for m in players}
    everyone = frozenset(players)
    for rows, batch, encoded in _encoded(pipeline, examples, indices, _split(rng, np.arange(len(indices)))):
        for m in players:
            removed[m][rows] = _probabilities(pipeline, encoded | _missing(pipeline, examples, batch, m))
        for k, shifted_B in _others(len(rows)):
            for c in own:
                own[c][k, rows] = _probabilities(pipeline, _exchanged(encoded, everyone - c, shifted_B))
    label_N = np.array([examples.label(i) for i in indices])
    alike = [rows for c in np.unique(label_N) for rows in _split(rng, np.flatnonzero(label_N == c))]
    for rows, _, encoded in _encoded(pipeline, examples, indices, alike):
        for k, shifted_B in _others(len(rows)):
            for m in players:
                same_emotion[m][k, rows] = _probabilities(pipeline, _exchanged(encoded, {m}, shifted_B))
    return Exchanged(own, removed, same_emotion)


def _modality(key: str) -> str:
    return key.partition("-")[0]


def _split(rng: np.random.Generator, rows_N: Rows) -> list[Rows]:
    """Return the rows in random batches of about equal size, so that none is left alone."""
    return np.array_split(rng.permutation(rows_N), -(-len(rows_N) // BATCH))


def _encoded(
    pipeline: Pipeline, examples: Examples, indices: Sequence[int], batches: Sequence[Rows]
) -> Iterator[tuple[Rows, Batch, dict[str, Encoded]]]:
    loaded = loader(pipeline, examples, [[indices[row] for row in rows] for rows in batches])
    for rows, batch in zip(batches, loaded, strict=True):
        yield rows, batch, pipeline.encode(to_device(batch, device_of(pipeline)).inputs)


def _others(size: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield for each of up to `DONORS` others of a batch which utterance stands in for which."""
    for k in range(min(DONORS, size - 1)):
        yield k, (torch.arange(size) + k + 1) % size


def _exchanged(
    encoded: Mapping[str, Encoded], moved: set[str] | Coalition, shifted_B: torch.Tensor
) -> dict[str, Encoded]:
    """Return the encodings with the moved modalities taken from the other utterances."""
    return {
        key: one.take(shifted_B.to(one.x_BTD.device)) if _modality(key) in moved else one
        for key, one in encoded.items()
    }


def _missing(pipeline: Pipeline, examples: Examples, batch: Batch, modality: str) -> dict[str, Encoded]:
    """Return the encodings of a modality that nobody in the batch has."""
    found = {}
    for key in (key for key in pipeline.encoders if _modality(key) == modality):
        encoder = pipeline.encoder(key)
        nothing = encoder.prepare(Utterance(id=""))
        spreads = examples.spreads.get(key, {})
        items = [normalised(nothing, spreads.get(str(u.speaker), {})) for u in batch.utterances]
        inputs = {name: x.to(device_of(pipeline)) for name, x in encoder.collate(items).items()}
        found[key] = encoder.forward(inputs)
    return found


def _probabilities(pipeline: Pipeline, encoded: Mapping[str, Encoded]) -> Float[ndarray, "B C"]:
    logits_BC = pipeline.classify(pipeline.fusion(encoded))
    found_BC: Float[ndarray, "B C"] = logits_BC.double().softmax(-1).cpu().numpy()
    return found_BC
