"""What is said in the demo corpus, by whom and how: the whole corpus as a list, before anything is spoken (ours)."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from mer_plugins.corpora.demo_design import EMOTIONS, FILLER, Cell, cells
from mer_plugins.corpora.espeak import VOICES, Voice

NUM_SESSIONS = 5
DIALOGS = tuple(f"{wearer}_{scene}" for wearer in "FM" for scene in ("impro01", "impro02", "script01_1", "script02_2"))
OTHER_LABELS = {"F": ("fru", "sur", "xxx", "dis"), "M": ("fru", "fea", "xxx", "oth")}
"""Labels outside the four classes: a few utterances per speaker, which a reader must leave out."""
_TAGS = ("[LAUGHTER]", "[BREATHING]", "[GARBAGE]", "[laughter]", "[Breathing]")
_TAG_SHARE, _COLON_SHARE = 0.06, 0.08
_ADVERB_GROUPS = ("sincere", "ironic")


@dataclass(frozen=True, slots=True)
class Prosody:
    """How a sentence is spoken; the arguments of `espeak.speak`, relative to the speaker's own voice."""

    rate_wpm: int
    pitch: int
    pitch_range: int
    volume: int


VOICE_TYPES = {
    "ang": Prosody(rate_wpm=340, pitch=60, pitch_range=60, volume=110),
    "hap": Prosody(rate_wpm=240, pitch=95, pitch_range=95, volume=62),
    "neu": Prosody(rate_wpm=190, pitch=50, pitch_range=46, volume=55),
    "sad": Prosody(rate_wpm=130, pitch=6, pitch_range=5, volume=30),
}
"""Anger fast and loud; happiness high and lively; sadness slow, low, flat and soft.

The directions are those of Scherer 2003 (Speech Communication 40, table 2); the amounts are ours, and exaggerated.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance to be spoken.

    Args:
        id: in IEMOCAP's form, for example `Ses01F_impro01_M003`.
        cell: its place in the design; stratum `other` where the label is none of the four classes.
        raw_label: as IEMOCAP would write it: half of the happy ones are `exc`.
        transcript: as written, with tags and colons.
        spoken: the words that eSpeak says.
        speaker: whose voice.
        prosody: how.
        pause_s: silence before it in its dialog, in seconds.
    """

    id: str
    cell: Cell
    raw_label: str
    transcript: str
    spoken: str
    speaker: Voice
    prosody: Prosody
    pause_s: float

    @property
    def dialog(self) -> str:
        """The dialog that the utterance belongs to."""
        return self.id.rpartition("_")[0]

    @property
    def session(self) -> int:
        """1 to 5."""
        return int(self.id[3:5])


def script(seed: int) -> list[Line]:
    """Return the lines of the corpus in the order of sessions, dialogs and time; the same for the same seed."""
    lexicon = _lexicon()
    return [line for session in range(1, NUM_SESSIONS + 1) for line in _session(session, seed, lexicon)]


def _lexicon() -> Mapping[str, Any]:
    return tomllib.loads((files("mer_plugins.corpora") / "demo_lexicon.toml").read_text(encoding="utf-8"))


def _session(session: int, seed: int, lexicon: Mapping[str, Any]) -> Iterator[Line]:
    """Yield a session's lines, dealt to its dialogs in turn, both speakers mixed."""
    rng = random.Random(f"{seed}/session {session}")
    speakers = VOICES[2 * (session - 1) : 2 * session]
    lines = [line for speaker in speakers for line in _Writer(speaker, session, seed, lexicon).lines()]
    rng.shuffle(lines)
    for number, name in enumerate(DIALOGS):
        turns = dict.fromkeys("FM", 0)
        for line in lines[number :: len(DIALOGS)]:
            gender = line.speaker.gender
            yield replace(line, id=f"Ses{session:02}{name}_{gender}{turns[gender]:03}")
            turns[gender] += 1


