import gc
import json
import math
import re
import statistics
import weakref
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from mer_core.data.protocol import protocol_hash
from mer_core.errors import DataError, RunError, SpecError
from mer_core.events import CellEnded, CellStarted, EpochEnded, InCell, Note, Preparing, Stepped
from mer_core.files import write_text
from mer_core.optimism import OnTest
from mer_core.pipeline import Pipeline
from mer_core.report import write_report
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import BAD, CLASSES, ToyCorpus

QUICK = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.1}


def told(events, kind):
    """Return what the cells told of that kind, with where."""
    return [e for e in events if isinstance(e, InCell) and isinstance(e.event, kind)]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_run_end_to_end(experiment):
    events = []
    pipeline = {"aux": [{"use": "aux1"}, {"use": "aux2", "weight": 0.5}], "fusion": {"use": "cross-attn"}}
    run, report = experiment(pipeline=pipeline | {"evaluators": [{"use": "wa-ua"}]}, listener=events.append).run()
    cell = ["history.json", "predictions.csv", "selected-on-test.csv", "weights.safetensors"]
    expected = [f"seed-1/fold-{fold}/{name}" for fold in "123" for name in cell]
    assert files(run.path) == sorted(["run.json", "utterances.jsonl", "report.json", *expected])
    assert json.loads(run.report.read_text()) == report
    assert [(c["seed"], c["fold"], c["utterances"]) for c in report["cells"]] == [(1, f, 8) for f in "123"]
    info = run.info()
    assert info["classes"] == list(CLASSES)
    assert info["spec"]["fusion"] == {
        "use": "cross-attn",
        "layers": 2,
        "heads": 8,
        "ffn": False,
        "norm": "post",
        "dropout": 0.1,
    }
    assert info["provenance"]["plugins"]["fusion"].startswith("cross-attn (mer_plugins.hooks")
    assert torch.__version__.startswith(info["provenance"]["packages"]["torch"])
    history = json.loads(run.cell(1, "1").history.read_text())
    assert history["selected_epoch"] == 2
    assert [set(row["losses"]) for row in history["epochs"]] == [{"main", "aux1", "aux2"}] * 2
    assert {t.dtype for t in load_file(run.cell(1, "1").weights).values()} == {torch.float32}
    kinds = [type(e.event if isinstance(e, InCell) else e) for e in events]
    assert (kinds.count(Preparing), kinds.count(Note), kinds.count(EpochEnded), kinds.count(Stepped)) == (24, 1, 6, 12)
    assert [(e.seed, e.fold, e.number, e.cells, e.event) for e in told(events, CellStarted)] == [
        (1, fold, number, 3, CellStarted(epoch=0, epochs=2)) for number, fold in enumerate("123", start=1)
    ]
    ended = [e.event.figures for e in told(events, CellEnded)]
    assert [figures["wa"] for figures in ended] == [c["figures"]["wa"] for c in report["cells"]]


@pytest.mark.parametrize("lost", ["seed-1/fold-2/predictions.csv", "seed-1/fold-2", "report.json"])
@pytest.mark.parametrize("select", ["last", "inner", "test"])
def test_resume_makes_only_what_is_lost_and_the_same(experiment, tmp_path, lost, select):
    events, settings = [], {"pipeline": {"train": QUICK | {"select": select}, "aux": [{"use": "toy"}]}}
    run, report = experiment(**settings).run()
    before = {name: (run.path / name).read_bytes() for name in files(run.path)}
    gone = run.path / lost
    for path in [gone] if gone.is_file() else gone.iterdir():
        path.unlink()
    for name in ("checkpoint", "best"):  # of a fold that is done: a kill came between its last file and their removal
        (run.path / "seed-1" / "fold-1" / f"{name}.safetensors").touch()
    _, again = experiment(**settings, resume=True, listener=events.append).run()
    assert again == report
    assert {name: (run.path / name).read_bytes() for name in files(run.path)} == before
    assert [e.fold for e in told(events, CellStarted)] == ([] if lost == "report.json" else ["2"])
    kept = "123" if lost == "report.json" else "132"  # what is done already is told first
    figures = {cell["fold"]: cell["figures"]["accuracy"] for cell in report["cells"]}
    assert [(e.fold, e.number, e.event.figures["accuracy"]) for e in told(events, CellEnded)] == [
        (fold, int(fold), figures[fold]) for fold in kept
    ]


def test_another_run_elsewhere_gives_the_same_figures(experiment):
    reports = [experiment(out=name).run()[1] for name in ("a", "b")]
    assert reports[0]["cells"] == reports[1]["cells"]


