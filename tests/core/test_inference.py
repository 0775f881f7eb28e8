"""A finished run of toys on other utterances."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mer_core.data.store import FeatureStore
from mer_core.errors import DataError, MerError, RunError, SpecError
from mer_core.evaluate import check_free, evaluate_trained
from mer_core.experiment import Experiment
from mer_core.inference import check_labels, mean_predictions, open_trained, overlap, read_utterances
from mer_core.report import evaluate, scalars
from mer_core.rundir import RunDir
from mer_core.scoring import read_predictions
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import BAD, CLASSES, ToyCorpus, toy_manager, toy_table
from mer_core.types import AudioSpan, Predictions, Utterance


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Three folds of a run with two seeds. It is trained once: tests work on a copy."""
    folder = tmp_path_factory.mktemp("finished")
    spec = PipelineSpec.model_validate(toy_table(aux=[{"use": "toy"}]))
    made = Experiment(
        name="toy",
        spec=spec,
        manager=toy_manager(),
        out=folder / "run",
        seeds=(1, 2),
        device="cpu",
        store=FeatureStore(folder / "store"),
    )
    return made.run()[0]


@pytest.fixture
def run(finished, tmp_path):
    return RunDir(shutil.copytree(finished.path, tmp_path / "run"))


@pytest.fixture
def corpus():
    return ToyCorpus(ToyCorpus.Config()).read()


@pytest.fixture
def opened(run, manager, store):
    def open_(**options):
        return replace(open_trained(run.path, manager, device="cpu", **options), store=store)

    return open_


def change_info(run, **changes):
    (run.path / "run.json").write_text(json.dumps(run.info() | changes))


def test_every_model_predicts_its_test_fold_as_it_did(opened, run, corpus):
    each, left_out = opened().predict_each(corpus)
    assert left_out == {}
    assert [(cell.seed, cell.fold) for cell in each] == [(s, f) for s in (1, 2) for f in "123"]
    for cell, predictions in each.items():
        assert list(predictions.ids) == [u.id for u in corpus]
        before = read_predictions(cell.predictions)
        rows = [list(predictions.ids).index(id_) for id_ in before.ids]
        torch.testing.assert_close(predictions.p_NC[rows], before.p_NC, atol=1e-6, rtol=0)


def test_one_fold_is_all_its_seeds(opened):
    assert [(cell.seed, cell.fold) for cell in opened(fold="2").cells] == [(1, "2"), (2, "2")]


def test_the_mean_is_that_of_the_probabilities():
    first = Predictions(["u"], ["a", "b"], [""], torch.tensor([[0.9, 0.1]]))
    second = Predictions(["u"], ["a", "b"], [""], torch.tensor([[0.3, 0.7]]))
    mean = mean_predictions([first, second])
    torch.testing.assert_close(mean.p_NC, torch.tensor([[0.6, 0.4]]))
    assert mean.predicted == ["a"]


def test_a_run_in_half_precision_is_used_in_float32(opened, run):
    spec = run.info()["spec"]
    change_info(run, spec=spec | {"train": spec["train"] | {"precision": "float16"}})
    assert opened().accelerator.mixed_precision == "no"


def test_unfinished_models_are_counted_and_the_remedy_is_named(run, manager):
    run.cell(1, "3").predictions.unlink()
    run.cell(2, "1").predictions.unlink()
    with pytest.raises(RunError, match=r"2 of 6 models of .*run are not trained yet, for example fold 3 with seed 1"):
        open_trained(run.path, manager, device="cpu")
    assert len(open_trained(run.path, manager, device="cpu", fold="2").cells) == 2


def test_lost_weights_are_named_and_the_remedy_trains_them_again(run, manager):
    run.cell(1, "3").weights.unlink()
    expected = (
        r"fold-3/weights\.safetensors is missing\nTrain again: the same mer run as before, with --force --out .*run"
    )
    with pytest.raises(RunError, match=expected):
        open_trained(run.path, manager, device="cpu")


@pytest.mark.parametrize("changes", [{"spec": {"fusion": 3}}, {"classes": None}, {"seeds": 1}])
def test_a_damaged_run_file(run, manager, changes):
    change_info(run, **changes)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        open_trained(run.path, manager, device="cpu")


def test_a_place_that_is_no_run(manager, tmp_path):
    with pytest.raises(RunError, match=r"run\.json is missing"):
        open_trained(tmp_path, manager, device="cpu")


