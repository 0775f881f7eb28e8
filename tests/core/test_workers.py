"""Cells side by side. What starts processes waits for one import of torch, then for toys."""

import multiprocessing
import os
import pickle
import re
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
import torch

from mer_core import workers
from mer_core.cells import CellTask
from mer_core.data.folds import Fold
from mer_core.errors import RunError
from mer_core.events import CellEnded, CellStarted, EpochEnded, InCell, Note, Stepped
from mer_core.experiment import Experiment
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_table

QUICK = {"epochs": 8, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.1}
CPU = torch.device("cpu")
TASK = CellTask(seed=1, fold=Fold("1", (0,), (1,)), number=1, cells=1)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """Two workers of one thread each, as this process has one."""
    monkeypatch.setattr(workers, "num_cores", lambda: 2)


@pytest.fixture
def experiment(manager, store, tmp_path):
    def make(*, out="run", pipeline=None, **settings):
        corpus = {"data": {"use": "toy", "utterances": 24}, "aux": [{"use": "toy"}], "train": QUICK}
        spec = PipelineSpec.model_validate(toy_table(**corpus | (pipeline or {})))
        fixed = {"name": "toy", "spec": spec, "manager": manager, "out": tmp_path / out, "device": "cpu"}
        return Experiment(**{"store": store, "jobs": 2} | fixed | settings)

    return make


def results(run):
    """Return the content of every file that a cell leaves."""
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for p in sorted(run.path.rglob("fold-*/*")) if p.is_file()}


def nothing_left_behind():
    return multiprocessing.active_children() == []


def told(event, kind):
    return isinstance(event, InCell) and isinstance(event.event, kind)


def test_two_at_once_give_what_one_after_the_other_gives(experiment):
    events = []
    alone, report = experiment(out="alone", jobs=1).run()
    both, same = experiment(listener=events.append).run()
    assert len(results(alone)) == 3 * 4
    assert results(both) == results(alone)
    assert same["cells"] == report["cells"]
    assert nothing_left_behind()

    of_fold = {f: [e.event for e in events if isinstance(e, InCell) and e.fold == f] for f in "123"}
    figures = {cell["fold"]: cell["figures"]["accuracy"] for cell in report["cells"]}
    for fold, of_cell in of_fold.items():
        kinds = [type(event) for event in of_cell]
        assert kinds == [CellStarted, *[Stepped, Stepped, EpochEnded] * QUICK["epochs"], CellEnded]
        assert of_cell[-1].figures["accuracy"] == figures[fold]
    assert {(e.fold, e.number, e.cells) for e in events if isinstance(e, InCell)} == {(f, int(f), 3) for f in "123"}


def test_ctrl_c_ends_the_workers_at_once_and_resume_leads_to_the_same_results(experiment):
    def interrupt(event):
        if told(event, CellStarted) and event.fold == "3":
            interrupted.append(time.monotonic())
            raise KeyboardInterrupt

    interrupted, again = [], []
    with pytest.raises(KeyboardInterrupt):
        experiment(listener=interrupt).run()
    assert time.monotonic() - interrupted[0] < 5
    assert nothing_left_behind()
    run, _ = experiment(resume=True, listener=again.append).run()
    assert results(run) == results(experiment(out="whole", jobs=1).run()[0])

    cells = [e for e in again if isinstance(e, InCell)]
    assert told(cells[0], CellEnded), "what was done is told first, with its figures"
    assert 0 <= cells[0].event.figures["accuracy"] <= 1
    assert [e.fold for e in cells if told(e, CellStarted)].count(cells[0].fold) == 0


def test_an_error_in_a_cell_arrives_with_its_hint_and_what_is_done_stays(experiment, tmp_path):
    whole = results(experiment(out="whole", jobs=1).run()[0])

    def obstruct(event):
        if isinstance(event, Note):
            (tmp_path / "run" / "seed-1").mkdir()
            (tmp_path / "run" / "seed-1" / "fold-3").write_text("in the way")

    made = experiment(listener=obstruct)
    with pytest.raises(RunError, match=r"fold-3/.* could not be written: .*\nMake room or choose another place"):
        made.run()
    assert nothing_left_behind()
    done = list((tmp_path / "run").rglob("predictions.csv"))
    assert done
    assert all(path.read_bytes() == whole[f"{path.parent.name}/predictions.csv"] for path in done)


