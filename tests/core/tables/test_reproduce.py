"""Tables made whole, in part, again, and beside another process."""

import json
import shutil
import statistics
from dataclasses import replace

import pytest
from sklearn.metrics import balanced_accuracy_score

from mer_core import workers
from mer_core.cells import CellRunner
from mer_core.errors import RunError, SpecError
from mer_core.events import CellEnded, CellFailed, CellStarted, InCell, Note, Planned
from mer_core.report import write_report
from mer_core.resolve import Overrides
from mer_core.rundir import RunDir
from mer_core.scoring import read_predictions
from mer_core.tables.store import cell_locked
from mer_core.testing.toys import ToyCorpus


def told(events, kind):
    return [(e.run, e.fold) for e in events if isinstance(e, InCell) and isinstance(e.event, kind)]


def rows(table):
    return {row["name"]: row for row in table["rows"]}


def written(out):
    """Return the content of every file below `rows`, without locks."""
    files = (p for p in sorted((out / "rows").rglob("*")) if p.is_file() and not p.name.endswith(".lock"))
    return {str(p.relative_to(out)): p.read_bytes() for p in files}


def ua(cell):
    stored = read_predictions(cell.predictions)
    return balanced_accuracy_score(stored.labels, stored.predicted)


def cells(out):
    """Return what the cells below `out` left."""
    return {name: content for name, content in written(out).items() if "/fold-" in name}


def test_rows_are_runs_and_one_that_two_tables_have_is_done_once(reproduction, whole, tmp_path):
    events = []
    first, second = reproduction(listener=events.append).run()
    assert [first, second] == whole.tables, "the same in another place"
    runs = {row["title"]: row["run"] for table in (first, second) for row in table["rows"]}
    assert runs["both, task"] == runs["with the task"]
    assert len(set(runs.values())) == 4
    assert len(told(events, CellStarted)) == 4 * 2
    (planned,) = [e for e in events if isinstance(e, Planned)]
    assert [(run.title, run.folds) for run in planned.runs] == [
        (title, ("1", "2")) for title in ("audio only", "both", "both, task", "longer")
    ]
    for table in (first, second):
        assert json.loads((tmp_path / "out" / f"table-{table['name']}" / "table.json").read_text()) == table
    assert rows(first)["audio"]["note"] == "ours"
    assert rows(first)["both"]["published"] == {
        "wa": 0.75, "ua": None, "protocol": "one fold", "source": "another paper"
    }  # fmt: skip
    assert [(pair["a"], pair["b"]) for pair in first["pairs"]] == [("both", "audio only"), ("both, task", "both")]
    assert first["pairs"][0]["sentences"][0].startswith(("both ", "audio only "))
    assert second["pairs"] == []


def test_figures_are_those_of_the_runs(whole, manager):
    for row in (row for table in whole.tables for row in table["rows"]):
        run = RunDir(whole.out / "rows" / row["run"])
        report = write_report(run, manager)
        assert row["wa"]["estimate"] == pytest.approx(report["summary"]["accuracy"]["mean"], abs=1e-12)
        assert row["wa"]["sd_folds"] == pytest.approx(report["summary"]["accuracy"]["sd_folds"], abs=1e-12)
        uas = list(map(ua, run.cells()))
        assert row["ua"]["estimate"] == pytest.approx(statistics.fmean(uas), abs=1e-12)
        assert row["ua"]["sd_folds"] == pytest.approx(statistics.stdev(uas), abs=1e-12)
        assert row["ua"]["sd_seeds"] is None


def test_settings_of_the_row_and_of_the_call_reach_the_pipeline(reproduction, tmp_path):
    reproduction(tables=("b",), overrides=Overrides(sets=["train.batch_size=4"])).run()
    specs = [RunDir(path).info()["spec"] for path in sorted((tmp_path / "out" / "rows").iterdir())]
    assert sorted((s["train"]["epochs"], len(s["aux"])) for s in specs) == [(2, 1), (3, 0)]
    assert {s["train"]["batch_size"] for s in specs} == {4}


def test_what_is_done_is_not_repeated_and_more_seeds_add_to_it(copied, whole, tmp_path):
    before, events = written(tmp_path / "out"), []
    assert copied(listener=events.append).run() == whole.tables
    assert told(events, CellStarted) == []
    assert len(told(events, CellEnded)) == 8
    assert written(tmp_path / "out") == before
    events.clear()
    (table,) = copied(tables=("b",), seeds=(1, 2), listener=events.append).run()
    assert len(told(events, CellStarted)) == 2 * 2, "seed 1 is there"
    row = rows(table)["longer"]
    assert table["seeds"] == [1, 2]
    run = RunDir(tmp_path / "out" / "rows" / row["run"])
    means = [statistics.fmean(ua(run.cell(seed, fold)) for fold in "12") for seed in (1, 2)]
    assert row["ua"]["sd_seeds"] == pytest.approx(statistics.stdev(means), abs=1e-12)
    assert row["utterances"] == 16, "each utterance once, whatever the seeds"
    assert copied(tables=("b",)).run() == whole.tables[1:], "one seed again"


def test_workers_in_processes_give_the_same(reproduction, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "num_cores", lambda: 2)
    assert reproduction(jobs=2).run() == whole.tables
    assert cells(tmp_path / "out") == cells(whole.out)