class _Writer:
    """Writes the lines of one speaker; every random choice comes from one generator of its own."""

    def __init__(self, speaker: Voice, session: int, seed: int, lexicon: Mapping[str, Any]) -> None:
        self.speaker = speaker
        self.rng = random.Random(f"{seed}/speaker {speaker.name}")
        self.templates: dict[str, list[str]] = lexicon["templates"]
        self.fillers: dict[str, list[str]] = lexicon["fillers"]
        self.cues = {group: self._deck(lists[session - 1]) for group, lists in lexicon["groups"].items()}
        self.has_empty = (speaker.gender == "F") == (session % 2 == 1)
        self.written: dict[tuple[str, str, int], tuple[str, str]] = {}

    def lines(self) -> Iterator[Line]:
        """Yield the 64 lines of the design, then those of other labels; ids are given later."""
        num_happy = 0
        for cell in cells():
            num_happy += cell.label == "hap"
            yield self._line(cell, "exc" if cell.label == "hap" and num_happy % 2 else cell.label)
        for number, raw_label in enumerate(OTHER_LABELS[self.speaker.gender]):
            yield self._line(Cell("other", FILLER, self.rng.choice(EMOTIONS), raw_label, number), raw_label)

    def _line(self, cell: Cell, raw_label: str) -> Line:
        key = (cell.stratum, cell.words, cell.sentence)
        if key not in self.written:
            self.written[key] = self._write(cell)
        spoken, transcript = self.written[key]
        return Line(
            id="",
            cell=cell,
            raw_label=raw_label,
            transcript=transcript,
            spoken=spoken,
            speaker=self.speaker,
            prosody=self._prosody(cell.voice),
            pause_s=self.rng.uniform(0.2, 1.5),
        )

    def _write(self, cell: Cell) -> tuple[str, str]:
        """Return what is said and how it is transcribed; one filler sentence of some speakers is a hum, not words."""
        if self.has_empty and cell.stratum == "voice" and cell.sentence == 0:
            return self._fill("{hum}."), self.rng.choice(("", *_TAGS))
        spoken = self._sentence(cell.words)
        return spoken, self._tagged(spoken)

    def _sentence(self, words: str) -> str:
        kind = FILLER if words == FILLER else "adverb" if words in _ADVERB_GROUPS else "adjective"
        cue = "" if words == FILLER else self._draw(words)
        sentence = _capital(self._fill(self.rng.choice(self.templates[kind]), cue=cue))
        if self.rng.random() < _COLON_SHARE:
            sentence = f"{self._fill(self.rng.choice(self.templates['colon']))}: {sentence}"
        return sentence

    def _fill(self, template: str, **given: str) -> str:
        return template.format(**{slot: self.rng.choice(words) for slot, words in self.fillers.items()} | given)

    def _draw(self, group: str) -> str:
        """Return the next cue word; all six words of a group are used before one comes again."""
        self.cues[group] = self.cues[group][1:] + self.cues[group][:1]
        return self.cues[group][-1]

    def _deck(self, words: list[str]) -> list[str]:
        return self.rng.sample(words, len(words))

    def _tagged(self, sentence: str) -> str:
        """Add a tag to a few sentences, whatever their label: who keeps tags learns nothing from them."""
        if self.rng.random() >= _TAG_SHARE:
            return sentence
        tag = self.rng.choice(_TAGS)
        return self.rng.choice((f"{tag} {sentence}", f"{sentence} {tag}"))

    def _prosody(self, voice: str) -> Prosody:
        """Return the voice type with a little variation: 5 % in rate, 3 steps in pitch, 4 in range, 8 % in volume."""
        typical = VOICE_TYPES[voice]
        return Prosody(
            rate_wpm=round(typical.rate_wpm * self.rng.uniform(0.95, 1.05)),
            pitch=typical.pitch + self.rng.randint(-3, 3),
            pitch_range=typical.pitch_range + self.rng.randint(-4, 4),
            volume=round(typical.volume * self.rng.uniform(0.92, 1.08)),
        )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