def test_weights_of_another_model(run, opened, corpus, manager):
    spec = run.info()["spec"]
    audio = spec["encoders"]["audio"] | {"dim": 3}
    change_info(run, spec=spec | {"encoders": spec["encoders"] | {"audio": audio}})
    with pytest.raises(RunError, match=r"weights\.safetensors does not fit this pipeline"):
        opened().predict_each(corpus)


def test_a_fold_that_the_run_does_not_have(run, manager):
    with pytest.raises(SpecError, match=r'this run has no fold "4"\. Folds: 1, 2, 3\.'):
        open_trained(run.path, manager, device="cpu", fold="4")


def test_plugins_are_those_of_the_manager(run, opened, corpus):
    trained = replace(opened(), manager=toy_manager())
    assert trained.predict_each(corpus[:2])[1] == {}
    change_info(run, spec=run.info()["spec"] | {"fusion": {"use": "elsewhere"}})
    with pytest.raises(MerError, match='fusion "elsewhere" is not known'):
        opened().predict_each(corpus[:2])


def test_what_cannot_be_used_is_left_out_when_asked(opened, corpus):
    some = [corpus[0], replace(corpus[1], fields={"audio": BAD})]
    with pytest.raises(DataError, match="1 of 2 utterances cannot be used"):
        opened().predict_each(some)
    each, left_out = opened().predict_each(some, skip_bad=True)
    assert list(left_out) == [corpus[1].id]
    assert all(list(predictions.ids) == [corpus[0].id] for predictions in each.values())
    with pytest.raises(DataError, match="no utterance is left that can be used: audio of u0001 is unreadable"):
        opened().predict_each(some[1:], skip_bad=True)


def test_missing_modalities_are_counted_or_refused(opened):
    some = [Utterance(id="a", text="x"), Utterance(id="b", audio=AudioSpan(Path("b.wav")), text="y")]
    trained = opened()
    assert trained.lacking(some) == {"audio": 1}
    strict = replace(trained, spec=trained.spec.model_copy(update={"may_lack": ("text",)}))
    with pytest.raises(DataError, match="1 of 2 utterances have no audio, which this run needs"):
        strict.lacking(some)
    assert strict.lacking(some, skip_bad=True) == {"audio": 1}


def test_labels_must_be_classes_of_the_run():
    check_labels([Utterance(id="a", label="sad")], CLASSES)
    with pytest.raises(DataError, match=r"1 label\(s\) are not among the classes of this run: fru\. Its classes: "):
        check_labels([Utterance(id="a", label="fru"), Utterance(id="b", label="sad")], CLASSES)
    with pytest.raises(DataError, match="1 of 2 utterances have no label, for example b"):
        check_labels([Utterance(id="a", label="fru"), Utterance(id="b")], CLASSES)


def test_overlap_knows_the_training_side_of_a_run_of_one_fold(manager, store, tmp_path, corpus):
    spec = PipelineSpec.model_validate(toy_table(train={"epochs": 1}))
    run, _ = Experiment(
        name="toy", spec=spec, manager=manager, out=tmp_path / "one", only_fold="1", device="cpu", store=store
    ).run()
    assert overlap(run, corpus) == len(corpus)
    assert overlap(run, [replace(corpus[0], id="new"), corpus[1]]) == 1


def test_any_corpus_can_be_read(manager):
    assert len(read_utterances(manager, "toy:anywhere")) == 48
    with pytest.raises(MerError, match='corpus "toi" is not known'):
        read_utterances(manager, "toi")


def test_an_evaluation_is_that_of_each_model_and_of_the_mean(opened, corpus, manager, tmp_path):
    trained = opened(fold="1")
    evaluation = evaluate_trained(trained, corpus)
    each, _ = trained.predict_each(corpus)
    for row, predictions in zip(evaluation.report["cells"], each.values(), strict=True):
        assert scalars(row["figures"]) == scalars(evaluate(trained.spec, manager, predictions))
    together = evaluate(trained.spec, manager, mean_predictions(list(each.values())))
    assert evaluation.report["together"] == together
    assert evaluation.report["confusion"] == {"confusion": together["confusion"]}
    evaluation.write(tmp_path / "scored")
    again = read_predictions(tmp_path / "scored" / "predictions.csv")
    assert scalars(evaluate(trained.spec, manager, again)) == scalars(together)
    assert RunDir(tmp_path / "scored").cell(2, "1").predictions.is_file()


def test_an_evaluation_overwrites_nothing(tmp_path):
    check_free(tmp_path / "new")
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(RunError, match="exists"):
        check_free(tmp_path)
    with pytest.raises(RunError, match=r"notes\.txt exists"):
        check_free(tmp_path / "notes.txt")
