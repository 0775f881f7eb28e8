"""`mer reproduce` on toys: what it prints, what it leaves, how it ends."""

import csv
import io
import json
import math
import re

import pytest

from mer_cli import tables, tidy
from mer_core.cells import CellRunner
from mer_core.events import CellStarted

TABLES = """
[tables.t]
title = "toy table"
source = "a paper"
protocol = "one split"
pairs = [["both", "text"]]
rows.text = { title = "text only", modalities = ["text"] }
rows.both = { title = "both", fusion = "fc", aux = [], published = { wa = 0.5, source = "a book" }, note = "ours" }
"""


@pytest.fixture
def registry(request, workplace):
    """The toys with a table."""
    toys = request.path.parent / "toy"
    parts = (toys / "registry.toml").read_text().replace("toy_parts.py", str(toys / "toy_parts.py"))
    path = workplace / "with-table.toml"
    path.write_text(parts + TABLES)
    return path


@pytest.fixture
def reproduce(mer, registry):
    return lambda *args: mer("reproduce", "--table", "t", "--pipeline", "toy", "--jobs", 1, *args, registry=registry)


def cells(text):
    """Return the lines of the first table by their first words."""
    lines = text.strip().partition("\n\n")[0].splitlines()
    return {parts[0]: parts[1:] for parts in (re.split(r" {2,}", line) for line in lines)}


def test_it_prints_the_table_with_what_was_published_and_the_paired_test(reproduce, workplace):
    result = reproduce()
    assert result.exit_code == 0, result.output
    out = result.stdout
    assert len(re.findall(r"^(text only|both), fold \d  WA ", out, re.MULTILINE)) == 6
    assert "toy table: percent\n" in out
    stored = json.loads((workplace / "tables" / "toy" / "table-t" / "table.json").read_text())
    shown = cells(out.partition("toy table: percent")[2])
    both = stored["rows"][1]
    assert shown["both"][0] == f"{100 * both['wa']['estimate']:.2f}"
    assert shown["both"][3] == "50.00", "published"
    assert shown["nearest transcript"]
    assert re.findall(r"^both - text only +(\w+)", out, re.MULTILINE) == ["UA", "WA"]
    protocol, folds = both["protocol"], both["folds_hash"]
    for line in (
        f"protocol: {protocol['name']} ({protocol['hash'][:8]}, folds {folds[:8]})",
        "both: ours",
        "published: a paper; one split",
        "both, published: a book",
        "scenario majority: not here, the corpus names no scenarios (field `scenario`)",
        "tables: tables/toy",
    ):
        assert line in out.splitlines()


def test_rows_are_run_directories_for_the_other_commands(reproduce, mer, workplace):
    reproduce("--out", "here")
    stored = json.loads((workplace / "here" / "table-t" / "table.json").read_text())
    run = workplace / "here" / "rows" / stored["rows"][0]["run"]
    assert mer("predict", run, "--text", "i am sad").exit_code == 0


def test_a_failed_cell_is_told_the_exit_code_is_1_and_the_same_command_mends_it(reproduce, monkeypatch):
    real = CellRunner.__call__

    def fail(self, task, listener):
        if task.fold.name == "2":
            raise ZeroDivisionError("by zero")
        real(self, task, listener)

    with monkeypatch.context() as patch:
        patch.setattr(CellRunner, "__call__", fail)
        result = reproduce()
    assert result.exit_code == 1
    assert "text only, fold 2  failed: ZeroDivisionError: by zero" in result.stdout
    assert "text only: fold 2, seed 1: ZeroDivisionError: by zero" in result.stdout
    assert cells(result.stdout.partition("toy table")[2])["both"][:2] == ["n/a", "n/a"]
    assert reproduce().exit_code == 0


def test_ctrl_c_says_how_to_go_on(reproduce, monkeypatch, registry):
    def interrupt(self, task, listener):
        listener(CellStarted(0, 1))
        raise KeyboardInterrupt

    monkeypatch.setattr(CellRunner, "__call__", interrupt)
    result = reproduce()
    assert result.exit_code == 130
    assert result.stdout.splitlines()[-1] == (
        f"Stopped. Go on with: mer reproduce --table t --pipeline toy --jobs 1 --registry {registry}"
    )


def test_without_the_cache_the_table_is_the_same_and_nothing_is_kept(reproduce, workplace, monkeypatch):
    rows = []
    for out, more in (("kept", []), ("none", ["--no-cache"])):
        monkeypatch.setenv("MER_CACHE", str(workplace / f"cache-{out}"))
        assert reproduce("--out", out, *more).exit_code == 0
        rows.append(json.loads((workplace / out / "table-t" / "table.json").read_text())["rows"])
    assert [row["ua"] for row in rows[0]] == [row["ua"] for row in rows[1]]
    packs = [list((workplace / f"cache-{out}").rglob("*.pack")) for out in ("kept", "none")]
    assert list(map(len, packs)) == [1, 0]


