"""What a prepared item was made from, as a key: other content, other options or another encoder give another key."""

from __future__ import annotations

import hashlib
import json

from mer_core.data.audio import audio_digest
from mer_core.errors import DataError
from mer_core.protocols import Encoder
from mer_core.types import Utterance


def encoder_key(encoder: Encoder) -> str:
    """Return the part of an item's key that the encoder decides."""
    return f"{type(encoder).__module__}:{type(encoder).__qualname__}\n{encoder.cache_key()}"


def item_key(utterance: Utterance, encoder: str) -> str:
    """Return the key of an utterance's prepared item: `encoder_key`, and all that an encoder may read.

    That is everything but the label: the content of the recording (its path does not count), the words, and what else
    the corpus knows, which an encoder of another modality may follow to a file of its own; the same of its neighbours.
    """
    around = [[_read(near) for near in side] for side in (utterance.before, utterance.after)]
    read = [encoder, *_read(utterance), *(around if any(around) else ())]
    return hashlib.blake2b(json.dumps(read).encode(), digest_size=20).hexdigest()


def _read(u: Utterance) -> list[object]:
    return [_audio(u), u.text, u.id, u.speaker, u.session, sorted(u.fields.items())]


def _audio(utterance: Utterance) -> list[str | float | None]:
    span = utterance.audio
    if span is None:
        return []
    try:
        return [audio_digest(span.path), span.start_s, span.end_s]
    except DataError:  # an error for an encoder that reads it, and none for one that does not
        return [f"unreadable {span.path}", span.start_s, span.end_s]
