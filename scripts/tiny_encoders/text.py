"""The synthetic text that `tiny-bert` reads, and the demo lexicon's own sentences."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

LEXICON = Path(__file__).parents[2] / "plugins/mer_plugins/corpora/demo_lexicon.toml"
KNOWLEDGE = Path(__file__).with_name("knowledge.toml")
ADVERB_GROUPS = ("sincere", "ironic")
KINDS = {"about": 33, "echoed": 32, "cued": 10, "plain": 12, "hum": 1, "everyday": 12}
"""Kinds of text, and how often each is read."""
TAG_SHARE = 0.08
SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The demo corpus' words: cue words by group and session, and templates with their fillers."""

    groups: dict[str, list[list[str]]]
    templates: dict[str, list[str]]
    fillers: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path = LEXICON) -> Lexicon:
        """Read the lexicon that the demo corpus is spoken from."""
        return cls(**tomllib.loads(path.read_text(encoding="utf-8")))

    def sentence(self, group: str | None, cue: str, rng: random.Random) -> str:
        """Return a sentence of the demo's kind that holds `cue` of that group, or (None) no cue word."""
        kind = "filler" if group is None else "adverb" if group in ADVERB_GROUPS else "adjective"
        filled = self._fill(rng.choice(self.templates[kind]), cue, rng)
        if rng.random() < 0.1:
            return f"{self._fill(rng.choice(self.templates['colon']), cue, rng)}: {filled}"
        return filled

    def _fill(self, template: str, cue: str, rng: random.Random) -> str:
        return SLOT.sub(lambda slot: cue if slot[1] == "cue" else rng.choice(self.fillers[slot[1]]), template)


class Reader:
    """Puts sentences together in which words of one group keep the same company."""

    def __init__(self, lexicon: Lexicon, path: Path = KNOWLEDGE) -> None:
        self.lexicon = lexicon
        self.knowledge: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        self.cues = {group: list(chain(*sessions)) for group, sessions in lexicon.groups.items()}
        self.members = {group: cues + self.knowledge["groups"][group]["also"] for group, cues in self.cues.items()}
        every = list(chain(*self.members.values()))
        assert len(every) == len(set(every)), "a word stands in two groups"

    def text(self, rng: random.Random) -> str:
        """Return one text of one or two sentences."""
        group = rng.choice(list(self.members))
        kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
        if kind == "about":
            return self._about(group, self.knowledge["frames"], rng)
        if kind == "everyday":
            return self._everyday(rng)
        if kind == "hum":
            return rng.choice(self.lexicon.fillers["hum"])
        if kind == "plain":
            plain = self._tagged(self.lexicon.sentence(None, "", rng), rng)
            return f"{plain} {rng.choice(self.knowledge['plain_echoes'])}"
        cued = self._tagged(self.lexicon.sentence(group, rng.choice(self.cues[group]), rng), rng)
        return cued if kind == "cued" else f"{cued} {self._about(group, self.knowledge['echoes'], rng)}"

    def _tagged(self, sentence: str, rng: random.Random) -> str:
        if rng.random() >= TAG_SHARE:
            return sentence
        tag = rng.choice(self.knowledge["tags"])
        return rng.choice((f"{tag} {sentence}", f"{sentence} {tag}"))

    def _about(self, group: str, frames: list[str], rng: random.Random) -> str:
        words = zip("wvx", rng.sample(self.members[group], 3), strict=True)
        signs = zip(("s1", "s2", "s3"), rng.sample(self.knowledge["groups"][group]["signs"], 3), strict=True)
        return rng.choice(frames).format(**dict(words), **dict(signs))

    def _everyday(self, rng: random.Random) -> str:
        table = self.knowledge["everyday"]
        return SLOT.sub(lambda slot: rng.choice(table[slot[1]]), rng.choice(table["frames"]))

    def group_words(self) -> list[str]:
        """Return the words that say something about a group: its members and the company they keep."""
        signs = [table["signs"] for table in self.knowledge["groups"].values()]
        return [*chain(*self.members.values()), *chain(*signs)]

    def words(self) -> list[str]:
        """Return every word that can occur, sorted: the whole words of the vocabulary."""
        found: set[str] = set()

        def collect(value: object) -> None:
            if isinstance(value, str):
                found.update(re.findall(r"[^\W\d_]+", SLOT.sub(" ", value.lower())))
            elif isinstance(value, dict | list):
                for item in value.values() if isinstance(value, dict) else value:
                    collect(item)

        collect([self.knowledge, self.members, self.lexicon.fillers, self.lexicon.templates])
        return sorted(found)
