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


@pytest.fixture
def uneven(run):
    """The run, wrong about one utterance of fold 1, so that it has an interval."""
    file = run / "seed-1" / "fold-1" / "predictions.csv"
    header, first, *rest = file.read_text().splitlines()
    id_, label, *_ = first.split(",")
    assert label == "ang"
    file.write_text("\n".join([header, f"{id_},{label},hap,0,1,0,0", *rest]) + "\n")
    return run


def lines(text):
    """The lines of a CSV report by figure and fold; the mean is of no fold."""
    return {(row["figure"], row["fold"]): row for row in csv.DictReader(io.StringIO(text))}


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


def test_text_has_what_decides_whether_a_figure_counts(mer, uneven):
    shown = mer("report", uneven, "--format", "markdown").stdout
    assert "| fold | utterances | WA | UA | macro F1 |" in shown
    report = json.loads((uneven / "report.json").read_text())
    corpus, protocol = report["provenance"]["corpus"], report["protocol"]
    assert f"protocol loso ({protocol['hash'][:8]}, folds {protocol['folds_hash'][:8]})" in shown
    assert "- corpus: toy (" in shown
    assert f"hash {corpus[:8]}\n" in shown
    assert re.search(r"^- WA [\d.]+ \(95 % interval [\d.]+ to [\d.]+\), UA .*; 6 speakers resampled\.$", shown, re.M)
    assert "- selecting the epoch on test would have claimed WA" in shown
    latex = mer("report", uneven, "--format", "latex").stdout
    assert latex.count(r"\item ") == len(re.findall(r"^- ", shown, re.M)) == 5


@pytest.mark.parametrize(
    ("ending", "start"), [("html", "<!doctype html>"), ("md", "**toy"), ("tex", r"\begin"), ("csv", "table,")]
)
def test_the_ending_of_the_file_says_the_form(mer, run, workplace, ending, start):
    assert mer("report", run, "--out", f"o.{ending}").stdout == f"written to: o.{ending}\n"
    assert (workplace / f"o.{ending}").read_text().lower().startswith(start)


def test_another_ending_is_refused_unless_the_form_is_said(mer, run, workplace):
    result = mer("report", run, "--out", "o.txt")
    assert result.exit_code == 2
    assert "--out o.txt: its ending names no form of report" in result.stderr
    assert "Let it end in .html, .md, .tex, .csv, or say --format html|markdown|latex|csv." in result.stderr
    assert not (workplace / "o.txt").exists()
    assert mer("report", run, "--out", "o.tex", "--format", "csv").exit_code == 0
    assert (workplace / "o.tex").read_text().startswith("table,")


def test_csv_has_a_line_per_figure_and_model_with_plain_numbers_and_whole_hashes(mer, uneven):
    found = lines(mer("report", uneven, "--format", "csv").stdout)
    report = json.loads((uneven / "report.json").read_text())
    names = ("wa", "ua", "macro_f1")
    assert found.keys() == {(name, fold) for name in names for fold in ("", *(c["fold"] for c in report["cells"]))}
    mean = found["wa", ""]
    assert float(mean["estimate"]) == pytest.approx(100 * report["summary"]["wa"]["mean"], abs=1e-4)
    assert float(mean["low"]) <= float(mean["estimate"]) <= float(mean["high"])
    assert float(mean["selected_on_test"]) == pytest.approx(100 * report["optimism"]["wa"]["claimed"], abs=1e-4)
    for cell in report["cells"]:
        own = found["ua", cell["fold"]]
        assert float(own["estimate"]) == pytest.approx(100 * cell["figures"]["ua"], abs=1e-4)
        assert (own["seed"], own["utterances"], own["low"]) == (str(cell["seed"]), str(cell["utterances"]), "")
    for row in found.values():
        told = {key: row[key] for key in ("protocol_hash", "folds_hash", "corpus", "unit")}
        assert told == {
            "protocol_hash": report["protocol"]["hash"],
            "folds_hash": report["protocol"]["folds_hash"],
            "corpus": report["provenance"]["corpus"],
            "unit": "percent",
        }


def test_figures_follow_the_prediction_files_and_a_change_is_told(mer, run):
    before = lines(mer("report", run, "--format", "csv").stdout)
    file = run / "seed-1" / "fold-2" / "predictions.csv"
    header, *rows = list(csv.reader(file.open()))
    classes = header[3:]
    wrong = [[id_, label, *_certain(classes, other=label)] for id_, label, *_ in rows]
    file.write_text("\n".join(",".join(row) for row in [header, *[r[:2] + r[2:] for r in wrong]]) + "\n")
    after = lines(mer("report", run, "--format", "csv").stdout)
    assert after["wa", "2"]["estimate"] == "0.0" != before["wa", "2"]["estimate"]
    assert after["wa", "1"] == before["wa", "1"]
    for fold in ("", "2"):
        assert after["wa", fold]["changed"] == "seed-1/fold-2/predictions.csv"
    warning = "warning: seed-1/fold-2/predictions.csv was changed after the run wrote it; the figures follow it"
    assert mer("report", run, "--format", "markdown").stdout.startswith(f"- **{warning}**\n")
    assert rf"\item \textbf{{{warning}}}" in mer("report", run, "--format", "latex").stdout
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