def test_a_worker_that_is_killed_is_an_error_with_the_remedy(experiment):
    at_work = set()

    def kill(event):
        assert not told(event, CellEnded)
        if told(event, EpochEnded) and event.fold not in at_work:
            at_work.add(event.fold)
            if at_work == {"1", "2"}:  # neither waited for the other
                multiprocessing.active_children()[0].kill()

    expected = (
        r"a worker process was killed, as a rule because memory ran out\n"
        r"Go on with --resume --jobs 1, or a smaller --batch-size\."
    )
    with pytest.raises(RunError, match=expected):
        experiment(listener=kill, pipeline={"train": QUICK | {"epochs": 5000}}).run()
    assert nothing_left_behind()


def test_one_cell_needs_no_process(experiment, monkeypatch):
    monkeypatch.setattr(workers, "ProcessPoolExecutor", None)
    assert [c["fold"] for c in experiment(only_fold="2", jobs=8).run()[1]["cells"]] == ["2"]


class Faulty:
    """A runner of cells that fail as their fold says."""

    modules = ()

    def __call__(self, task, listener):
        listener(CellStarted(0, 1))
        if task.fold.name == "killed":
            os._exit(9)
        if task.fold.name == "wrong":
            raise RunError("wrong", hint="Mend it.")
        listener(CellEnded({"wa": 1.0}))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "wrong", "b"], {"wrong": "wrong\nMend it."}),
        (["a", "killed", "b", "wrong"], {"killed": "a worker process was killed", "wrong": "wrong\nMend it."}),
    ],
)
def test_what_fails_is_told_and_the_rest_goes_on(names, expected):
    tasks = [CellTask(1, Fold(name, (0,), (1,)), number, len(names), "row") for number, name in enumerate(names)]
    events, failures = [], {}

    def failed(task, error):
        failures[task.fold.name] = str(error)

    workers.run_cells(Faulty(), tasks, jobs=2, listener=events.append, failed=failed)
    assert failures.keys() == expected.keys()
    assert all(failures[name].startswith(text) for name, text in expected.items())
    assert {(e.run, e.fold) for e in events if told(e, CellEnded)} == {("row", "a"), ("row", "b")}
    assert nothing_left_behind()


# Without processes


def test_alone_what_fails_is_told_too():
    tasks = [CellTask(1, Fold(name, (0,), (1,)), 1, 2) for name in ("wrong", "a")]
    ended, failures = [], []
    workers.run_cells(Faulty(), tasks, jobs=1, listener=ended.append, failed=lambda *args: failures.append(args))
    assert [(task.fold.name, str(error)) for task, error in failures] == [("wrong", "wrong\nMend it.")]
    assert [e.fold for e in ended if told(e, CellEnded)] == ["a"]


class StrangeError(Exception):
    """An error of a plugin that cannot be made from its text alone, as pickle makes it."""

    def __init__(self, what, *, where):
        super().__init__(f"{what} {where}")


@pytest.mark.parametrize(
    ("error", "arrives", "text"),
    [
        (RunError("full", hint="Make room."), RunError, "full\nMake room."),
        (KeyError("x"), KeyError, "'x'"),
        (StrangeError("odd", where="here"), RuntimeError, r"Traceback.*StrangeError: odd here"),
    ],
)
def test_every_error_of_a_cell_arrives(monkeypatch, error, arrives, text):
    def fail(task, listener):
        raise error

    monkeypatch.setattr(workers._Worker, "runner", staticmethod(fail), raising=False)
    with pytest.raises(arrives) as caught:
        workers._work(TASK)
    arrived = pickle.loads(pickle.dumps(caught.value))
    assert re.search(text, str(arrived), re.DOTALL)


