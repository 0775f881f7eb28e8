"""Noise in the lengths of IEMOCAP's utterances, to measure speed on (ours). There is nothing to learn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import Field

from mer_core.config import PluginConfig
from mer_core.data.store import cache_root
from mer_core.files import written_aside
from mer_core.types import AudioSpan, Utterance

RATE_HZ = 16_000
CLASSES = ("ang", "hap", "neu", "sad")
NUM_WORDS = 12
WORDS = (1000, 30_000)
NUM_SESSIONS = 5


class Noise:
    """White noise with random words and random labels, to measure speed on.

    Durations are log-normal with median 3.58 s and mean 4.55 s, cut to 0.58 s to 34.1 s, as published of IEMOCAP's four
    classes; a sentence is 12 words of the vocabulary `w0` … `w29999`. The recordings are made once and kept.

    Source: ours.
    """

    class Config(PluginConfig):
        """Options of the noise corpus."""

        utterances: int = Field(default=64, ge=1)
        """Utterances in all."""
        seed: int = Field(default=0, ge=0)
        """Decides lengths, sound, words and labels."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def read(self) -> list[Utterance]:
        """Return the utterances, after making the recordings that are absent.

        Raises:
            RunError: the recordings cannot be written.
        """
        rng = np.random.default_rng(self.config.seed)
        lengths = durations_s(self.config.utterances, rng)
        return [self._utterance(number, float(length_s), rng) for number, length_s in enumerate(lengths)]

    def _utterance(self, number: int, length_s: float, rng: np.random.Generator) -> Utterance:
        path = cache_root() / "noise" / f"seed{self.config.seed}" / f"{number:05d}-{length_s:.4f}s.wav"
        if not path.is_file():
            _write(path, length_s, seed=(self.config.seed, number))
        words = " ".join(f"w{word}" for word in rng.integers(*WORDS, NUM_WORDS))
        session = number % NUM_SESSIONS + 1
        return Utterance(
            id=f"noise-{number:05d}",
            audio=AudioSpan(path),
            text=words,
            label=CLASSES[int(rng.integers(len(CLASSES)))],
            speaker=f"{session}{'FM'[number // NUM_SESSIONS % 2]}",
            session=str(session),
        )


def durations_s(utterances: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return durations in seconds, distributed as those of IEMOCAP's four classes."""
    return np.clip(rng.lognormal(np.log(3.58), 0.69, utterances), 0.58, 34.1)


def _write(path: Path, length_s: float, *, seed: tuple[int, int]) -> None:
    wave_N = 0.1 * np.random.default_rng(seed).standard_normal(int(length_s * RATE_HZ), dtype=np.float32)
    with written_aside(path) as aside:
        soundfile.write(aside, wave_N, RATE_HZ, subtype="FLOAT", format="WAV")
