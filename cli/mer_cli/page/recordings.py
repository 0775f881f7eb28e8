"""Recordings inside the page: the utterance alone, one channel, as small MP3, within a budget."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import soundfile

from mer_core.data.audio import load_audio
from mer_core.errors import DataError
from mer_core.types import Utterance

SAMPLE_RATE_HZ = 16_000
BUDGET_BYTES = 6_000_000
"""Of all recordings of a page, as they stand in it; the others are named by their path."""


def embedded(utterances: Sequence[Utterance], budget: int = BUDGET_BYTES) -> dict[str, str]:
    """Return `data:` addresses by id, for the first utterances that fit into the budget and can be read."""
    found: dict[str, str] = {}
    for utterance in utterances:
        address = _address(utterance)
        if address is None:
            continue
        budget -= len(address)
        if budget < 0:
            break
        found[utterance.id] = address
    return found


def _address(utterance: Utterance) -> str | None:
    if utterance.audio is None:
        return None
    try:
        wave_T = load_audio(utterance.audio, SAMPLE_RATE_HZ)
    except DataError:  # moved or removed since: the page names its path
        return None
    file = io.BytesIO()
    soundfile.write(file, wave_T.numpy(), SAMPLE_RATE_HZ, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.8)
    return "data:audio/mpeg;base64," + base64.b64encode(file.getvalue()).decode()
