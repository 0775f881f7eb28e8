import errno
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mer_core.errors import RunError
from mer_core.files import read_json, remove_half_written, write_json, write_text, written_aside


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "grüße\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "grüße\n".encode()
    assert names(tmp_path / "a") == ["b.txt"]


def test_json_comes_back_and_what_is_not_finite_is_null(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1, 0.5, math.nan, math.inf, -math.inf], "ü": (True, None), 3: "x"})
    assert read_json(path) == {"a": [1, 0.5, None, None, None], "ü": [True, None], "3": "x"}
    json.loads(path.read_text(), parse_constant=pytest.fail)


def test_a_full_disk_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def full(self, text, encoding, newline):
        self.write_bytes(text[:2].encode())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    expected = (
        r"x\.txt could not be written: No space left on device\nMake room or choose another place, then run again"
    )
    with pytest.raises(RunError, match=expected):
        write_text(path, "new text")
    assert (path.read_text(), names(tmp_path)) == ("old", ["x.txt"])


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/x\.txt could not be written: "):
        write_text(tmp_path / "file" / "x.txt", "")


def test_an_error_of_the_writer_itself_keeps_the_old_file(tmp_path):
    path = tmp_path / "x"
    write_text(path, "old")

    def fail():
        with written_aside(path) as aside:
            aside.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (path.read_text(), names(tmp_path)) == ("old", ["x"])


def test_a_kill_in_the_middle_keeps_the_old_file(tmp_path):
    path = tmp_path / "x"
    write_text(path, "old")
    code = (
        "import os, signal, sys; from pathlib import Path; from mer_core.files import written_aside\n"
        "with written_aside(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half')\n"
        "    aside.with_name('.a-librarys-own').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    remove_half_written(tmp_path)
    assert (names(tmp_path), path.read_text()) == (["x"], "old")


def test_many_writers_at_once_leave_one_whole_file(tmp_path):
    path, texts = tmp_path / "x", [letter * 100_000 for letter in "abcdefgh"]
    errors = []

    def work(text):
        try:
            for _ in range(5):
                write_text(path, text)
        except RunError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_text() in texts
    assert names(tmp_path) == ["x"]


def test_a_missing_json_file_is_told_with_the_remedy(tmp_path):
    with pytest.raises(RunError, match=r"run\.json is missing\nIs this a run directory\?"):
        read_json(tmp_path / "run.json")


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe"])
def test_a_damaged_json_file_is_told(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(RunError, match=r"x\.json is damaged: .*\nRun it again with --force"):
        read_json(tmp_path / "x.json")