@pytest.fixture
def pipe():
    received, events = multiprocessing.Pipe(duplex=False)
    with received, events:
        yield received, events


def test_an_error_is_not_kept_waiting_by_the_events_of_other_cells(pipe):
    received, events = pipe
    failed, busy, heard = Future(), Future(), []
    events.send(1)

    def listen(event):
        heard.append(event)
        events.send(event + 1)  # there is always one more
        if event == 3:
            failed.set_exception(RunError("full", hint="Make room."))
        assert event < 10

    with pytest.raises(RunError, match="full\nMake room"):
        workers._follow({busy: TASK, failed: TASK}, received, listen, None)
    assert heard == [1, 2, 3]


def test_no_event_is_lost_at_the_end(pipe):
    received, events = pipe
    done, heard = Future(), []
    done.set_result(None)
    for number in range(5):
        events.send(number)
    assert workers._follow({done: TASK}, received, heard.append, None) == []
    assert heard == [0, 1, 2, 3, 4]


# How many


@pytest.fixture
def machine(monkeypatch):
    def make(*, cores, gib):
        monkeypatch.setattr(workers, "num_cores", lambda: cores)
        memory = SimpleNamespace(available=gib * 2**30)
        monkeypatch.setattr(workers.psutil, "virtual_memory", lambda: memory)

    return make


@pytest.mark.parametrize(
    ("cores", "gib", "cells", "parameters", "expected"),
    [
        (4, 64, 10, 1000, 4),  # the cores decide
        (64, 64, 10, 1000, 10),  # the cells decide
        (64, 8, 50, 0, 6),  # memory decides: 0.8 of 8 GiB, 1 GiB each
        (16, 16, 10, 2**28, 1),  # 6 GiB of weights, gradients, moments and activations besides: 12.8 / 7
        (16, 32, 10, 2**28, 3),  # 25.6 / 7
        (8, 0, 10, 1000, 1),  # never none
        (8, 64, 0, 1000, 1),
    ],
)
def test_as_many_at_once_as_cores_memory_and_cells_allow(machine, cores, gib, cells, parameters, expected):
    machine(cores=cores, gib=gib)
    assert workers.num_workers(cells=cells, parameters=parameters, device=CPU) == expected


@pytest.mark.parametrize(
    ("cores", "gib", "cells", "parameters", "expected"),
    [
        (16, 80, 5, 10**6, 5),  # small models share it
        (4, 80, 50, 10**6, 4),
        (16, 80, 50, 2 * 10**8, 3),  # base-size encoders: 64 GiB, 18.9 each
        (16, 140, 50, 2 * 10**8, 5),
        (16, 16, 50, 2 * 10**8, 1),
    ],
)
def test_cells_share_a_gpu_as_its_free_memory_allows(machine, monkeypatch, cores, gib, cells, parameters, expected):
    machine(cores=cores, gib=1)  # the machine's own memory does not count
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: asked.append(device) or (gib * 2**30, 2**40))
    gpu = torch.device("cuda", 0)
    assert workers.num_workers(cells=cells, parameters=parameters, device=gpu) == expected
    assert asked == [gpu]


def test_a_device_that_does_not_tell_its_free_memory_is_not_shared(machine):
    machine(cores=16, gib=64)
    assert workers.num_workers(cells=10, parameters=1000, device=torch.device("mps")) == 1


def test_the_library_runs_one_at_a_time_unless_asked(experiment, monkeypatch, manager, tmp_path, store):
    from mer_core import experiment as module

    asked = []
    monkeypatch.setattr(module, "run_cells", lambda runner, tasks, *, jobs, listener: asked.append(jobs))
    monkeypatch.setattr(module, "write_report", lambda run, manager: {})
    monkeypatch.setattr(module, "num_workers", lambda *, cells, parameters, device: 100 * cells + (parameters > 0))
    made = experiment()
    Experiment(name="toy", spec=made.spec, manager=manager, out=tmp_path / "a", device="cpu", store=store).run()
    experiment(out="b", jobs=None).run()
    experiment(out="c", jobs=5).run()
    assert asked == [1, 301, 5]
