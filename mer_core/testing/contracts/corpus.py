"""The contract of a corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

from mer_core.errors import DataError
from mer_core.protocols import Corpus
from mer_core.testing.contracts.base import Contract, Relaxed
from mer_core.testing.contracts.listing import shuffled
from mer_core.types import Utterance


class CorpusContract(Contract):
    """What a corpus promises. Name it, and make a small copy of it in the format that it reads:

    class TestMine(CorpusContract):
        plugin = Mine

        def make_options(self, folder):
            write_my_tree(folder)
            return {"path": folder}
    """

    kind = "corpus"
    protocol: ClassVar[type] = Corpus

    def read(self) -> list[Utterance]:
        """Return what a new corpus reads."""
        utterances: list[Utterance] = self.make().read()
        return utterances

    def test_lists_utterances(self) -> None:
        """`read` gives a list of utterances, each with an id and with sound or words.

        Mend: return a list of mer_core.types.Utterance; leave out what has neither audio nor text.
        """
        utterances = self.read()
        assert isinstance(utterances, list), f"read() returns a {type(utterances).__name__}, not a list"
        assert utterances, "read() returns no utterance"
        wrong = [u for u in utterances if not isinstance(u, Utterance)]
        assert not wrong, f"{wrong[:1]} is not an Utterance"
        bare = [u.id for u in utterances if not isinstance(u.id, str) or not u.id or (u.audio is None and not u.text)]
        assert not bare, f"without an id, or with neither audio nor text: {bare[:3]}"
        labels = Counter(u.label for u in utterances)
        self.saw(f"{len(utterances)} utterances, {len(labels)} labels")

    def test_order_is_deterministic(self) -> None:
        """The order does not depend on the order in which the file system lists directories.

        Mend: sorted(...) around every iterdir, glob, listdir and scandir; no set() without sorted.
        """
        plain = self.read()
        for seed in range(3):
            with shuffled(seed):
                again = self.read()
            ids, others = [u.id for u in plain], [u.id for u in again]
            assert sorted(ids) == sorted(others), "directories in another order give other utterances"
            moved = sum(a != b for a, b in zip(ids, others, strict=True))
            assert not moved, f"directories in another order move {moved} of {len(ids)} utterances"
            assert plain == again, "directories in another order give utterances with other values"
        self.saw(f"{len(plain)} utterances in one order")

    def test_ids_are_unique(self) -> None:
        """No two utterances have one id.

        Mend: make the id from the path below the corpus, or from session, dialog and turn.
        """
        counts = Counter(u.id for u in self.read())
        twice = [name for name, count in counts.items() if count > 1]
        assert not twice, f"{len(twice)} ids are there more than once, for example {twice[:1]}"
        self.saw(f"{len(counts)} ids")

    def test_audio_exists(self) -> None:
        """Every recording is there, and every span goes forward.

        Mend: make paths from the folder of the corpus (not from the working folder), with the suffix that files have.
        """
        spans = [(u.id, u.audio) for u in self.read() if u.audio is not None]
        missing = [f"{name}: {span.path}" for name, span in spans if not span.path.is_file()]
        assert not missing, f"{len(missing)} of {len(spans)} recordings do not exist, for example {missing[0]}"
        backward = [name for name, s in spans if s.start_s < 0 or (s.end_s is not None and s.end_s <= s.start_s)]
        assert not backward, f"{len(backward)} spans end before they begin, for example {backward[0]}"
        self.saw(f"{len(spans)} recordings")

    def test_wrong_directory_is_refused(self) -> None:
        """A place that does not exist, or holds something else, is a DataError that names it.

        Mend: look before reading: raise DataError(f"{path} is not …", hint="…") where the expected files are absent.
        """
        if "path" not in self.plugin.Config.model_fields:  # type: ignore[attr-defined]
            raise Relaxed("Config has no path")
        other = self.folder / "something-else"
        other.mkdir()
        (other / "holiday.txt").write_text("no corpus", encoding="utf-8")
        self._refused(other, "a directory that holds something else")
        if self.plugin.Config.model_fields["path"].is_required():  # type: ignore[attr-defined]
            self._refused(self.folder / "absent", "a place that does not exist")
            return self.saw("a wrong place and an absent one")
        return self.saw("a wrong place; the corpus knows its own, so an absent one may be made")

    def _refused(self, path: Path, what: str) -> None:
        raised: Exception | None = None
        found: list[Utterance] = []
        try:
            found = self.plugin(self.config(path=path)).read()
        except Exception as error:  # its class is what is judged
            raised = error
        assert raised, f"{what}: is read as a corpus of {len(found)} utterances"
        is_ours = isinstance(raised, DataError)
        assert is_ours, f"{what}: raises {type(raised).__name__}, not DataError: {raised}"
        assert path.name in str(raised), f"{what}: the error does not name {path.name}: {raised}"
