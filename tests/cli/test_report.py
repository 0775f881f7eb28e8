"""`mer report`: a trained toy run as a page and as text."""

import csv
import io
import json
import re
import shutil

import pytest


@pytest.fixture
def run(trained, workplace):
    return shutil.copytree(trained, workplace / "run")


def figures(text):
    """The WA of each fold as CSV has it."""
    return {row["fold"]: row["WA"] for row in csv.DictReader(io.StringIO(text))}


def page_data(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])


def test_a_page_with_every_utterance_is_written_into_the_run(mer, run):
    result = mer("report", run)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"written to: {run / 'report.html'}\n"
    html = (run / "report.html").read_text()
    report = json.loads((run / "report.json").read_text())
    for name in ("wa", "ua"):
        assert f"{100 * report['summary'][name]['mean']:.2f}" in html
    rows = page_data(html)["rows"]
    assert len(rows) == sum(cell["utterances"] for cell in report["cells"])
    assert [row["loss"] for row in rows] == sorted((row["loss"] for row in rows), reverse=True)
    assert all(row["attention"] for row in rows), "the toy run has fewer than the page shows it for"
    assert "mer diagnose" in html


def test_the_tables_as_text(mer, run, workplace):
    shown = mer("report", run, "--format", "markdown").stdout
    assert "| fold | utterances | WA | UA | macro F1 |" in shown
    assert mer("report", run, "--format", "latex", "--out", "table.tex").stdout == "written to: table.tex\n"
    assert r"\toprule" in (workplace / "table.tex").read_text()


def test_figures_follow_the_prediction_files_and_a_change_is_told(mer, run):
    before = mer("report", run, "--format", "csv").stdout
    file = run / "seed-1" / "fold-2" / "predictions.csv"
    header, *rows = list(csv.reader(file.open()))
    classes = header[3:]
    wrong = [[id_, label, *_certain(classes, other=label)] for id_, label, *_ in rows]
    file.write_text("\n".join(",".join(row) for row in [header, *[r[:2] + r[2:] for r in wrong]]) + "\n")
    assert mer("report", run, "--format", "csv").stdout != before
    html = mer("report", run, "--out", "page.html")
    assert html.exit_code == 0, html.output
    assert "was changed after the run wrote it" in (run.parent / "page.html").read_text()


def _certain(classes, *, other):
    """Return `predicted` and the probabilities of a class that is not `other`."""
    chosen = next(name for name in classes if f"{name}".removeprefix("p_") != other)
    return [chosen.removeprefix("p_"), *("1" if name == chosen else "0" for name in classes)]


def test_what_is_missing_or_was_tampered_with_is_named(mer, run):
    file = run / "seed-1" / "fold-2" / "predictions.csv"
    kept = file.read_text()
    file.write_text(kept.replace(kept.splitlines()[1].split(",")[0], "nobody", 1))
    result = mer("report", run)
    assert result.exit_code == 2
    assert "nobody is no utterance of the run" in result.stderr
    file.unlink()
    result = mer("report", run)
    assert result.exit_code == 2
    assert "models of" in result.stderr
    assert not (run / "report.html").exists()


def test_a_place_that_holds_neither_run_nor_tables(mer, workplace):
    result = mer("report", workplace)
    assert result.exit_code == 2
    assert "run.json is missing" in result.stderr
