"""Systems from run directories and CSV files, and what is said of those that cannot be used."""

import re
import shutil
from dataclasses import replace

import pytest
import torch

from mer_core.errors import DataError, RunError
from mer_core.files import write_json
from mer_core.listing import write_listing
from mer_core.rundir import RunDir
from mer_core.scoring import digest_of, predictions_text, write_predictions
from mer_core.spec import PipelineSpec
from mer_core.statistics import compare, load_system
from mer_core.testing.toys import toy_table
from mer_core.types import Predictions, Utterance

CLASSES = ["ang", "sad"]
INFO = {
    "seeds": [1, 2],
    "folds": ["1", "2"],
    "classes": CLASSES,
    "spec": PipelineSpec.model_validate(toy_table()).model_dump(mode="json"),
    "folds_hash": "f",
    "corpus": "c",
}
UTTERANCES = [
    Utterance(id=f"{s}{n}", label=CLASSES[n % 2], session=s, speaker=s, fields={"dialog": f"{s}{n // 2}"})
    for s in "12"
    for n in range(8)
]


@pytest.fixture
def run(tmp_path):
    """A run of two folds and two seeds that is right about the first six utterances of each."""
    made = RunDir(tmp_path / "mine")
    write_json(made.path / "run.json", INFO)
    write_listing(made.utterances, UTTERANCES)
    for cell in made.cells():
        own = [u for u in UTTERANCES if u.session == cell.fold]
        p_NC = torch.tensor(
            [[0.75, 0.25] if (u.label == "ang") == (i < 6) else [0.25, 0.75] for i, u in enumerate(own)]
        )
        predictions = Predictions([u.id for u in own], CLASSES, [u.label for u in own], p_NC)
        write_predictions(cell.predictions, predictions)
        write_json(cell.history, {"predictions_digest": digest_of(predictions_text(predictions))})
    return made


@pytest.fixture
def theirs(write):
    """Other people's predictions, right about all but one."""

    def make(rows=None, header="id,label,p_ang,p_sad"):
        right = [f"{u.id},{u.label},{'0.9,0.1' if u.label == 'ang' else '0.1,0.9'}" for u in UTTERANCES]
        return write(
            "theirs.csv", "\n".join([header, *(rows if rows is not None else [*right[:-1], "27,sad,0.9,0.1"])])
        )

    return make


def test_a_run_is_a_system_with_its_name_seeds_and_dialogs(run):
    system = load_system(run.path)
    compared = compare([system])
    assert (system.name, system.seeds, system.warnings) == ("mine", [1, 2], ())
    assert (compared.unit, compared.groups, compared.utterances) == ("dialog", 8, 16)
    assert compared.systems[0].wa.estimate == pytest.approx(0.75)


def test_other_peoples_predictions_take_folds_and_dialogs_from_the_run(run, theirs):
    compared = compare([load_system(theirs()), load_system(run.path)])
    assert compared.unit == "dialog"
    assert [f.wa.estimate for f in compared.systems] == pytest.approx([15 / 16, 0.75])
    pair = compared.pairs[0]
    assert [(s.fold, s.seed_a, s.seed_b) for s in pair.signs] == [(f, None, s) for s in (1, 2) for f in "12"]
    assert [(m.only_a, m.only_b) for m in pair.mcnemar] == [(3, 0)] * 2


def test_other_peoples_predictions_alone(theirs):
    compared = compare([load_system(theirs())])
    assert (compared.unit, compared.groups) == ("utterance", 16)
    assert compared.systems[0].wa.estimate == pytest.approx(15 / 16)


def test_a_file_of_classes_is_as_good(run, write):
    rows = [f"{u.label},x,{u.id},ang" for u in UTTERANCES]
    path = write("theirs.csv", "\n".join(["label,remark,id,predicted", *rows]))
    assert compare([load_system(path), load_system(run.path)]).systems[0].wa.estimate == pytest.approx(0.5)


def test_two_decimals_are_enough(write):
    header = "id,label,p_a,p_b,p_c"
    thirds = write("thirds.csv", f"{header}\nx,a,0.34,0.33,0.32\ny,b,0.33,0.34,0.34")
    assert load_system(thirds).trials[0].predictions.predicted == ["a", "b"]
    off = write("off.csv", f"{header}\nx,a,0.34,0.33,0.31")
    with pytest.raises(
        DataError, match=r"line 2: the probabilities add up to 0\.9800, not 1\n.*sum to 1, to two decimals"
    ):
        load_system(off)


def test_a_class_beside_probabilities_that_say_another_is_refused(write):
    header = "id,label,predicted,p_a,p_b"
    path = write("both.csv", f"{header}\nx,a,a,0.5,0.5\ny,a,b,0.5,0.5\nz,a,b,0.7,0.3")
    expected = (
        r"line 4: predicted is b, but the largest probability is that of a\nLeave out one of the two: predicted, or"
    )
    with pytest.raises(DataError, match=expected):
        load_system(path)


def test_ties_are_told(write):
    path = write("ties.csv", "id,label,p_a,p_b\nx,a,0.5,0.5\ny,a,0.4,0.6")
    assert load_system(path).warnings == (
        f"{path}: 1 of 2 predictions have several most probable classes; the first counts",
    )


def test_a_changed_file_is_followed_and_warned_of(run):
    file = run.cell(2, "1").predictions
    file.write_text(file.read_text().replace("10,ang,ang,0.75,0.25", "10,ang,sad,0.25,0.75"))
    compared = compare([load_system(run.path)])
    assert compared.systems[0].wa.estimate == pytest.approx(0.75 - 1 / 32)
    assert compared.warnings == (f"{file} was changed after the run wrote it",)


