"""The demo corpus as a user meets it: made when absent, read by the reader of IEMOCAP."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from mer_core.errors import DataError, PluginError
from mer_core.protocols import Corpus
from mer_plugins.corpora import demo, espeak
from mer_plugins.corpora.demo import Demo
from mer_plugins.corpora.demo_script import script

pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
FEW = [x for x in script(0) if x.session < 3 and int(x.id[-3:]) < 3] + [x for x in script(0) if x.session == 5][:40]
FOUR = {line.id: line for line in FEW if line.cell.stratum != "other"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def corpus(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Sixty-odd utterances instead of 680, spoken once for all tests."""
    monkeypatch.setattr(demo, "script", lambda seed: FEW)
    monkeypatch.setenv("MER_CACHE", str(cache))
    return Demo(Demo.Config())


def test_keeps_the_contract(corpus: Demo):
    assert isinstance(corpus, Corpus)


def test_reads_the_four_classes_and_nothing_else(corpus: Demo):
    utterances = corpus.read()
    assert [x.id for x in utterances] == sorted(FOUR)
    assert len(FOUR) < len(FEW)
    assert {x.label for x in utterances} == {"ang", "hap", "neu", "sad"}


def test_utterances_say_what_the_script_says(corpus: Demo):
    for utterance in corpus.read():
        line = FOUR[utterance.id]
        assert utterance.label == line.cell.label
        assert utterance.text in (line.spoken, "")
        assert utterance.speaker == f"Ses0{line.session}{line.speaker.gender}"
        assert utterance.session == str(line.session)
        assert utterance.audio is not None
        assert utterance.audio.path.is_file()
        expected = {"stratum": line.cell.stratum, "words": line.cell.words, "voice": line.cell.voice}
        assert expected.items() <= utterance.fields.items()
        assert utterance.fields["dialog"] == line.dialog
        assert utterance.fields["kind"] == ("improvised" if "impro" in line.id else "scripted")


def test_traps_are_there_and_none_is_stepped_into(corpus: Demo):
    texts = [x.text for x in corpus.read()]
    written = [line.transcript for line in FOUR.values()]
    assert any("[" in text for text in written)
    assert not any("[" in (text or "") for text in texts)
    assert any(": " in (text or "") for text in texts)
    assert "" in texts


def test_is_made_once(corpus: Demo, monkeypatch: pytest.MonkeyPatch):
    first = corpus.read()
    monkeypatch.setattr(demo, "write_tree", lambda *args, **kwargs: pytest.fail("made again"))
    assert Demo(Demo.Config()).read() == first


def test_is_kept_under_a_name_that_tells_seed_and_content(corpus: Demo, cache: Path, monkeypatch: pytest.MonkeyPatch):
    assert corpus.folder.parent == cache
    assert corpus.folder.name.endswith("-seed0")
    monkeypatch.setattr(demo, "script", lambda seed: FEW[:-1])
    assert Demo(Demo.Config()).folder != corpus.folder


def test_is_made_where_the_user_says(corpus: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(demo, "script", lambda seed: FEW[-3:])
    here = Demo(Demo.Config(path=tmp_path / "new" / "demo"))
    assert here.folder == tmp_path / "new" / "demo"
    assert all(x.audio and x.audio.path.is_relative_to(here.folder) for x in here.read())


def test_a_folder_with_something_else_in_it(corpus: Demo, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is not a demo corpus"):
        Demo(Demo.Config(path=tmp_path)).read()
    with pytest.raises(DataError, match="is not a demo corpus"):
        Demo(Demo.Config(path=tmp_path / "notes.txt")).read()


def test_missing_extra(corpus: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_engine", espeak._Engine)
    with pytest.raises(PluginError, match=r"Run: pip install 'mer-core\[demo\]'"):
        Demo(Demo.Config(path=tmp_path / "demo")).read()
    assert list(tmp_path.iterdir()) == []


def test_negative_seed_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Demo.Config(seed=-1)


def test_ceilings_are_told(corpus: Demo):
    assert list(corpus.ceilings()) == ["text only", "audio only", "additive", "full"]
