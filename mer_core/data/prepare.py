"""Every utterance of a corpus prepared once: what the store has is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mer_core.data.context import contexts, seen_by, with_neighbours
from mer_core.data.examples import Examples
from mer_core.data.keys import encoder_key, item_key
from mer_core.data.speakers import normalised_names
from mer_core.data.store import Store
from mer_core.errors import DataError
from mer_core.pipeline import Pipeline
from mer_core.protocols import Encoder
from mer_core.types import Prepared, Utterance

MAX_SHOWN = 10
AT_ONCE = 64
"""Utterances handed to `prepare_batch` together, where an encoder has it."""


@dataclass(slots=True)
class _Row:
    """An utterance on its way: the keys of its items, their frames once known, or why it cannot be used."""

    utterance: Utterance
    keys: dict[str, str] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    reason: str = ""

    @property
    def done(self) -> bool:
        return bool(self.reason) or self.frames.keys() == self.keys.keys()


def prepare(
    pipeline: Pipeline,
    utterances: Sequence[Utterance],
    store: Store,
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
        RunError: the store could not be written.
    """
    rows = [_Row(u) for u in with_neighbours(utterances, max(contexts(pipeline).values(), default=0))]
    for done, _ in enumerate(_finished(pipeline, rows, store, may_lack), start=1):
        progress(done, len(rows))
    store.flush()
    left_out = {row.utterance.id: row.reason for row in rows if row.reason}
    if not skip_bad:
        _raise_if_any(left_out, len(rows))
    kept = [row for row in rows if not row.reason]
    examples = Examples([r.utterance for r in kept], [r.keys for r in kept], [r.frames for r in kept], store, classes)
    return examples.with_spreads(pipeline), left_out


def _finished(pipeline: Pipeline, rows: Sequence[_Row], store: Store, may_lack: Sequence[str]) -> Iterator[_Row]:
    """Yield each row as soon as it is done: first those that the store has whole."""
    encoder_keys = {m: encoder_key(pipeline.encoder(m)) for m in pipeline.encoders}
    for row in rows:
        _look_up(row, pipeline, store, encoder_keys, may_lack)
        if row.done:
            yield row
    missing = [row for row in rows if not row.done]
    for start in range(0, len(missing), AT_ONCE):
        for modality in encoder_keys:
            wanted = [row for row in missing[start : start + AT_ONCE] if not row.done and modality not in row.frames]
            encoder = pipeline.encoder(modality)
            for row, item in zip(
                wanted, _made(encoder, [seen_by(encoder, row.utterance) for row in wanted]), strict=True
            ):
                if isinstance(item, DataError):
                    row.reason = item.message
                else:
                    store.put(row.keys[modality], item, of=f"{modality} of {row.utterance.id}")
                    row.frames[modality] = encoder.num_frames(item)
                if row.done:
                    yield row


def _look_up(
    row: _Row, pipeline: Pipeline, store: Store, encoder_keys: dict[str, str], may_lack: Sequence[str]
) -> None:
    for modality, encoder_part in encoder_keys.items():
        if not may_be_without(modality, may_lack) and lacks(row.utterance, modality):
            row.reason = f"it has no {modality}"
            return
        encoder = pipeline.encoder(modality)
        if normalised_names(encoder) and row.utterance.speaker is None:
            row.reason = f"it has no speaker, and encoders.{modality} normalises by speaker"
            return
        row.keys[modality] = item_key(seen_by(encoder, row.utterance), encoder_part)
        item = store.get(row.keys[modality])
        if item is not None:
            row.frames[modality] = encoder.num_frames(item)


def _made(encoder: Encoder, utterances: Sequence[Utterance]) -> Iterator[Prepared | DataError]:
    """Yield the prepared items, or what is wrong, in order: together where the encoder can, else one by one."""
    together: Callable[[Sequence[Utterance]], Iterator[Prepared]] | None = getattr(encoder, "prepare_batch", None)
    done = 0
    if together is not None:
        try:
            for item in together(utterances):
                yield item
                done += 1
        except DataError:  # some utterance cannot be used: find out which, one by one
            pass
    for utterance in utterances[done:]:
        try:
            yield encoder.prepare(utterance)
        except DataError as error:
            yield error


def _raise_if_any(reasons: dict[str, str], total: int) -> None:
    """Raise one error that names the utterances that cannot be used."""
    if reasons:
        shown = [f"  {id_}: {reason}" for id_, reason in list(reasons.items())[:MAX_SHOWN]]
        more = [f"  … and {len(reasons) - MAX_SHOWN} more"] if len(reasons) > MAX_SHOWN else []
        raise DataError(
            f"{len(reasons)} of {total} utterances cannot be used\n" + "\n".join(shown + more),
            hint="Mend them, or run with --skip-bad to leave them out and list them in the report.",
        )


def lacks(utterance: Utterance, key: str) -> bool:
    """Tell whether an utterance is without its recording or its words; other modalities are the encoder's business."""
    return {"audio": utterance.audio, "text": utterance.text}.get(key.partition("-")[0], "") is None


def may_be_without(key: str, may_lack: Sequence[str]) -> bool:
    """Tell whether a pipeline allows an utterance to be without what an encoder reads: `text-dialog` is text."""
    return any(key == modality or key.startswith(f"{modality}-") for modality in may_lack)