def test_an_unknown_table_is_refused(mer, registry):
    result = mer("reproduce", "--table", "tt", "--pipeline", "toy", registry=registry)
    assert result.exit_code == 2
    assert 'table "tt" is not known (did you mean "t"?)' in result.stderr


# Words of a table


def row(**more):
    figure = {"estimate": 0.5, "low": 0.4, "high": 0.6, "sd_folds": 0.1, "sd_seeds": None}
    base = {"title": "A", "name": "a", "note": "", "published": None, "failed": [], "wa": figure, "ua": figure}
    return base | {"parts": {}, "remark": ""} | more


def table(*rows, **more):
    base = {"title": "t", "seeds": [1], "baselines": [], "pairs": [], "warnings": [], "notes": []}
    base["published"] = {"source": "", "protocol": ""}
    return base | {"rows": rows} | more


def test_what_was_selected_on_test_or_uses_context_says_so_at_its_figures():
    made = table(row(remark="selected on test (optimistic)"), row(title="B", uses_context={"text": [1, 1]}))
    (shown,) = tables.shown(made)
    assert [line[0] for line in shown.rows] == ["A (selected on test (optimistic))", "B (uses context)"]


def test_notes_and_remarks_of_a_row_are_told_with_its_title():
    told = row(note="an approximation", remarks=["fusion: word vectors are learned"])
    lines = list(tables.lines(table(told, row(title="B"), protocol=None, published={"source": "", "protocol": ""})))
    assert lines == ["A: an approximation", "A: fusion: word vectors are learned"]


def test_how_a_figure_was_come_by_stands_beside_it_where_rows_differ_in_it():
    def shown(*protocols):
        given = [row(published={"wa": 0.7, "protocol": protocol, "source": ""}) for protocol in protocols]
        (made,) = tables.shown(table(*given, row(), published={"source": "", "protocol": "10 folds"}))
        return made

    differing = shown("10 folds", "leave one session out")
    assert differing.columns[-2:] == ["published", "published under"]
    assert [line[-1] for line in differing.rows] == ["10 folds", "leave one session out", ""]
    assert shown("leave one session out").columns[-1] == "published under"  # of one row alone, and not the table's
    alike = shown("10 folds", "10 folds")
    assert alike.columns[-1] == "published"
    assert {len(line) for line in alike.rows} == {len(alike.columns)}


def test_seeds_have_a_column_of_their_own_and_kinds_a_table_of_their_own():
    part = {"utterances": 7, "wa": row()["wa"], "ua": row()["ua"] | {"low": None, "high": None}}
    made = table(row(parts={"scripted": part}), seeds=[1, 2])
    everything, scripted = tables.shown(made)
    assert everything.columns[:6] == ["", "WA", "sd folds", "sd seeds", "95 %", "published"]
    assert everything.rows[0][:6] == ["A", "50.00", "10.00", "n/a", "40.00 to 60.00", ""]
    assert scripted.title == "scripted utterances alone (7): percent"
    assert scripted.rows == [["A", "50.00", "40.00 to 60.00", "50.00", "n/a"]]


def test_the_optimism_meter_stands_below():
    claims = {"wa": {"claimed": 0.75, "difference": 0.25}, "ua": {"claimed": 0.5, "difference": 0.0}}
    _, shown = tables.shown(table(row(optimism=claims), row(title="B", optimism={})))
    assert shown.rows == [["A", "75.00", "+25.00", "50.00", "+0.00"]]


def test_an_interval_that_is_undefined_is_told_once_whether_read_or_computed():
    for missing in (None, math.nan):
        (shown,) = tables.shown(table(row(wa=row()["wa"] | {"low": missing, "high": missing})))
        assert shown.rows[0][3] == "n/a"


def test_csv_tells_why_a_row_or_a_pair_has_no_figures():
    pair = {"a": "A", "b": "A", "reason": "other utterances"}
    failed = row(wa=None, ua=None, failed=["fold 1: by zero"], uses_context={"text": [1, 1]})
    found = list(tidy.of_tables([table(failed, pairs=[pair], name="t")]))
    assert [(line["row"], line.get("estimate"), line["remark"]) for line in found] == [
        *2 * [("A", None, "uses context, fold 1: by zero")],
        ("A - A", None, "uses context, fold 1: by zero; other utterances"),
    ]