def test_a_run_killed_between_cells_goes_on_to_the_same_report(experiment, tmp_path):
    class Killed(BaseException):
        pass

    def kill(event):
        if told([event], CellStarted) and event.fold == "2":
            raise Killed

    with pytest.raises(Killed):
        experiment(listener=kill).run()
    _, resumed = experiment(resume=True).run()
    _, whole = experiment(out="other").run()
    assert resumed["cells"] == whole["cells"]


def test_an_existing_run_is_refused_before_anything_is_prepared(experiment):
    experiment(only_fold="1").run()
    events = []
    with pytest.raises(RunError, match=r"run exists\nGo on with it: --resume"):
        experiment(listener=events.append).run()
    assert events == []
    assert [c["fold"] for c in experiment(force=True).run()[1]["cells"]] == ["1", "2", "3"]


def test_what_is_no_run_directory_is_never_removed(experiment, write):
    path = write("run/thesis.tex", "years of work")
    with pytest.raises(RunError, match="exists and is not a run directory"):
        experiment(force=True).run()
    assert path.read_text() == "years of work"


def test_resume_with_other_options_is_refused(experiment):
    experiment(only_fold="1").run()
    with pytest.raises(RunError, match=r"was started with other settings\n  train.epochs: \d+ before, 3 now\nResume"):
        experiment(only_fold="1", resume=True, pipeline={"train": QUICK | {"epochs": 3}}).run()
    with pytest.raises(RunError, match=r"other settings\n  seeds: \[1\] before, \[2\] now\n  folds: "):
        experiment(seeds=[2], resume=True).run()


def spoil(utterances):
    return [replace(u, fields={"audio": BAD}) if i in (3, 10) else u for i, u in enumerate(utterances)]


def test_bad_utterances_stop_a_run_before_it_writes(experiment, change_corpus, tmp_path):
    change_corpus(spoil)
    with pytest.raises(DataError, match="2 of 24 utterances cannot be used\n  u0003: audio of u0003 is unreadable"):
        experiment().run()
    assert not (tmp_path / "run").exists()


def test_bad_utterances_are_left_out_and_listed(experiment, change_corpus):
    change_corpus(spoil)
    run, report = experiment(skip_bad=True).run()
    assert report["left_out"] == {f"u{i:04d}": f"audio of u{i:04d} is unreadable" for i in (3, 10)}
    assert sum(c["utterances"] for c in report["cells"]) == 22
    assert all("u0003" not in cell.predictions.read_text() for cell in run.cells())


def test_one_fold_of_a_run(experiment, tmp_path):
    _, report = experiment(only_fold="2").run()
    assert [c["fold"] for c in report["cells"]] == ["2"]
    assert report["summary"]["accuracy"]["sd_folds"] is None
    events = []
    with pytest.raises(SpecError, match=re.escape('fold "4" does not exist. Folds: 1, 2, 3.')):
        experiment(out="other", only_fold="4", listener=events.append).run()
    assert events == []
    assert not (tmp_path / "other").exists()


def test_several_seeds(experiment):
    run, report = experiment(seeds=[1, 5], pipeline={"train": QUICK | {"epochs": 1}}).run()
    assert [(c["seed"], c["fold"]) for c in report["cells"]] == [(s, f) for s in (1, 5) for f in "123"]
    one, other = (load_file(run.cell(seed, "1").weights) for seed in (1, 5))
    assert not torch.equal(one["classifier.1.weight"], other["classifier.1.weight"])
    by = {(c["seed"], c["fold"]): c["figures"]["accuracy"] for c in report["cells"]}
    summary = report["summary"]["accuracy"]
    assert summary["mean"] == pytest.approx(statistics.fmean(by.values()))
    assert summary["sd_folds"] == pytest.approx(statistics.stdev((by[1, f] + by[5, f]) / 2 for f in "123"))
    assert summary["sd_seeds"] == pytest.approx(
        statistics.stdev(statistics.fmean(by[s, f] for f in "123") for s in (1, 5))
    )


def test_the_same_seed_alone_or_beside_others_gives_the_same_cell(experiment):
    both, alone = experiment(seeds=[1, 2]).run()[0], experiment(out="b", seeds=[2], only_fold="2").run()[0]
    assert both.cell(2, "2").predictions.read_bytes() == alone.cell(2, "2").predictions.read_bytes()


