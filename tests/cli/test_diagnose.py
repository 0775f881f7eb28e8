"""`mer diagnose`: a trained toy run, whose emotion is in the words alone."""

import csv
import json
import shutil

import pytest


@pytest.fixture
def copy(trained, workplace):
    return shutil.copytree(trained, workplace / "run")


def test_a_run_that_reads_the_words_only(mer, copy, workplace):
    result = mer("diagnose", copy)
    assert result.exit_code == 0, result.output
    found = json.loads((copy / "diagnosis.json").read_text())
    report = json.loads((copy / "report.json").read_text())
    scores = {score["condition"]: score for score in found["scores"]}
    assert scores["as it is"]["ua"] == pytest.approx(report["summary"]["ua"]["mean"])
    assert scores["audio of another utterance"] == scores["as it is"] | {"condition": "audio of another utterance"}
    assert scores["text of another utterance"]["wa"] < 0.3
    assert scores["text of another of the same emotion"]["wa"] == scores["as it is"]["wa"]
    whole = found["slices"]["all"][0]
    assert whole["utterances"] == 24
    assert whole["credit"]["audio"] == pytest.approx(0, abs=1e-6)
    assert whole["credit"]["text"] > 0.4
    assert [one["group"] for one in found["slices"]["class"]] == ["ang", "hap", "neu", "sad"]
    assert {name: len(cosines) for name, cosines in found["gradients"].items()} == {"aux1": 4, "aux2": 4}
    for title in ("with a modality taken away or exchanged", "by slice", "cosine of", "calibration", "abstention"):
        assert f"\n{title}" in result.stdout
    rows = list(csv.DictReader((copy / "credit.csv").open()))
    assert len(rows) == 24
    own = sum(float(row[f"text_{row['label']}"]) for row in rows) / 24
    assert own == pytest.approx(whole["credit"]["text"], abs=1e-5)


def test_one_fold(mer, copy):
    assert mer("diagnose", copy, "--fold", "2").exit_code == 0
    found = json.loads((copy / "diagnosis.json").read_text())
    assert found["slices"]["all"][0]["utterances"] == 8
    assert [one["group"] for one in found["slices"]["speaker"]] == ["2F", "2M"]


def test_a_run_with_one_modality_has_no_credit_and_all_the_rest(mer, workplace):
    made = mer("run", "--pipeline", "toy", "--modalities", "text", "--aux", "none", "--jobs", 1, "--out", "text")
    assert made.exit_code == 0, made.output
    result = mer("diagnose", "text")
    assert result.exit_code == 0, result.output
    found = json.loads((workplace / "text" / "diagnosis.json").read_text())
    assert [score["condition"] for score in found["scores"]] == ["as it is"]
    assert found["slices"]["all"][0]["credit"] == {}
    assert found["gradients"] == {}
    assert not (workplace / "text" / "credit.csv").exists()


def test_a_changed_prediction_file_changes_the_slices_and_is_told(mer, copy):
    file = copy / "seed-1" / "fold-1" / "predictions.csv"
    head, first, *rest = file.read_text().splitlines()
    id_, label, *_ = first.split(",")
    assert label == "ang"
    file.write_text("\n".join([head, f"{id_},ang,hap,0,1,0,0", *rest]) + "\n")
    result = mer("diagnose", copy)
    assert "was changed after the run wrote it" in result.stderr
    whole = json.loads((copy / "diagnosis.json").read_text())["slices"]["all"][0]
    assert whole["wa"] == pytest.approx(23 / 24)


def test_a_run_that_is_not_trained_is_refused(mer, copy):
    (copy / "seed-1" / "fold-1" / "predictions.csv").unlink()
    result = mer("diagnose", copy)
    assert result.exit_code == 2
    assert "1 of 3 models of" in result.stderr
