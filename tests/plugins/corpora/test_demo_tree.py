"""The tree on disk: there in full or not at all, the same bytes each time, and damage is found."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mer_core.errors import DataError
from mer_plugins.corpora import demo_tree
from mer_plugins.corpora.demo_script import script
from mer_plugins.corpora.demo_tree import check_tree, write_tree
from mer_plugins.corpora.espeak import VOICES, speak

pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
FEW = [line for line in script(0) if line.session == 2 and int(line.id[-3:]) < 2 and "impro" in line.id]
WAV = f"Session2/sentences/wav/{FEW[0].dialog}/{FEW[0].id}.wav"


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "demo"
    write_tree(FEW, folder, key="few")
    return folder


@pytest.fixture
def tree(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "demo"))


def test_same_lines_same_bytes(made: Path, tmp_path: Path):
    speak("Something else.", voice=VOICES[0])
    write_tree(FEW, tmp_path / "again", key="few")
    assert content(tmp_path / "again") == content(made)


def test_layout_is_that_of_the_release(made: Path):
    dialog = FEW[0].dialog
    names = content(made).keys()
    assert {
        "contents.json",
        "strata.csv",
        f"Session2/dialog/EmoEvaluation/{dialog}.txt",
        f"Session2/dialog/EmoEvaluation/._{dialog}.txt",
        f"Session2/dialog/EmoEvaluation/Attribute/{dialog}_e1_atr.txt",
        f"Session2/dialog/EmoEvaluation/Categorical/{dialog}_e1_cat.txt",
        f"Session2/dialog/EmoEvaluation/Self-evaluation/{dialog}_f.txt",
        f"Session2/dialog/transcriptions/{dialog}.txt",
        f"Session2/dialog/transcriptions/._{dialog}.txt",
    } <= names
    assert {Path(name).stem for name in names if name.endswith(".wav")} == {line.id for line in FEW}


def test_recordings_are_16_khz_mono_16_bit_and_not_clipped(made: Path):
    for path in made.rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        wave, _ = soundfile.read(path, dtype="float32")
        assert 0.02 < np.abs(wave).max() < 0.999


def test_strata_name_the_cell_of_each_utterance_of_the_four_classes(made: Path):
    header, *rows = (made / "strata.csv").read_text(encoding="utf-8").splitlines()
    assert header == "id,stratum,words,voice,label"
    four = [line for line in FEW if line.cell.stratum != "other"]
    assert rows == [",".join((x.id, x.cell.stratum, x.cell.words, x.cell.voice, x.cell.label)) for x in four]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_cut_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]):
    _fail_at_third(monkeypatch, interruption())
    with pytest.raises(interruption):
        write_tree(FEW, tmp_path / "demo", key="few")
    assert list(tmp_path.iterdir()) == []


def test_killed_leaves_a_partial_tree_that_is_not_taken_for_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)  # a killed process cleans nothing up
        _fail_at_third(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            write_tree(FEW, tmp_path / "demo", key="few")
    (left,) = tmp_path.iterdir()
    assert list(left.rglob("*.wav"))
    with pytest.raises(DataError, match="is not a demo corpus"):
        check_tree(left, key="few")
    write_tree(FEW, tmp_path / "demo", key="few")
    check_tree(tmp_path / "demo", key="few")
    assert left.exists(), "it may belong to a process that is still writing"
    os.utime(left, (0, 0))
    write_tree(FEW[:1], tmp_path / "demo2", key="one")
    assert left.exists(), "it belongs to another corpus"
    shutil.rmtree(tmp_path / "demo")
    write_tree(FEW[:1], tmp_path / "demo", key="one")
    assert not left.exists()


def _fail_at_third(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    calls = []

    def speak_or_fail(line):
        calls.append(line)
        if len(calls) == 3:
            raise error
        return np.zeros(160, np.int16)

    monkeypatch.setattr(demo_tree, "_spoken", speak_or_fail)


def test_two_at_once(tmp_path: Path):
    folder = tmp_path / "demo"
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_tree, FEW, folder, key="few") for _ in range(2)]:
            done.result()
    check_tree(folder, key="few")
    assert list(tmp_path.iterdir()) == [folder]


def test_an_empty_folder_is_filled(tmp_path: Path):
    write_tree(FEW[:1], tmp_path, key="one")
    check_tree(tmp_path, key="one")


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _fail_at_third(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DataError, match=r"cannot be written to .*demo: .*No space left.*\nIt needs about 60 MB"):
        write_tree(FEW, tmp_path / "demo", key="few")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("Do not remove.")
    with pytest.raises(DataError, match="cannot be written to"):
        write_tree(FEW[:1], folder, key="one")
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    assert list(tmp_path.iterdir()) == [folder]


def test_missing_file_is_found(tree: Path):
    (tree / WAV).unlink()
    with pytest.raises(DataError, match=rf"demo corpus in .* is damaged: {WAV} is missing\nRemove that folder"):
        check_tree(tree, key="few")


def test_truncated_file_is_found(tree: Path):
    os.truncate(tree / WAV, 1000)
    with pytest.raises(DataError, match=rf"is damaged: {WAV} has 1000 bytes, not \d+\nRemove that folder"):
        check_tree(tree, key="few")


def test_files_that_a_desktop_adds_do_no_harm(tree: Path):
    (tree / ".DS_Store").write_bytes(b"x")
    check_tree(tree, key="few")


@pytest.mark.parametrize("text", [None, "", "[]", '{"key": "few"}'])
def test_unreadable_contents(tree: Path, text: str | None):
    (tree / "contents.json").unlink() if text is None else (tree / "contents.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a demo corpus: it has no readable contents.json\nName a folder that"):
        check_tree(tree, key="few")


def test_another_seed(tree: Path):
    with pytest.raises(DataError, match=r"holds another demo corpus: it was made from few, not other\nName a folder"):
        check_tree(tree, key="other")
