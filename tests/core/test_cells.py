import json
import pickle

import pytest
import torch
from safetensors.torch import load_file

from mer_core import cells, training
from mer_core.cells import CellRunner, CellTask
from mer_core.data.folds import make_folds
from mer_core.errors import RunError
from mer_core.events import CellEnded, CellStarted, EpochEnded
from mer_core.report import evaluate, scalars
from mer_core.rundir import RunDir
from mer_core.scoring import read_predictions
from mer_core.training import class_weights

TRAIN = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.1}


@pytest.fixture
def cell(toys, manager, tmp_path):
    """The runner of a toy pipeline, and its first fold as a task: `cell(select=...)`."""

    def make(out="run", **train):
        made = toys(train=TRAIN | train, corpus={"utterances": 24})
        fold = make_folds(made.examples.utterances, made.spec.protocol)[0]
        runner = CellRunner(RunDir(tmp_path / out), made.spec, manager, "cpu", made.examples)
        return runner, CellTask(seed=1, fold=fold, number=1, cells=3)

    return make


def test_a_cell_leaves_weights_history_and_predictions_and_tells_its_figures(cell, manager):
    (runner, task), events = cell(), []
    runner(task, events.append)
    stored = runner.run.cell(1, task.fold.name)
    assert sorted(path.name for path in stored.folder.iterdir()) == [
        "history.json",
        "predictions.csv",
        "selected-on-test.csv",
        "weights.safetensors",
    ]
    assert events[0] == CellStarted(epoch=0, epochs=2)
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [1, 2]
    predictions = read_predictions(stored.predictions)
    assert list(predictions.ids) == [runner.examples.utterances[i].id for i in task.fold.test]
    assert events[-1] == CellEnded(scalars(evaluate(runner.spec, manager, predictions)))
    assert "encoders.audio.layer.weight" in load_file(stored.weights)


def test_a_runner_that_travelled_gives_the_same_files(cell):
    runner, task = cell()
    runner(task, lambda event: None)
    other, _ = cell(out="other")
    travelled, task = pickle.loads(pickle.dumps((other, task)))  # as it is sent to a worker
    travelled(task, lambda event: None)
    for name in ("predictions", "weights", "history"):
        one, two = (getattr(r.run.cell(1, task.fold.name), name).read_bytes() for r in (runner, travelled))
        assert one == two


def test_predictions_are_written_last_so_that_they_tell_that_a_cell_is_done(cell, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(path, text):
        assert path.name == "predictions.csv", "history.json is not written by this"
        raise Killed

    runner, task = cell(select="test")
    monkeypatch.setattr(cells, "write_text", kill)
    with pytest.raises(Killed):
        runner(task, lambda event: None)
    stored, started = runner.run.cell(1, task.fold.name), []
    assert not stored.predictions.exists()
    assert stored.weights.exists()
    monkeypatch.undo()
    runner(task, started.append)
    assert started[0] == CellStarted(epoch=2, epochs=2), "training is not done again"
    assert stored.predictions.exists()
    assert not list(stored.folder.glob("[bc]*.safetensors")), "the checkpoints are gone"


@pytest.mark.parametrize("select", ["last", "inner", "test"])
def test_the_utterances_that_select_the_epoch_are_those_that_were_asked_for(cell, monkeypatch, select):
    scored, real = [], cells.predict

    def watch(pipeline, examples, indices, **kwargs):
        scored.append(tuple(indices))
        return real(pipeline, examples, indices, **kwargs)

    for module in (cells, training):
        monkeypatch.setattr(module, "predict", watch)
    runner, task = cell(select=select)
    runner(task, lambda event: None)
    *selecting, last = scored
    assert last == tuple(task.fold.test)
    if select == "inner":
        assert selecting[0] == selecting[1]
        assert set(selecting[0]) < set(task.fold.train)
    else:  # the test fold is scored for the record; `test` takes the score from there
        assert selecting == []
    history = json.loads(runner.run.cell(1, task.fold.name).history.read_text())
    assert (history["epochs"][0]["score"] is None) == (select == "last")
    if select == "test":
        assert [row["score"] for row in history["epochs"]] == [row["on_test"]["ua"] for row in history["epochs"]]


def test_class_weights_have_mean_one_over_the_training_set(toys):
    made = toys()
    train = [0, 4, 8, 12, 1, 5, 2]  # 4 angry, 2 happy, 1 neutral, 0 sad
    weight_C = class_weights(made.examples, train)
    assert weight_C.tolist() == pytest.approx([7 / 12, 7 / 6, 7 / 3, 0.0])
    assert sum(weight_C[made.examples.label(i)] for i in train) / len(train) == pytest.approx(1.0)


def test_too_little_memory_on_a_gpu_is_told_with_the_remedy(cell, monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee the documentation")

    runner, task = cell()
    monkeypatch.setattr(cells, "run_stages", full)
    expected = (
        r"the GPU's memory does not suffice: CUDA out of memory\. Tried to allocate 2 GiB\.\n"
        r"Go on with --resume --jobs 1, a smaller --batch-size, or train\.batch_frames, which bounds the batches"
    )
    with pytest.raises(RunError, match=expected):
        runner(task, lambda event: None)
