"""`mer predict` with a trained toy run."""

import csv
import json
import shutil

import pytest
import torch

from mer_core.rundir import RunDir


def predicted(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_words_and_voice_give_a_label_with_probabilities(mer, trained, recording):
    path = recording("a.wav", "hap")
    (row,) = predicted(mer("predict", trained, path, "--text", "i am hap", "--json"))
    assert (row["id"], row["audio"], row["text"]) == (str(path), str(path), "i am hap")
    assert row["predicted"] == "hap"
    assert list(row["probabilities"]) == ["ang", "hap", "neu", "sad"]
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert max(row["probabilities"], key=row["probabilities"].get) == "hap"


def test_probabilities_are_the_mean_of_all_folds(mer, trained):
    words = ("predict", trained, "--text", "i am sad", "--json")
    means = predicted(mer(*words))[0]["probabilities"]
    folds = [predicted(mer(*words, "--fold", fold))[0]["probabilities"] for fold in "123"]
    assert len({fold["sad"] for fold in folds}) == 3, "the models differ"
    for name, mean in means.items():
        assert mean == pytest.approx(torch.tensor([fold[name] for fold in folds]).mean().item())


def test_a_model_predicts_as_it_did_in_its_own_run(mer, trained):
    path = RunDir(trained).cell(1, "2").predictions
    row = next(csv.DictReader(path.open()))
    (again,) = predicted(mer("predict", trained, "--text", "i am ang", "--fold", "2", "--json"))
    assert row["id"] == "s2-0", "whose text is: i am ang"
    assert again["probabilities"]["ang"] == pytest.approx(float(row["p_ang"]), abs=1e-6)


def test_the_table_says_of_how_many_models(mer, trained):
    shown = mer("predict", trained, "--text", "i am sad").stdout
    assert "percent, mean of 3 models" in shown
    assert next(line for line in shown.splitlines() if line.startswith("text ")).split()[1] == "sad"
    assert "percent, one model" in mer("predict", trained, "--text", "i am sad", "--fold", "1").stdout


def test_many_files_without_words(mer, trained, recording):
    paths = [recording("a.wav", "hap"), recording("b.wav", "sad")]
    result = mer("predict", trained, *paths, "--json")
    assert [row["id"] for row in predicted(result)] == list(map(str, paths))
    assert "note: 2 of 2 utterances have no text: predicted without it" in result.stderr


def test_words_alone(mer, trained):
    result = mer("predict", trained, "--text", "i am neu", "--json")
    assert [(row["id"], row["audio"], row["predicted"]) for row in predicted(result)] == [("text", None, "neu")]
    assert "note: 1 of 1 utterances have no audio: predicted without it" in result.stderr


def test_a_manifest_needs_no_labels_and_foreign_labels_do_not_matter(mer, trained, manifest):
    path = manifest(x=("i am sad", ""), y=("i am ang", "angry"))
    rows = predicted(mer("predict", trained, "--data", f"manifest:{path}", "--json"))
    assert [(row["id"], row["predicted"]) for row in rows] == [("x", "sad"), ("y", "ang")]


def test_the_csv_has_the_columns_of_predictions_without_the_label(mer, trained, workplace):
    rows = predicted(mer("predict", trained, "--text", "i am sad", "--json", "--csv", "out.csv"))
    (row,) = csv.DictReader((workplace / "out.csv").open())
    assert list(row) == ["id", "predicted", "p_ang", "p_hap", "p_neu", "p_sad"]
    assert (row["id"], row["predicted"]) == ("text", "sad")
    assert float(row["p_sad"]) == pytest.approx(rows[0]["probabilities"]["sad"], abs=1e-6)


def test_what_the_run_does_not_use_is_said(mer, recording, workplace):
    made = mer("run", "--pipeline", "toy", "--modalities", "text", "--epochs", 1, "--jobs", 1, "--out", "text-only")
    assert made.exit_code == 0, made.output
    result = mer("predict", "text-only", recording("a.wav", "hap"), "--text", "i am sad", "--json")
    assert len(predicted(result)) == 1
    assert "note: this run does not use audio: it is ignored" in result.stderr


def test_a_modality_that_the_run_needs(mer, workplace):
    made = mer(
        *("run", "--pipeline", "toy", "--modalities", "text", "--epochs", 1, "--jobs", 1, "--out", "strict"),
        *("--set", 'may_lack=["audio"]'),
    )
    assert made.exit_code == 0, made.output
    (workplace / "a.wav").write_text("hap")
    result = mer("predict", "strict", "a.wav")
    assert result.exit_code == 2
    assert "1 of 1 utterances have no text, which this run needs" in result.stderr
    assert 'may_lack = ["text"]' in result.stderr


def test_an_unreadable_recording_is_named_or_left_out(mer, trained, recording):
    good = recording("a.wav", "hap")
    refused = mer("predict", trained, good, "none.wav", "--json")
    assert refused.exit_code == 2
    assert "1 of 2 utterances cannot be used" in refused.stderr
    kept = mer("predict", trained, good, "none.wav", "--json", "--skip-bad")
    assert [row["id"] for row in predicted(kept)] == [str(good)]
    assert "note: left out: none.wav" in kept.stderr
    nothing = mer("predict", trained, "none.wav", "--skip-bad")
    assert nothing.exit_code == 2
    assert "no utterance is left that can be used: recording none.wav" in nothing.stderr


def test_a_run_that_is_not_finished(mer, trained, workplace):
    half = shutil.copytree(trained, workplace / "half")
    RunDir(half).cell(1, "3").predictions.unlink()
    result = mer("predict", half, "--text", "i am sad")
    assert result.exit_code == 2
    assert f"1 of 3 models of {half} are not trained yet, for example fold 3 with seed 1" in result.stderr
    assert f"--resume --out {half}" in result.stderr
    assert mer("predict", half, "--text", "i am sad", "--fold", "1").exit_code == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--text", "x", "--fold", "9"), 'this run has no fold "9". Folds: 1, 2, 3.'),
        ((), "nothing to predict"),
        (("a.wav", "b.wav", "--text", "x"), "--text is for one recording"),
        (("a.wav", "--data", "manifest:m.csv"), "--data stands alone"),
        (("--data", "manifest:none.csv"), "none.csv"),
    ],
)
def test_bad_options_exit_2(mer, trained, args, words):
    result = mer("predict", trained, *args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr


def test_a_place_that_is_no_run(mer, workplace):
    result = mer("predict", "nowhere", "--text", "x")
    assert result.exit_code == 2
    assert "nowhere/run.json is missing" in result.stderr


def test_plugins_come_from_the_users_registry_and_not_from_the_run(mer, trained):
    result = mer("predict", trained, "--text", "x", registry=None)
    assert result.exit_code == 2
    assert 'encoder "toy-audio" is not known' in result.stderr