def test_a_cell_that_fails_is_told_and_tried_again_and_the_rest_goes_on(reproduction, whole, tmp_path, monkeypatch):
    real, events = CellRunner.__call__, []

    def fail(self, task, listener):
        if task.fold.name == "2" and self.spec.aux:
            raise ZeroDivisionError("by zero")
        real(self, task, listener)

    with monkeypatch.context() as patch:
        patch.setattr(CellRunner, "__call__", fail)
        first, second = reproduction(listener=events.append).run()
    assert [fold for _, fold in told(events, CellFailed)] == ["2"]
    assert rows(first)["tasks"]["failed"] == ["fold 2, seed 1: ZeroDivisionError: by zero"]
    assert "ua" not in rows(first)["tasks"]
    assert "ua" not in rows(second)["task"], "it is the same run"
    assert "ua" in rows(first)["both"]
    assert [(pair["a"], pair["b"]) for pair in first["pairs"]] == [("both", "audio only")]
    (kept,) = (tmp_path / "out").rglob("error.txt")
    assert "Traceback" in kept.read_text()

    events.clear()
    assert reproduction(listener=events.append).run() == whole.tables
    assert [fold for _, fold in told(events, CellStarted)] == ["2"]
    assert cells(tmp_path / "out") == cells(whole.out), "the error is gone"


def test_a_row_that_cannot_be_made_here_is_left_out_with_its_reason(copied):
    events = []
    broken = '[tables.b.rows.odd]\ntitle = "odd"\nfusion = "nowhere"\n'
    (table,) = copied(broken, tables=("b",), listener=events.append).run()
    assert rows(table)["odd"]["failed"][0].startswith('fusion "nowhere" is not known')
    assert "ua" in rows(table)["task"]
    assert any(isinstance(e, Note) and e.text.startswith("odd is left out: fusion") for e in events)


def test_where_no_row_can_be_made_it_is_an_error(reproduction):
    with pytest.raises(SpecError, match='device "cuda" is not available'):
        reproduction(device="cuda").run()


def test_a_cell_that_another_process_has_is_waited_for(reproduction, whole, tmp_path):
    events, held = [], []

    def listen(event):
        events.append(event)
        if isinstance(event, Planned):  # somebody else takes the first cell
            run = RunDir(tmp_path / "out" / "rows" / event.runs[0].name)
            held.append(cell_locked(run.cell(1, "1"), wait=False))
            assert held[0].__enter__()
        if isinstance(event, Note):
            assert len(told(events, CellEnded)) == 3, "everything else first"
            shutil.copytree(whole.out / "rows", tmp_path / "out" / "rows", dirs_exist_ok=True)
            held[0].__exit__(None, None, None)

    assert reproduction(tables=("b",), listener=listen).run() == whole.tables[1:]
    notes = [e.text for e in events if isinstance(e, Note)]
    assert notes == ["another call is working on 1 of the folds: waiting for it"]
    assert len(told(events, CellStarted)) == 3
    assert len(told(events, CellEnded)) == 4


# Figures follow the files


def predictions(out, table, row):
    return sorted((out / "rows" / rows(table)[row]["run"]).rglob("predictions.csv"))


def wrong(line, classes):
    """Return a line of predictions that is sure of a class that is not the label."""
    id_, label, *_ = line.split(",")
    turned = next(name for name in classes if name != label)
    return ",".join([id_, label, turned, *("1" if name == turned else "0" for name in classes)])


def test_a_changed_file_changes_the_table_and_is_named(copied, whole, tmp_path):
    before = whole.tables[1]
    file, _ = predictions(tmp_path / "out", before, "longer")
    header, *lines = file.read_text().splitlines()
    classes = [name.removeprefix("p_") for name in header.split(",")[3:]]
    file.write_text("\n".join([header, *(wrong(line, classes) for line in lines)]) + "\n")
    (now,) = copied(tables=("b",)).run()
    other = read_predictions(predictions(tmp_path / "out", before, "longer")[1])
    half = statistics.fmean(a == b for a, b in zip(other.labels, other.predicted, strict=True)) / 2
    assert rows(now)["longer"]["wa"]["estimate"] == pytest.approx(half)
    assert rows(now)["task"] == rows(before)["task"]
    assert now["warnings"] == [f"{file} was changed after the run wrote it"]


@pytest.mark.parametrize(("old", "new"), [("angry", "anger"), ("u0000,angry", "u0000,happy")])
def test_a_file_that_contradicts_the_run_is_named_and_refused(copied, whole, tmp_path, old, new):
    file, _ = predictions(tmp_path / "out", whole.tables[1], "longer")
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(RunError, match=f"{file}: u0000 is labelled {new[-5:]}, .*\nRemove that file, or put back"):
        copied(tables=("b",)).run()
    file.unlink()
    assert copied(tables=("b",)).run() == whole.tables[1:]


# Beside the rows


def test_baselines_stand_beside_the_rows(whole):
    majority, *others = whole.tables[1]["baselines"]
    assert majority == {
        "title": "scenario majority", "reason": "the corpus names no scenarios (field `scenario`)"
    }  # fmt: skip
    assert [guess["title"] for guess in others] == ["TF-IDF + logistic regression", "nearest transcript"]
    for guess in others:
        assert guess["utterances"] == 16
        assert guess["ua"]["sd_folds"] is not None


def test_improvised_and_scripted_stand_apart(reproduction, monkeypatch):
    real = ToyCorpus.read

    def kinds(self):
        kind = ("improvised", "scripted")
        return [replace(u, fields={**u.fields, "kind": kind[i // 8]}) for i, u in enumerate(real(self))]

    monkeypatch.setattr(ToyCorpus, "read", kinds)
    (table,) = reproduction(tables=("b",)).run()
    for row in [*table["rows"], *table["baselines"][1:]]:
        parts = row["parts"]
        assert {name: part["utterances"] for name, part in parts.items()} == {"improvised": 8, "scripted": 8}
        assert statistics.fmean(p["wa"]["estimate"] for p in parts.values()) == pytest.approx(row["wa"]["estimate"])
