import json

import pytest

from mer_core.errors import RunError
from mer_core.rundir import RunDir, check_place, default_folder, open_run

INFO = {
    "spec": {"aux": (1, 2)},
    "classes": ["a"],
    "seeds": [1, 2],
    "folds": ["1", "2"],
    "corpus": "c",
    "folds_hash": "f",
    "provenance": {"python": "3.11"},
}


def start(path, info=INFO, *, resume=False, force=False):
    return open_run(path, info, resume=resume, force=force)


@pytest.mark.parametrize("there", [False, True])
def test_a_new_or_empty_place_becomes_a_run(tmp_path, there):
    path = tmp_path / "a" / "run"
    if there:
        path.mkdir(parents=True)
    run = start(path)
    assert run.info() == json.loads(json.dumps(INFO))
    assert [str(cell.folder.relative_to(path)) for cell in run.cells()] == [
        "seed-1/fold-1", "seed-1/fold-2", "seed-2/fold-1", "seed-2/fold-2",
    ]  # fmt: skip


def test_an_existing_run_is_refused_with_the_three_remedies(tmp_path):
    start(tmp_path / "run")
    expected = r"run exists\nGo on with it: --resume\. Replace it: --force\. Or choose another: --out DIR\."
    with pytest.raises(RunError, match=expected):
        start(tmp_path / "run")
    with pytest.raises(RunError, match=expected):
        check_place(tmp_path / "run", resume=False, force=False)


def test_force_replaces_a_run_and_all_that_is_in_it(tmp_path):
    run = start(tmp_path / "run")
    cell = run.cell(1, "1")
    cell.folder.mkdir(parents=True)
    cell.predictions.write_text("")
    start(tmp_path / "run", INFO | {"seeds": [3]}, force=True)
    assert not cell.folder.exists()
    assert RunDir(tmp_path / "run").info()["seeds"] == [3]


def test_resume_goes_on_with_the_same_run_and_keeps_its_info(tmp_path):
    cell = start(tmp_path / "run").cell(1, "1")
    cell.folder.mkdir(parents=True)
    cell.predictions.write_text("")
    run = start(tmp_path / "run", INFO | {"provenance": {"python": "3.12"}}, resume=True)
    assert cell.predictions.is_file()
    assert run.info()["provenance"] == {"python": "3.11"}


def test_resume_where_there_is_nothing_starts_anew(tmp_path):
    assert start(tmp_path / "run", resume=True).info()["seeds"] == [1, 2]


def test_resume_refuses_another_run_and_says_what_differs(tmp_path):
    start(tmp_path / "run")
    other = INFO | {"spec": {"aux": (1,)}, "corpus": "d", "folds_hash": "g"}
    expected = (
        r"run was started with other settings\n  aux: .* before, \[1\] now\n(  .* now\n)*"
        r"  corpus: c before, d now\n  folds_hash: f before, g now\nResume with the options"
    )
    with pytest.raises(RunError, match=expected):
        start(tmp_path / "run", other, resume=True)


STRANGERS = {
    "notes": {"notes.txt": "mine"},
    "other run.json": {"run.json": '{"command": "make"}', "data.bin": "x"},
    "damaged run.json": {"run.json": '{"spec"', "data.bin": "x"},
    "list": {"run.json": "[1]"},
    "binary": {"run.json": "\udcff"},
}


@pytest.mark.parametrize("files", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("flags", [{}, {"force": True}, {"resume": True}, {"force": True, "resume": True}], ids=str)
def test_what_is_no_run_directory_is_never_removed(tmp_path, files, flags):
    for name, content in files.items():
        (tmp_path / name).write_text(content, errors="surrogateescape")
    with pytest.raises(RunError, match=r"exists and is not a run directory\nChoose another place with --out"):
        start(tmp_path, **flags)
    assert {path.name for path in tmp_path.iterdir()} == files.keys()


def test_a_file_in_the_place_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunError, match="exists and is not a run directory"):
        start(tmp_path / "run", force=True)
    assert (tmp_path / "run").read_text() == "mine"


def test_a_run_directory_without_its_file_is_told(tmp_path):
    with pytest.raises(RunError, match=r"run\.json is missing\nIs this a run directory\?"):
        RunDir(tmp_path).info()


def test_a_file_or_a_store_of_runs_is_told_from_a_run_directory(tmp_path):
    (tmp_path / "x.tsv").touch()
    with pytest.raises(RunError, match=r"x\.tsv is a file, not a run directory\nName a directory that mer run wrote;"):
        RunDir(tmp_path / "x.tsv").info()
    (tmp_path / "rows" / "fc").mkdir(parents=True)
    (tmp_path / "rows" / "fc" / "run.json").touch()
    (tmp_path / "table-1").mkdir()
    for place in (tmp_path, tmp_path / "rows", tmp_path / "table-1"):
        with pytest.raises(RunError, match=r"is not a run directory, .*rows has some\nFor example .*rows/fc\."):
            RunDir(place).info()


def test_the_default_folder_has_the_name_and_the_time(tmp_path):
    folder = default_folder("demo-fc", tmp_path)
    assert folder.parent == tmp_path
    assert folder.name.endswith("-demo-fc")
    assert not folder.exists()


def test_files_of_a_cell(tmp_path):
    cell = RunDir(tmp_path).cell(7, "Ses01")
    assert {p.name for p in (cell.predictions, cell.weights, cell.history)} == {
        "predictions.csv", "weights.safetensors", "history.json",
    }  # fmt: skip
    assert cell.folder == tmp_path / "seed-7" / "fold-Ses01"