def spec(**changes):
    return {"spec": PipelineSpec.model_validate(toy_table(**changes)).model_dump(mode="json")}


def test_selection_on_test_is_told(run):
    write_json(run.path / "run.json", INFO | spec(train={"select": "test"}))
    assert load_system(run.path).warnings == ("mine: selected on test (optimistic)",)


def test_different_protocols_are_told(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "other")
    write_json(tmp_path / "other" / "run.json", INFO | spec(folds="speaker") | {"folds_hash": "g"})
    systems = [load_system(run.path), load_system(tmp_path / "other")]
    protocols, folds = compare(systems).warnings
    assert protocols.startswith("mine and other follow different protocols, so their figures cannot be compared: ")
    assert folds == "mine and other were not trained and tested on the same utterances, fold by fold"
    assert compare(systems[:1]).warnings == ()


def test_a_missing_fold_is_named_with_the_remedy(run):
    run.cell(2, "1").predictions.unlink()
    with pytest.raises(
        RunError,
        match=r"1 of 4 folds and seeds of .*mine have no predictions, for example fold 1 with "
        r"seed 2\nFinish it first: the same mer run as before, with --resume --out .*mine",
    ):
        load_system(run.path)


def test_a_place_that_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"run\.json is missing\nIs this a run directory\?"):
        load_system(tmp_path)


def test_rows_that_were_deleted_are_missed(run):
    file = run.cell(2, "1").predictions
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("13,")))
    with pytest.raises(DataError, match="mine, seed 2: 1 utterances are missing that other seeds have, for example 13"):
        compare([load_system(run.path)])


def test_other_utterances_are_refused(run, theirs):
    rows = [f"{u.id},{u.label},1,0" for u in UTTERANCES[2:]]
    with pytest.raises(
        DataError, match="2 of 16 utterances of mine are not in theirs, for example 10\nCompare systems on the same"
    ):
        compare([load_system(run.path), load_system(theirs(rows))])
    more = [f"{u.id},{u.label},1,0" for u in UTTERANCES] + ["new,ang,1,0"]
    with pytest.raises(DataError, match="1 of 17 utterances of theirs are not in mine, for example new"):
        compare([load_system(run.path), load_system(theirs(more))])


def test_other_labels_are_refused(run, theirs):
    rows = [f"{u.id},ang,1,0" for u in UTTERANCES]
    with pytest.raises(
        DataError,
        match="8 of 16 utterances are labelled otherwise in theirs than in mine, for example 11: ang there, sad here\n"
        "Use the same label map for both",
    ):
        compare([load_system(run.path), load_system(theirs(rows))])


def test_a_single_wrong_label_is_no_other_label_map(run, theirs):
    rows = [f"{u.id},{'sad' if u.id == '10' else u.label},1,0" for u in UTTERANCES]
    with pytest.raises(DataError, match=r"1 of 16 utterances .*10: sad there, ang here\nMend the labels of these utt"):
        compare([load_system(run.path), load_system(theirs(rows))])


def test_other_class_names_are_refused(run, theirs):
    rows = [f"{u.id},{u.label},0,1" for u in UTTERANCES]
    path = theirs(rows, header="id,label,p_angry,p_sadness")
    with pytest.raises(DataError, match=r"theirs predicts sadness, which the others do not know\. Classes: ang, sad\."):
        compare([load_system(run.path), load_system(path)])


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("", "has no column id, label, predicted or p_<class>; it has none"),
        ("id,label", "has no column predicted or p_<class>; it has id, label"),
        ("id,label,predicted", "has no predictions"),
        ("id,label,predicted\na,ang", "line 2: 2 values for 3 columns"),
        ("id,label,p_ang,p_sad\na,ang,1,0\nb,ang,x,1", 'line 3: p_ang is "x", not a number'),
        ("id,label,p_ang,p_sad\na,ang,1,", 'line 2: p_sad is "", not a number'),
        ("id,label,predicted\na,ang,ang\nb,sad,sad\na,ang,ang", 'line 4: id "a" is on line 2 too'),
        (f"id,label,predicted\na,ang,{'x' * 200_000}", "line 2: not comma-separated values (field larger than"),
        ("id,label,p_ang,p_sad\na,ang,1.5,-0.5", "line 2: a probability is 1.5"),
        ("id,label,p_ang,p_sad\na,ang,nan,1", "line 2: a probability is nan"),
        ("id,label,p_ang,p_sad\na,ang,0.5,0.2", "line 2: the probabilities add up to 0.7000, not 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_where(write, content, fact):
    path = write("theirs.csv", content)
    with pytest.raises(DataError, match=re.escape(str(path)) + f".*{re.escape(fact)}"):
        load_system(path)


def test_a_file_in_another_encoding_is_told_where_and_the_remedy(tmp_path):
    (tmp_path / "theirs.csv").write_bytes("id,label,predicted\na,ang,ang\né,ang,ang\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"theirs\.csv, line 3: not UTF-8\nSave the file as UTF-8\."):
        load_system(tmp_path / "theirs.csv")


def test_an_utterance_in_two_folds_of_a_run_is_refused(run):
    system = load_system(run.path)
    twice = replace(system, trials=(*system.trials, system.trials[0]))
    fact = "mine, seed 1: 8 utterances are predicted more than once, for example 10"
    with pytest.raises(DataError, match=f"{fact}\nEach is tested in one fold: were prediction files changed"):
        compare([twice])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv does not exist\nName a run directory or a CSV file of predictions"):
        load_system(tmp_path / "none.csv")