CORPORA = {
    "empty": (lambda us: [], "toy: the corpus has no utterances with a label that is used"),
    "unlabelled": (
        lambda us: [replace(u, label=None) if u.id == "u0002" else u for u in us],
        "1 of 24 utterances have no label, for example u0002\nTraining and scoring need labels",
    ),
    "duplicates": (lambda us: [*us, us[5]], "1 ids occur more than once, for example u0005"),
    "one class": (lambda us: [replace(u, label="sad") for u in us], "training has only the class sad"),
    "no session": (lambda us: [replace(u, session=None) for u in us], "utterance u0000 has no session"),
    "one session": (lambda us: [replace(u, session="1") for u in us], "fold 1 has no training utterances"),
    "shared": (lambda us: [replace(u, speaker="x") for u in us], r"1 speaker\(s\) are on both sides: x"),
}


@pytest.mark.parametrize(("how", "message"), CORPORA.values(), ids=CORPORA)
def test_a_corpus_that_cannot_be_used_is_told_before_anything_is_written(
    experiment, change_corpus, tmp_path, how, message
):
    change_corpus(how)
    events = []
    with pytest.raises(DataError, match=message):
        experiment(listener=events.append).run()
    assert events == []
    assert not (tmp_path / "run").exists()


def test_a_pipeline_without_data_says_how_to_name_some(experiment):
    with pytest.raises(SpecError, match=r"this pipeline names no data\nSay --data demo, --data iemocap:DIR"):
        replace(made := experiment(), spec=made.spec.model_copy(update={"data": None})).run()


def test_a_class_that_the_training_side_lacks_is_no_error(experiment, change_corpus):
    change_corpus(lambda us: [replace(u, label="happy") if u.label == "sad" and u.session != "2" else u for u in us])
    weighted = {"train": QUICK | {"class_weights": True, "select": "test"}}
    _, report = experiment(pipeline=weighted).run()
    assert math.isfinite(report["summary"]["accuracy"]["mean"])
    assert report["select"] == "test"


@pytest.mark.filterwarnings("error::UserWarning")
def test_selection_by_the_test_side_scores_the_best_epoch(experiment):
    train = QUICK | {"epochs": 4, "select": "test", "learning_rate": 0.3}
    run, report = experiment(pipeline={"train": train, "evaluators": [{"use": "wa-ua"}]}).run()
    for cell, row in zip(run.cells(), report["cells"], strict=True):
        history = json.loads(cell.history.read_text())
        scores = [epoch["score"] for epoch in history["epochs"]]
        assert row["selected_epoch"] == history["selected_epoch"] == scores.index(max(scores)) + 1
        assert row["figures"]["ua"] == pytest.approx(max(scores))


def test_inner_selection_never_looks_at_the_test_side(experiment, change_corpus):
    settings = {"pipeline": {"train": QUICK | {"epochs": 3, "select": "inner"}}, "only_fold": "1"}
    run, _ = experiment(**settings).run()
    swap = dict(zip(CLASSES, reversed(CLASSES), strict=True))
    change_corpus(lambda us: [replace(u, label=swap[u.label]) if u.session == "1" else u for u in us])
    other, _ = experiment(out="other", **settings).run()
    histories = [json.loads(r.cell(1, "1").history.read_text()) for r in (run, other)]
    for history in histories:
        # What stands in the prediction files and what they would have chosen is recorded, and that is all.
        for row in (history, *history["epochs"]):
            assert row.pop("on_test")
        history.pop("predictions_digest")
    assert histories[0] == histories[1]
    assert run.cell(1, "1").weights.read_bytes() == other.cell(1, "1").weights.read_bytes()


def test_an_unknown_device_and_a_precision_that_it_lacks(experiment):
    with pytest.raises(SpecError, match=r'device "gpu" is not available here\. Available: cpu.*\nOr say --device auto'):
        experiment(device="gpu").run()
    half = {"train": QUICK | {"precision": "float16"}}
    with pytest.raises(SpecError, match=r"train.precision: float16 needs a GPU\nUse --precision bfloat16 or float32"):
        experiment(pipeline=half).run()


def test_one_process_may_run_in_one_precision_after_another(experiment):
    for precision in ("float32", "bfloat16", "float32"):
        train = QUICK | {"precision": precision, "epochs": 1}
        experiment(out=f"{precision}", force=True, only_fold="1", pipeline={"train": train}).run()


@pytest.mark.parametrize("supported", [True, False])
def test_a_run_says_and_keeps_in_what_precision_it_computed(experiment, monkeypatch, supported):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    events, train = [], QUICK | {"precision": "bfloat16", "epochs": 1}
    run, _ = experiment(only_fold="1", pipeline={"train": train}, device="cpu", listener=events.append).run()
    notes = [event.text for event in events if isinstance(event, Note)]
    said = "this processor has no bfloat16 arithmetic: computed in float32"
    assert (said in notes) == (not supported)
    assert run.info()["provenance"]["arithmetic"] == ("bfloat16" if supported else "float32")


