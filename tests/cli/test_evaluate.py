"""`mer evaluate`: a trained toy run on other data."""

import csv
import json

import pytest


@pytest.fixture
def right(manifest):
    """Six utterances that name their emotion, and one whose label says otherwise."""
    named = {f"{e}{n}": (f"i am {e}", e) for e in ("ang", "hap", "sad") for n in (1, 2)}
    return manifest(**named, odd=("i am ang", "sad"))


def test_every_model_and_their_mean_are_scored(mer, trained, right, workplace):
    result = mer("evaluate", trained, "--data", f"manifest:{right}", "--out", "scored")
    assert result.exit_code == 0, result.output
    report = json.loads((workplace / "scored" / "report.json").read_text())
    assert [cell["fold"] for cell in report["cells"]] == ["1", "2", "3"]
    assert all(cell["utterances"] == 7 for cell in report["cells"])
    together = next(line for line in result.stdout.splitlines() if line.startswith("3 models together "))
    assert together.split()[3:] == [f"{100 * report['together'][n]:.2f}" for n in ("wa", "ua", "macro_f1")]
    assert report["together"]["wa"] == pytest.approx(6 / 7)
    assert report["confusion"]["confusion"][3] == [1, 0, 0, 2]


def test_predictions_are_written_aside_only_where_asked(mer, trained, right, workplace):
    before = sorted(trained.rglob("*"))
    assert mer("evaluate", trained, "--data", f"manifest:{right}").exit_code == 0
    assert sorted(trained.rglob("*")) == before
    assert sorted(path.name for path in workplace.iterdir()) == ["manifest.csv"]
    assert mer("evaluate", trained, "--data", f"manifest:{right}", "--out", "scored").exit_code == 0
    rows = list(csv.DictReader((workplace / "scored" / "predictions.csv").open()))
    assert [row["id"] for row in rows] == ["ang1", "ang2", "hap1", "hap2", "sad1", "sad2", "odd"]
    assert list(rows[0]) == ["id", "label", "predicted", "p_ang", "p_hap", "p_neu", "p_sad"]
    assert (workplace / "scored" / "seed-1" / "fold-2" / "predictions.csv").is_file()


def test_an_existing_place_is_left_alone(mer, trained, right, workplace):
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    result = mer("evaluate", trained, "--data", f"manifest:{right}", "--out", "mine")
    assert result.exit_code == 2
    assert "mine exists" in result.stderr
    assert [path.name for path in (workplace / "mine").iterdir()] == ["notes.txt"]


def test_one_fold(mer, trained, right):
    shown = mer("evaluate", trained, "--data", f"manifest:{right}", "--fold", "2").stdout
    rows = [line.split()[0] for line in shown.splitlines() if line and line[0].isdigit()]
    assert rows == ["2"]


def test_labels_that_the_run_does_not_know_are_named(mer, trained, manifest):
    path = manifest(a=("hm", "fru"), b=("hm", "sur"), c=("hm", "sad"))
    result = mer("evaluate", trained, "--data", f"manifest:{path}")
    assert result.exit_code == 2
    assert "2 label(s) are not among the classes of this run: fru, sur. Its classes: ang, hap, neu, sad." in (
        result.stderr
    )
    assert "column label" in result.stderr


def test_labels_are_needed(mer, trained, manifest):
    result = mer("evaluate", trained, "--data", f"manifest:{manifest(a=('hm', ''), b=('hm', 'sad'))}")
    assert result.exit_code == 2
    assert "1 of 2 utterances have no label, for example a" in result.stderr


def test_utterances_of_the_training_are_warned_of(mer, trained, manifest):
    path = manifest(**{"s1-0": ("i am ang", "ang"), "s3-1": ("i am hap", "hap"), "new": ("i am sad", "sad")})
    result = mer("evaluate", trained, "--data", f"manifest:{path}")
    assert result.exit_code == 0
    assert "note: 2 of 3 utterances have an id of the corpus this run was trained on" in result.stderr


def test_no_warning_without_overlap(mer, trained, right):
    assert "trained on" not in mer("evaluate", trained, "--data", f"manifest:{right}").stderr


def test_skip_bad_lists_what_was_left_out(mer, trained, workplace):
    rows = ["id,audio,text,label", "a,,i am sad,sad", "b,none.wav,i am sad,sad"]
    (workplace / "m.csv").write_text("\n".join(rows))
    assert mer("evaluate", trained, "--data", "manifest:m.csv").exit_code == 2
    result = mer("evaluate", trained, "--data", "manifest:m.csv", "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "left out: 1 utterances that cannot be used\n  b: recording" in result.stdout
