"""A corpus made ready for a pipeline, read back batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mer_core.data.context import seen_by
from mer_core.data.speakers import Spreads, normalised, normalised_names, spreads
from mer_core.data.store import Store
from mer_core.pipeline import Pipeline
from mer_core.protocols import Encoder
from mer_core.transfer import send
from mer_core.types import Batch, Prepared, Utterance


class NotKeptError(LookupError):
    """The store has an item no more, and it may not be prepared here."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Prepared utterances with their lengths and, where known, labels."""

    utterances: Sequence[Utterance]
    keys: Sequence[dict[str, str]]
    """Of the prepared item of each modality, for every utterance."""
    frames: Sequence[dict[str, int]]
    """Frames of each modality, for every utterance."""
    store: Store
    classes: Sequence[str]
    spreads: Mapping[str, Spreads] = field(default_factory=dict)
    """By encoder, of those whose features are normalised by speaker."""
    shares: Sequence[Sequence[float]] | None = None
    """Of the classes in the raters' votes, where the main loss is trained on them."""
    prepares: bool = True
    """Whether what the store has no more is prepared again; a thread may not do it, and gets `NotKeptError`."""

    @property
    def lengths(self) -> list[int]:
        """Frames of all modalities together, for every utterance."""
        return [sum(of_one.values()) for of_one in self.frames]

    def item(self, index: int, pipeline: Pipeline) -> dict[str, Prepared]:
        """Return what an utterance is to the encoders of a pipeline, normalised where one asks for it."""
        return {m: self.item_of(index, m, pipeline.encoder(m)) for m in pipeline.encoders}

    def item_of(self, index: int, modality: str, encoder: Encoder) -> Prepared:
        """Return what an utterance is to one encoder."""
        item = self._item(index, modality, encoder)
        by_speaker = self.spreads.get(modality)
        return item if by_speaker is None else normalised(item, by_speaker[str(self.utterances[index].speaker)])

    def _item(self, index: int, modality: str, encoder: Encoder) -> Prepared:
        """Return what an encoder prepared; what the store has no more is prepared again."""
        key, utterance = self.keys[index][modality], self.utterances[index]
        kept = self.store.get(key)
        if kept is not None:
            return {name: tensor.clone() for name, tensor in kept.items()}  # who collates may write to them
        if not self.prepares:
            raise NotKeptError(key)
        item = encoder.prepare(seen_by(encoder, utterance))
        self.store.put(key, item, of=f"{modality} of {utterance.id}")
        self.store.flush()
        return item

    def with_spreads(self, pipeline: Pipeline) -> Examples:
        """Return the examples with the statistics of each speaker, for the encoders that ask for them."""
        names = {m: normalised_names(pipeline.encoder(m)) for m in pipeline.encoders}
        everyone = range(len(self.utterances))
        found = {
            m: spreads(
                ((str(self.utterances[i].speaker), self._item(i, m, pipeline.encoder(m))) for i in everyone), of_encoder
            )
            for m, of_encoder in names.items()
            if of_encoder
        }
        return replace(self, spreads=found)

    def label(self, index: int) -> int:
        """Return an utterance's class number; 0 where it has no label."""
        label = self.utterances[index].label
        return self.classes.index(label) if label is not None else 0


def loader(pipeline: Pipeline, examples: Examples, batches: Sequence[Sequence[int]]) -> DataLoader[Batch]:
    """Return a loader that yields the batches of these indices in this order."""
    everything: Sequence[int] = range(len(examples.utterances))
    return DataLoader(everything, batch_sampler=batches, collate_fn=partial(collated, pipeline, examples))  # type: ignore[arg-type]


def collated(pipeline: Pipeline, examples: Examples, indices: Sequence[int]) -> Batch:
    """Return the batch of these indices."""
    inputs = pipeline.collate([examples.item(i, pipeline) for i in indices])
    labels_B = torch.tensor([examples.label(i) for i in indices])
    shares_BC = None if examples.shares is None else torch.tensor([examples.shares[i] for i in indices])
    return Batch([examples.utterances[i] for i in indices], inputs, labels_B, shares_BC)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch with its tensors on a device."""
    return mapped(batch, lambda x: send(x, device))


def mapped(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Return the batch with each of its tensors changed."""
    inputs = {m: {name: change(x) for name, x in part.items()} for m, part in batch.inputs.items()}
    shares_BC = None if batch.shares_BC is None else change(batch.shares_BC)
    return Batch(batch.utterances, inputs, change(batch.labels_B), shares_BC)


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's first parameter, the CPU where it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
