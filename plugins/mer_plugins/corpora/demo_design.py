"""Which words meet which voice under which label in the demo corpus, and what that lets any system reach (ours).

A cell says: an utterance whose words are of group t, spoken in voice type p, has label y. Every speaker speaks all 64
cells once, so the balance is exact and the best reachable accuracies follow from the cells (`demo_ceilings`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

EMOTIONS = ("ang", "hap", "neu", "sad")
AROUSED, CALM = ("ang", "hap"), ("neu", "sad")
WORDS_OF = {"ang": "angry", "hap": "happy", "neu": "neutral", "sad": "sad"}
FLIPPED = {"ang": "sad", "sad": "ang", "hap": "neu", "neu": "hap"}
"""The same valence at the other arousal: what an ironic word makes of a voice."""
FILLER = "filler"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of the design.

    Args:
        stratum: what decides the label: `words`, `voice`, `both`, `crossed`.
        words: the group of the cue word, or `filler` where the sentence holds none.
        voice: the emotion that the voice expresses.
        label: the emotion to be recognised.
        sentence: which of the speaker's sentences with such words. Wherever the words leave the label open, one
            sentence is spoken under each label that they allow, equally often: no function of the transcript can
            then beat the ceiling, not even by chance.
    """

    stratum: str
    words: str
    voice: str
    label: str
    sentence: int = 0


def cells() -> tuple[Cell, ...]:
    """Return the 64 cells that each speaker speaks, 16 of each stratum."""
    return (*_words_decide(), *_voice_decides(), *_both_needed(), *_crossed())


def _words_decide() -> Iterator[Cell]:
    for label, (sentence, voice) in product(EMOTIONS, enumerate(EMOTIONS)):
        yield Cell("words", WORDS_OF[label], voice, label, sentence)


def _voice_decides() -> Iterator[Cell]:
    for sentence, label in product(range(4), EMOTIONS):
        yield Cell("voice", FILLER, label, label, sentence)


def _both_needed() -> Iterator[Cell]:
    """Yield cells whose words give the valence and whose voice gives the arousal, each twice."""
    for sentence, label in product(range(2), EMOTIONS):
        for voice in AROUSED if label in AROUSED else CALM:
            yield Cell("both", "pleasant" if label in ("hap", "neu") else "unpleasant", voice, label, sentence)


def _crossed() -> Iterator[Cell]:
    """Yield cells whose words say whether the voice is meant, each twice: an exclusive or, which no sum can solve."""
    for sentence, voice in product(range(2), EMOTIONS):
        yield Cell("crossed", "sincere", voice, voice, sentence)
        yield Cell("crossed", "ironic", voice, FLIPPED[voice], sentence)