def test_models_of_cells_that_are_done_are_let_go(experiment, monkeypatch):
    alive, most = weakref.WeakSet(), []
    real = Pipeline.__init__
    monkeypatch.setattr(Pipeline, "__init__", lambda self, **kw: (real(self, **kw), alive.add(self))[0])

    def count(event):
        if told([event], CellStarted):
            gc.collect()
            most.append(len(alive))

    experiment(listener=count).run()
    assert most == [1, 1, 1]


# The report


def test_every_figure_comes_from_the_prediction_files(experiment, manager):
    run, report = experiment().run()
    path = run.cell(1, "2").predictions
    header, first, *rows = path.read_text().splitlines()
    id_, label, _, *_ = first.split(",")
    wrong = next(name for name in CLASSES if name != label)
    right_p = ["1.0" if f"p_{name}" in header and name == label else "0.0" for name in CLASSES]
    wrong_p = ["1.0" if name == wrong else "0.0" for name in CLASSES]
    accuracies = []
    for name, p_C in ((label, right_p), (wrong, wrong_p)):
        path.write_text("\n".join([header, ",".join([id_, label, name, *p_C]), *rows]))
        changed = write_report(run, manager)
        assert json.loads(run.report.read_text()) == changed
        accuracies.append([row["figures"]["accuracy"] for row in changed["cells"]])
    assert accuracies[0][1] - accuracies[1][1] == pytest.approx(1 / 8)
    assert accuracies[0][::2] == accuracies[1][::2] == [report["cells"][i]["figures"]["accuracy"] for i in (0, 2)]
    assert changed["summary"]["accuracy"]["mean"] == pytest.approx(statistics.fmean(accuracies[1]))
    assert changed["summary"]["accuracy"]["sd_folds"] == pytest.approx(statistics.stdev(accuracies[1]))
    assert changed["confusion"]["confusion"][CLASSES.index(label)][CLASSES.index(wrong)] >= 1


def test_the_pooled_confusion_is_the_sum_over_cells(experiment):
    _, report = experiment(seeds=[1, 2]).run()
    cells = [torch.tensor(row["figures"]["confusion"]) for row in report["cells"]]
    assert report["confusion"]["confusion"] == torch.stack(cells).sum(0).tolist()
    assert sum(map(sum, report["confusion"]["confusion"])) == 48


def test_a_missing_or_tampered_prediction_file_is_named(experiment, manager):
    run, _ = experiment().run()
    path = run.cell(1, "3").predictions
    text = path.read_text()
    path.write_text(text.replace(",p_sad", ",p_joy"))
    with pytest.raises(RunError, match=r"seed-1/fold-3/predictions\.csv, line \d: "):
        write_report(run, manager)
    path.unlink()
    with pytest.raises(RunError, match=r"seed-1/fold-3/predictions\.csv is missing\nGo on with mer run --resume"):
        write_report(run, manager)


def test_figures_that_are_undefined_are_null_in_the_file(experiment, change_corpus):
    change_corpus(lambda us: [replace(u, label="happy") if u.label == "sad" and u.session == "1" else u for u in us])
    run, report = experiment(only_fold="1", pipeline={"evaluators": [{"use": "wa-ua"}]}).run()
    assert math.isnan(report["cells"][0]["figures"]["recall"]["sad"])
    assert json.loads(run.report.read_text())["cells"][0]["figures"]["recall"]["sad"] is None


# What selecting on test would have claimed


LONGER = {"train": QUICK | {"epochs": 4, "learning_rate": 0.3}, "evaluators": [{"use": "wa-ua"}]}


def test_the_meter_claims_what_selecting_on_test_reports(experiment):
    hard = {"corpus": {"noise": 3.0}, "seeds": [1, 2]}  # so that the epochs differ
    _, honest = experiment(pipeline=LONGER, **hard).run()
    selecting = LONGER | {"protocol": {"select": "test"}}
    _, selected = experiment(pipeline=selecting, out="selected", **hard).run()
    for name in ("wa", "ua", "macro_f1"):
        claimed = honest["optimism"][name]["claimed"]
        assert claimed == pytest.approx(selected["summary"][name]["mean"])
        assert honest["optimism"][name]["difference"] == pytest.approx(claimed - honest["summary"][name]["mean"])
        assert selected["optimism"][name]["difference"] == 0
        assert selected["optimism"]["last_epoch"].get(name) in (None, pytest.approx(honest["summary"][name]["mean"]))
    assert honest["optimism"]["ua"]["difference"] > 0
    chosen = [row["on_test"]["selected_epoch"] for row in honest["cells"]]
    assert chosen == [row["selected_epoch"] for row in selected["cells"]]


