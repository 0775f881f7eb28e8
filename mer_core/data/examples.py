"""A corpus made ready for a pipeline: every utterance prepared once, then read back batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.utils.data import DataLoader

from mer_core.data.context import contexts, seen_by, with_neighbours
from mer_core.data.speakers import Spreads, normalised, normalised_names, spreads
from mer_core.data.store import FeatureStore, encoder_key, item_key
from mer_core.errors import DataError
from mer_core.pipeline import Pipeline
from mer_core.types import Batch, Prepared, Utterance

MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Examples:
    """Prepared utterances with their lengths (frames of all modalities together) and, where known, labels."""

    utterances: Sequence[Utterance]
    keys: Sequence[dict[str, str]]
    lengths: Sequence[int]
    store: FeatureStore
    classes: Sequence[str]
    spreads: Mapping[str, Spreads] = field(default_factory=dict)
    """By encoder, of those whose features are normalised by speaker."""
    shares: Sequence[Sequence[float]] | None = None
    """Of the classes in the raters' votes, where the main loss is trained on them."""

    def item(self, index: int) -> dict[str, Prepared]:
        """Return an utterance's prepared tensors by modality, normalised where its encoder asks for it."""
        speaker = str(self.utterances[index].speaker)
        return {
            m: normalised(item, self.spreads[m][speaker]) if m in self.spreads else item
            for m, item in self._stored(index).items()
        }

    def _stored(self, index: int) -> dict[str, Prepared]:
        items = {m: self.store.get(key) for m, key in self.keys[index].items()}
        lost = [m for m, item in items.items() if item is None]
        if lost:
            raise DataError(
                f"prepared {lost[0]} of {self.utterances[index].id} has gone from {self.store.folder}",
                hint="Run again with --resume: it is made anew.",
            )
        return {m: item for m, item in items.items() if item is not None}

    def with_spreads(self, pipeline: Pipeline) -> Examples:
        """Return the examples with the statistics of each speaker, for the encoders that ask for them."""
        names = {m: normalised_names(pipeline.encoder(m)) for m in pipeline.encoders}
        everyone = range(len(self.utterances))
        found = {
            m: spreads(((str(self.utterances[i].speaker), self._stored(i)[m]) for i in everyone), of_encoder)
            for m, of_encoder in names.items()
            if of_encoder
        }
        return replace(self, spreads=found)

    def label(self, index: int) -> int:
        """Return an utterance's class number; 0 where it has no label."""
        label = self.utterances[index].label
        return self.classes.index(label) if label is not None else 0


@dataclass(slots=True)
class Bad:
    """Utterances that could not be prepared, with the reason."""

    reasons: dict[str, str] = field(default_factory=dict)

    def raise_if_any(self, total: int) -> None:
        """Raise one error that names them."""
        if self.reasons:
            shown = [f"  {id_}: {reason}" for id_, reason in list(self.reasons.items())[:MAX_SHOWN]]
            more = [f"  … and {len(self.reasons) - MAX_SHOWN} more"] if len(self.reasons) > MAX_SHOWN else []
            raise DataError(
                f"{len(self.reasons)} of {total} utterances cannot be used\n" + "\n".join(shown + more),
                hint="Mend them, or run with --skip-bad to leave them out and list them in the report.",
            )


def prepare(
    pipeline: Pipeline,
    utterances: Sequence[Utterance],
    store: FeatureStore,
    *,
    classes: Sequence[str],
    may_lack: Sequence[str],
    skip_bad: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Examples, dict[str, str]]:
    """Prepare every utterance for every encoder, re-using what the store has.

    Args:
        pipeline: whose encoders prepare.
        utterances: in the order that indices refer to.
        store: where items are kept.
        classes: names of the classes, in the order of the class numbers.
        may_lack: modalities that an utterance may be without.
        skip_bad: leave out utterances that cannot be used, instead of raising.
        progress: told how many of how many are done.

    Returns:
        The examples, and the reason by id for each utterance left out.

    Raises:
        DataError: utterances cannot be used (all are named), and `skip_bad` is off.
    """
    encoder_keys = {m: encoder_key(pipeline.encoder(m)) for m in pipeline.encoders}
    utterances = with_neighbours(utterances, max(contexts(pipeline).values(), default=0))
    bad = Bad()
    kept: list[tuple[Utterance, dict[str, str], int]] = []
    for done, utterance in enumerate(utterances):
        try:
            kept.append((utterance, *_prepare_one(pipeline, utterance, store, encoder_keys, may_lack)))
        except DataError as error:
            bad.reasons[utterance.id] = error.message
        progress(done + 1, len(utterances))
    if not skip_bad:
        bad.raise_if_any(len(utterances))
    examples = Examples([u for u, _, _ in kept], [k for _, k, _ in kept], [n for _, _, n in kept], store, classes)
    return examples.with_spreads(pipeline), bad.reasons


def _prepare_one(
    pipeline: Pipeline,
    utterance: Utterance,
    store: FeatureStore,
    encoder_keys: dict[str, str],
    may_lack: Sequence[str],
) -> tuple[dict[str, str], int]:
    keys, length = {}, 0
    for modality, encoder_part in encoder_keys.items():
        if not may_be_without(modality, may_lack) and lacks(utterance, modality):
            raise DataError(f"it has no {modality}")
        encoder = pipeline.encoder(modality)
        if normalised_names(encoder) and utterance.speaker is None:
            raise DataError(f"it has no speaker, and encoders.{modality} normalises by speaker")
        seen = seen_by(encoder, utterance)
        keys[modality] = item_key(seen, encoder_part)
        item = store.get(keys[modality])
        if item is None:
            item = encoder.prepare(seen)
            store.put(keys[modality], item)
        length += encoder.num_frames(item)
    return keys, length


def lacks(utterance: Utterance, key: str) -> bool:
    """Tell whether an utterance is without its recording or its words; other modalities are the encoder's business."""
    return {"audio": utterance.audio, "text": utterance.text}.get(key.partition("-")[0], "") is None


def may_be_without(key: str, may_lack: Sequence[str]) -> bool:
    """Tell whether a pipeline allows an utterance to be without what an encoder reads: `text-dialog` is text."""
    return any(key == modality or key.startswith(f"{modality}-") for modality in may_lack)


def loader(pipeline: Pipeline, examples: Examples, batches: Sequence[Sequence[int]]) -> DataLoader[Batch]:
    """Return a loader that yields the batches of these indices in this order."""

    def collate(indices: list[int]) -> Batch:
        inputs = pipeline.collate([examples.item(i) for i in indices])
        labels_B = torch.tensor([examples.label(i) for i in indices])
        shares_BC = None if examples.shares is None else torch.tensor([examples.shares[i] for i in indices])
        return Batch([examples.utterances[i] for i in indices], inputs, labels_B, shares_BC)

    everything: Sequence[int] = range(len(examples.utterances))
    return DataLoader(everything, batch_sampler=batches, collate_fn=collate)  # type: ignore[arg-type]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch with its tensors on a device."""
    inputs = {m: {k: v.to(device, non_blocking=True) for k, v in part.items()} for m, part in batch.inputs.items()}
    shares_BC = None if batch.shares_BC is None else batch.shares_BC.to(device, non_blocking=True)
    return Batch(batch.utterances, inputs, batch.labels_B.to(device, non_blocking=True), shares_BC)


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's first parameter, the CPU where it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
