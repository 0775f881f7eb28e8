"""A small spoken corpus whose best reachable accuracies are known exactly: made on the spot, read as IEMOCAP is (ours).

It shows that a fusion works: some labels need the words, some the voice, some both. It shows nothing about people.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import Field

from mer_core.config import PluginConfig
from mer_core.data.store import cache_root
from mer_core.types import Utterance
from mer_plugins.corpora.demo_ceilings import ceilings
from mer_plugins.corpora.demo_design import cells
from mer_plugins.corpora.demo_script import Line, script
from mer_plugins.corpora.demo_tree import FORMAT, STRATA, check_tree, write_tree
from mer_plugins.corpora.iemocap import Iemocap


class Demo:
    """640 English utterances of ten synthetic speakers in five sessions, spoken by eSpeak NG; four classes, balanced.

    Besides the fields of `Iemocap` each utterance has `stratum` (what decides its label: `words`, `voice`, `both`,
    `crossed`), `words` (the group of its cue word, or `filler`) and `voice` (the emotion its voice expresses). A
    session's cue words occur in no other session.

    Source: ours.
    """

    class Config(PluginConfig):
        """Options of the demo corpus."""

        seed: int = Field(default=0, ge=0)
        """Chooses the sentences, the variation of the voices and the order; the design is the same for all seeds."""
        path: Path | None = None
        """Where the corpus is kept; made there when absent. By default in the user's cache folder, or in MER_CACHE."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def folder(self) -> Path:
        """Where this corpus is kept: named by its content, so that another version of it never stands in its place."""
        if self.config.path:
            return self.config.path.expanduser()
        return cache_root() / f"demo-{self._key}"

    def read(self) -> list[Utterance]:
        """Return the utterances sorted by id, after making the corpus where it is absent (a few seconds).

        Raises:
            DataError: the folder holds something else, or a damaged corpus, or cannot be written.
            PluginError: the corpus must be made, and eSpeak NG is not installed.
        """
        folder = self.folder
        if not folder.exists() or _is_empty(folder):
            write_tree(self._lines, folder, key=self._key)
        check_tree(folder, key=self._key)
        design = _strata(folder / STRATA)
        read = Iemocap(Iemocap.Config(path=folder)).read()
        return [replace(utterance, fields={**utterance.fields, **design[utterance.id]}) for utterance in read]

    def ceilings(self) -> dict[str, float]:
        """Return the best accuracy any system can reach, as shares of 1: text only, audio only, additive, full."""
        return ceilings(cells())

    @cached_property
    def _lines(self) -> list[Line]:
        return script(self.config.seed)

    @cached_property
    def _key(self) -> str:
        """The seed with a digest of all that is said, and how."""
        said = hashlib.sha256(f"{FORMAT}{self._lines}".encode()).hexdigest()
        return f"{said[:8]}-seed{self.config.seed}"


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _strata(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: {name: row[name] for name in ("stratum", "words", "voice")} for row in csv.DictReader(file)}
