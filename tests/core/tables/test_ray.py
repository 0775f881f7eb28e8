"""Cells as Ray tasks. One test starts Ray, which takes seconds; it is skipped where Ray is not installed."""

import pytest
import torch

from mer_core import ray_cells
from mer_core.cells import CellTask
from mer_core.data.folds import Fold
from mer_core.errors import PluginError, RunError
from mer_core.events import CellEnded, CellStarted, InCell
from mer_core.ray_cells import RayEngine

CPU = torch.device("cpu")


class Faulty:
    """A runner of cells that fail as their fold says."""

    modules = ()

    def __call__(self, task, listener):
        listener(CellStarted(0, 1))
        if task.fold.name == "wrong":
            raise RunError("wrong", hint="Mend it.")
        listener(CellEnded({"ua": 1.0}))


def test_ray_gives_what_processes_give_and_tells_of_failures(reproduction, whole):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    events = []
    assert reproduction(engine=RayEngine(), listener=events.append).run() == whole.tables
    told = [(e.run, e.fold) for e in events if isinstance(e, InCell) and isinstance(e.event, CellEnded)]
    assert len(told) == len(set(told)) == 8

    tasks = [CellTask(1, Fold(name, (0,), (1,)), 1, 2, "row") for name in ("wrong", "right")]
    failures, events = [], []
    ways = {"jobs": 1, "parameters": 1, "device": CPU, "listener": events.append}
    RayEngine()(Faulty(), tasks, **ways, failed=lambda task, error: failures.append((task.fold.name, str(error))))
    assert failures == [("wrong", "wrong\nMend it.")]
    assert [e.fold for e in events if isinstance(e.event, CellEnded)] == ["right"]


def test_without_ray_the_remedy_is_told_before_anything_is_prepared(monkeypatch):
    monkeypatch.setattr(ray_cells, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"--engine ray needs Ray\nInstall it: pip install 'mer-core\[ray\]'"):
        RayEngine()