@pytest.mark.parametrize("select", ["last", "inner"])
def test_looking_at_the_test_side_changes_no_weight_and_no_prediction(experiment, monkeypatch, select):
    settings = {"pipeline": LONGER | {"protocol": {"select": select}, "aux": [{"use": "toy"}]}, "only_fold": "1"}
    run, _ = experiment(**settings).run()

    def blind(self, pipeline, before):
        write_text(self.file, run.cell(1, "1").selected_on_test.read_text())
        return {"wa": 0.0, "ua": 0.0}

    monkeypatch.setattr(OnTest, "__call__", blind)
    other, _ = experiment(out="other", **settings).run()
    for name in ("predictions", "weights"):
        assert getattr(run.cell(1, "1"), name).read_bytes() == getattr(other.cell(1, "1"), name).read_bytes()


@pytest.mark.parametrize("epoch", [1, 3])
def test_the_record_is_complete_after_a_kill(experiment, epoch):
    class Killed(BaseException):
        pass

    def kill(event):
        if told([event], EpochEnded) and event.event.epoch == epoch:
            raise Killed

    settings = {"pipeline": LONGER, "only_fold": "1"}
    with pytest.raises(Killed):
        experiment(listener=kill, **settings).run()
    resumed, _ = experiment(resume=True, **settings).run()
    whole, _ = experiment(out="other", **settings).run()
    for name in ("history", "selected_on_test"):
        assert getattr(resumed.cell(1, "1"), name).read_bytes() == getattr(whole.cell(1, "1"), name).read_bytes()


def test_the_claim_comes_from_its_prediction_file(experiment, manager):
    run, report = experiment(pipeline=LONGER).run()
    assert report["changed"] == []
    path = run.cell(1, "2").selected_on_test
    header, *rows = run.cell(1, "2").predictions.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]))
    changed = write_report(run, manager)
    assert changed["changed"] == ["seed-1/fold-2/selected-on-test.csv"]
    assert changed["cells"][1]["on_test"]["figures"]["ua"] == changed["cells"][1]["figures"]["ua"]
    path.unlink()
    with pytest.raises(RunError, match=r"selected-on-test.csv is missing\nRemove predictions.csv beside it"):
        write_report(run, manager)


# Protocols


def test_a_run_and_its_report_name_the_protocol_and_its_hashes(experiment):
    pipeline = {"protocol": {"use": "random", "folds": "kfold", "parts": 2}}
    events = []
    run, report = experiment(pipeline=pipeline, listener=events.append).run()
    info = run.info()
    digest = protocol_hash(PipelineSpec.model_validate(info["spec"]).protocol)
    assert info["protocol"]["hash"] == digest
    assert report["protocol"] == {"name": "random", "hash": digest, "folds_hash": info["folds_hash"]}
    assert report["remark"] == "speaker-dependent (speakers on both sides)"
    assert Note("the protocol is speaker-dependent (speakers on both sides)") in events
    assert info["folds"] == ["1", "2"]


def test_training_goes_without_what_the_protocol_leaves_out(experiment, change_corpus):
    said = {"u0000": "who left the door open", "u0008": "who left the front door open"}  # sessions 1 and 3
    change_corpus(lambda us: [replace(u, text=said.get(u.id, u.id)) for u in us])
    events = []
    run, _ = experiment(pipeline={"protocol": {"without_repeats": True}}, listener=events.append).run()
    assert run.info()["removed"] == {"1": 1, "3": 1}
    note = "training utterances that repeat words of the test side are left out: 1 of fold 1, 1 of fold 3"
    assert Note(note) in events


def test_ceilings_of_the_whole_corpus_are_not_those_of_a_part(experiment, change_corpus, monkeypatch):
    monkeypatch.setattr(ToyCorpus, "ceilings", lambda self: {"full": 1.0}, raising=False)
    change_corpus(lambda us: [replace(u, fields=dict(u.fields) | {"kind": "read"}) for u in us])
    _, whole = experiment().run()
    _, part = experiment(pipeline={"protocol": {"keep": {"kind": ["read"]}}}, out="part").run()
    assert (whole["ceilings"], part["ceilings"]) == ({"full": 1.0}, {})
