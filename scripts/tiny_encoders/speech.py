"""Made-up speech for training `tiny-wav2vec2`: eSpeak NG says pseudo-words in many voices, languages and manners.

No real word is spoken on purpose, so the encoder can learn how speech sounds but never what a word means.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mer_plugins.corpora import espeak

CHECKPOINT = Path(__file__).parents[2] / "plugins/mer_plugins/checkpoints/tiny-wav2vec2"
SAMPLE_RATE_HZ = 16_000
LANGUAGES = {"en-us": 5, "en-gb": 3, "en-gb-scotland": 1, "de": 5, "fr": 1, "es": 1, "nl": 1, "sv": 1, "it": 1, "pl": 1}
"""eSpeak language: how often it is spoken, relative to the others."""
ONSETS = ["", "", "", *"bdfghklmnprstvw", "sh", "ch", "st", "tr", "br", "kl", "pl", "gr", "fl", "sp", "sk"]
NUCLEI = ["a", "e", "i", "o", "u", "ai", "au", "ee", "oo", "ei", "ou"]
CODAS = ["", "", "", "", *["n", "m", "l", "r", "s", "t", "k", "p", "d", "nd", "st", "lt", "rk"]]


@dataclass(frozen=True, slots=True)
class AnyVoice(espeak.Voice):
    """A voice of any language with lines of its own: formants, tone, breath, roughness (see eSpeak's voice files)."""

    language: str = "en-us"
    lines: tuple[str, ...] = ()

    def definition(self) -> str:
        """Return the voice in the form of eSpeak's voice files."""
        gender = "female" if self.gender == "F" else "male"
        pitch = f"pitch {self.pitch_low_hz} {self.pitch_high_hz}"
        return (
            "\n".join([f"name {self.name}", f"language {self.language}", f"gender {gender}", pitch, *self.lines]) + "\n"
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """How an utterance is spoken, in eSpeak's units: words per minute, and 0 to 99 around a middle of 50."""

    voice: espeak.Voice
    rate_wpm: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance: `wave`, int16 at 16 kHz, and the manner it was spoken in."""

    wave: NDArray[np.int16]
    manner: Manner


def pseudo_word(rng: np.random.Generator) -> str:
    """Return one to three syllables that are spelt like a word and mean nothing."""
    num_syllables = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
    return "".join(str(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS)) for _ in range(num_syllables))


def pseudo_sentence(rng: np.random.Generator) -> str:
    """Return three to nine pseudo-words with a comma now and then and an end mark."""
    words = [pseudo_word(rng) for _ in range(rng.integers(3, 10))]
    if rng.random() < 0.3:
        words[len(words) // 2] += ","
    return " ".join(words) + str(rng.choice([".", ".", "?", "!"]))


def draw_voice(rng: np.random.Generator) -> AnyVoice:
    """Return a random voice: a higher voice comes from a shorter vocal tract, as in people; all else varies freely."""
    weights = np.array(list(LANGUAGES.values()), dtype=float)
    female = bool(rng.random() < 0.5)
    low_hz = int(rng.integers(125, 185) if female else rng.integers(65, 125))
    tract = 97 + 0.24 * (low_hz - 70) + rng.normal(0, 3)
    lines = [
        f"formant {i} {tract + rng.normal(0, 4):.0f} {rng.integers(60, 130)} {rng.integers(80, 170)}" for i in range(9)
    ]
    lines += [f"flutter {rng.integers(0, 8)}", f"roughness {rng.integers(0, 5)}", f"voicing {rng.integers(70, 150)}"]
    lines.append(f"consonants {rng.integers(60, 130)} {rng.integers(60, 130)}")
    if rng.random() < 0.4:
        lines.append("breath " + " ".join(str(level) for level in rng.integers(0, 8, 8)))
    if rng.random() < 0.2:
        lines.append(f"klatt {rng.integers(1, 5)}")
    return AnyVoice(
        name="any",
        gender="F" if female else "M",
        pitch_low_hz=low_hz,
        pitch_high_hz=int(low_hz * rng.uniform(1.25, 1.7)),
        language=str(rng.choice(list(LANGUAGES), p=weights / weights.sum())),
        lines=tuple(lines),
    )


def draw_manner(rng: np.random.Generator) -> Manner:
    """Return a random manner; every range is wider than what the demo corpus uses."""
    return Manner(
        voice=draw_voice(rng),
        rate_wpm=int(rng.integers(100, 380)),
        pitch=int(rng.integers(0, 100)),
        pitch_range=int(rng.integers(0, 100)),
    )


def say(text: str, manner: Manner) -> NDArray[np.float32]:
    """Return `text` spoken in that manner, float32 at 16 kHz."""
    wave, rate_hz = espeak.speak(
        text,
        voice=manner.voice,
        rate_wpm=manner.rate_wpm,
        pitch=manner.pitch,
        pitch_range=manner.pitch_range,
    )
    return to_16_khz(wave, rate_hz)


def to_16_khz(wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Return the waveform resampled to 16 kHz."""
    common = int(np.gcd(rate_hz, SAMPLE_RATE_HZ))
    return np.asarray(resample_poly(wave, SAMPLE_RATE_HZ // common, rate_hz // common), dtype=np.float32)


def speak_pool(num_utterances: int, seed: int) -> list[Spoken]:
    """Return that many random utterances, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    pool = []
    for _ in range(num_utterances):
        manner = draw_manner(rng)
        wave = say(pseudo_sentence(rng), manner)
        scaled = wave / max(float(np.abs(wave).max()), 1e-4) * 20_000
        pool.append(Spoken(scaled.astype(np.int16), manner))
    return pool
