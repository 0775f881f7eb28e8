"""The utterances around an utterance, for encoders that read them: what was said before and after in the same dialog.

Only what the corpus lists counts: an utterance that it leaves out, for its label for example, is nobody's neighbour.
The label of a neighbour is taken away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from mer_core.errors import DataError
from mer_core.pipeline import Pipeline
from mer_core.protocols import ContextEncoder, Encoder
from mer_core.types import Utterance

DIALOG, START_S = "dialog", "start_s"
"""The fields that say which dialog an utterance is of, and when it begins there, in seconds."""


def context_of(encoder: Encoder) -> int:
    """Return how many utterances before, and how many after, an encoder reads."""
    return encoder.context if isinstance(encoder, ContextEncoder) else 0


def contexts(pipeline: Pipeline) -> dict[str, int]:
    """Return `context_of` each encoder that reads neighbours, by its key."""
    found = {key: context_of(pipeline.encoder(key)) for key in pipeline.encoders}
    return {key: size for key, size in found.items() if size}


def check_dialogs(pipeline: Pipeline, utterances: Sequence[Utterance]) -> None:
    """Refuse to train a pipeline that uses context on a corpus that knows no dialogs.

    Raises:
        DataError: no utterance says which dialog it is of.
    """
    reading = list(contexts(pipeline))
    if reading and not any(DIALOG in u.fields for u in utterances):
        raise DataError(
            f'encoders.{reading[0]} uses context, and no utterance of this corpus has a field "{DIALOG}"',
            hint=f"A manifest may have the columns {DIALOG} and {START_S}.",
        )


def with_neighbours(utterances: Sequence[Utterance], size: int) -> list[Utterance]:
    """Return the utterances, each with up to `size` neighbours on either side in its dialog.

    A dialog is what the field `dialog` says; its order is that of `start_s`, and that of the corpus where times are
    lacking or equal. An utterance without the field has no neighbours.
    """
    if not size:
        return list(utterances)
    bare = [replace(u, label=None) for u in utterances]
    near: dict[int, tuple[list[Utterance], list[Utterance]]] = {}
    for order in _dialogs(utterances):
        for place, index in enumerate(order):
            before, after = order[max(0, place - size) : place], order[place + 1 : place + 1 + size]
            near[index] = [bare[i] for i in before], [bare[i] for i in after]
    return [replace(u, before=near[i][0], after=near[i][1]) if i in near else u for i, u in enumerate(utterances)]


def seen_by(encoder: Encoder, utterance: Utterance) -> Utterance:
    """Return the utterance with the neighbours that an encoder asks for, and no others."""
    size = context_of(encoder)
    if len(utterance.before) <= size and len(utterance.after) <= size:
        return utterance
    return replace(utterance, before=utterance.before[-size:] if size else (), after=utterance.after[:size])


def _dialogs(utterances: Sequence[Utterance]) -> list[list[int]]:
    """Return the utterances of each dialog in the order in which they are said."""
    dialogs: dict[str, list[int]] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        if DIALOG in utterance.fields:
            dialogs[utterance.fields[DIALOG]].append(index)
    return [_in_time(order, utterances) for order in dialogs.values()]


def _in_time(order: list[int], utterances: Sequence[Utterance]) -> list[int]:
    try:
        return sorted(order, key=lambda index: float(utterances[index].fields[START_S]))
    except (KeyError, ValueError):  # somewhere the time is lacking, or is none
        return order