def test_rows_under_different_protocols_are_told_one_by_one():
    runs = [
        row(
            title=t,
            run=t,
            corpus="5" * 32,
            provenance={},
            protocol={"name": "p", "hash": t * 32, "folds_hash": "0" * 32},
        )
        for t in "ab"
    ]
    told = list(tables.lines(table(*runs, protocol=None, published={"source": "", "protocol": ""})))
    assert told == [
        "a: protocol p (aaaaaaaa, folds 00000000)",
        "b: protocol p (bbbbbbbb, folds 00000000)",
        "corpus: not named, hash 55555555",
    ]


def test_ceilings_are_told():
    made = table(row(ceilings={"text": 0.5}), published={"source": "", "protocol": ""}, protocol=None)
    assert "best reachable on this corpus, by what is used: text 50.00" in list(tables.lines(made))


def test_a_pair_that_cannot_be_tested_says_why():
    (_, shown) = tables.shown(table(row(), pairs=[{"a": "A", "b": "B", "reason": "other utterances"}]))
    assert shown.rows == [["A - B", "", "other utterances", "", "", "", ""]]


def test_its_report_is_a_page_or_text_computed_anew_from_the_files(reproduce, mer, workplace):
    assert reproduce().exit_code == 0
    store = workplace / "tables" / "toy"
    before = mer("report", store, "--format", "csv").stdout
    shown = mer("report", store, "--format", "markdown").stdout
    stored = json.loads((store / "table-t" / "table.json").read_text())
    first, second = stored["rows"]
    for line in (*stored["pairs"][0]["sentences"], "published: a paper; one split", "both: ours"):
        assert f"- {line}" in shown.splitlines()
    found = {(row["row"], row["figure"]): row for row in csv.DictReader(io.StringIO(before))}
    for row in (first, second):
        line = found[row["title"], "wa"]
        assert float(line["estimate"]) == pytest.approx(100 * row["wa"]["estimate"], abs=1e-4)
        assert (line["protocol_hash"], line["folds_hash"]) == (row["protocol"]["hash"], row["folds_hash"])
    assert (found["both", "wa"]["published"], found["both", "wa"]["published_source"]) == ("50.0", "a book; one split")
    assert found["nearest transcript", "wa"]["remark"] == "baseline"
    pair = found["both - text only", "ua"]
    assert (pair["unit"], pair["folds_hash"]) == ("points", first["folds_hash"])
    assert float(pair["p_holm"]) == pytest.approx(stored["pairs"][0]["ua"]["p_holm"], abs=1e-4)
    written = mer("report", store / "table-t")
    assert written.exception is None, repr(written.exception)
    assert written.stdout == f"written to: {store / 'table-t' / 'report.html'}\n", written.output
    html = (store / "table-t" / "report.html").read_text()
    for text in ("toy table: percent", "differences: points", "published: a paper; one split", "scenario majority"):
        assert text in html
    file = store / "rows" / stored["rows"][0]["run"] / "seed-1" / "fold-1" / "predictions.csv"
    header, *rows = file.read_text().splitlines()
    first = rows[0].split(",")
    other = next(n for n, name in enumerate(header.split(",")[3:]) if name != f"p_{first[2]}")
    first[2:] = [header.split(",")[3 + other].removeprefix("p_"), *("1" if n == other else "0" for n in range(4))]
    file.write_text("\n".join([header, ",".join(first), *rows[1:]]) + "\n")
    after = list(csv.DictReader(io.StringIO(mer("report", store, "--format", "csv").stdout)))
    told = {row["row"] for row in after if row["changed"] == "seed-1/fold-1/predictions.csv"}
    assert told == {"text only", "both - text only"}
    shown = mer("report", store, "--format", "markdown").stdout
    assert re.match(r"- \*\*warning: .*predictions.csv was changed after the run wrote it\*\*\n", shown)
    assert mer("report", store).exit_code == 0
    assert "was changed after the run wrote it" in (store / "report.html").read_text()
    file.unlink()
    gone = mer("report", store)
    assert gone.exit_code == 2
    assert f"{file} is missing" in gone.stderr
    assert "Remove the fold's folder; the same mer reproduce makes it again." in gone.stderr


def test_a_place_without_tables_is_named(mer, workplace):
    from mer_core.errors import RunError
    from mer_core.manager import PluginManager
    from mer_core.tables.stored import read_tables

    with pytest.raises(RunError, match=r"holds no table\nGive the folder that `mer reproduce` named at its end"):
        read_tables(workplace, PluginManager())
