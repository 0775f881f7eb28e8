"""Toy utterances for encoders: noise with a tone, and words, from the shortest to the longest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from mer_core.types import AudioSpan, Utterance

SAMPLE_RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 0.01, 20.0
WORDS = ("i", "am", "so", "happy", "that", "you", "came", "and", "nobody", "knows", "why")


def toy_utterances(folder: Path) -> list[Utterance]:
    """Write three recordings of 0.3 to 0.8 s and return them with 3 to 12 words."""
    return [_spoken(folder, f"toy-{n}", seconds, n, 3 * n) for n, seconds in ((1, 0.3), (2, 0.8), (4, 0.5))]


def extreme_utterances(folder: Path) -> list[Utterance]:
    """Return the shortest, the longest, and what a corpus may lack: no recording and no text, or an empty text."""
    return [
        _spoken(folder, "shortest", SHORTEST_S, 5, 1),
        _spoken(folder, "longest", LONGEST_S, 6, 700),
        Utterance(id="nothing"),
        Utterance(id="empty text", text=""),
    ]


def _spoken(folder: Path, name: str, seconds: float, seed: int, num_words: int) -> Utterance:
    random = np.random.default_rng(seed)
    time_T = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave_T = 0.2 * np.sin(2 * np.pi * 110 * seed * time_T) + 0.05 * random.standard_normal(len(time_T)) + 0.02
    path = folder / f"{name}.wav"
    soundfile.write(path, wave_T, SAMPLE_RATE_HZ, subtype="FLOAT")
    text = " ".join(WORDS[(seed + i) % len(WORDS)] for i in range(num_words))
    return Utterance(id=name, audio=AudioSpan(path), text=text, fields={"kind": "toy"})
