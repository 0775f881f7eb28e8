"""Cells as tasks of Ray (the extra `ray`), on this machine or on the nodes of a cluster.

Nodes of a cluster need mer, the corpus, the cache and the store of tables at the same paths: files do not travel.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch

from mer_core.cells import CellTask, Runner
from mer_core.errors import PluginError, RunError
from mer_core.events import Listener
from mer_core.workers import BYTES_PER_PARAMETER, BYTES_PER_PROCESS, Failed, attempt, tagged

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Runs cells as Ray tasks of one core each, on a GPU also of one GPU; Ray decides how many fit at once.

    Args:
        address: of a cluster, as `ray.init` takes it; None starts Ray on this machine and ends it again.

    Raises:
        PluginError: Ray is not installed.
    """

    address: str | None = None

    def __post_init__(self) -> None:
        if find_spec("ray") is None:
            raise PluginError("--engine ray needs Ray", hint="Install it: pip install 'mer-core[ray]'")

    def __call__(
        self,
        runner: Runner,
        tasks: Sequence[CellTask],
        *,
        jobs: int | None,
        parameters: int,
        device: torch.device,
        listener: Listener,
        failed: Failed | None = None,
    ) -> None:
        """Run the cells. See `run_cells` for the arguments and for what is raised.

        Raises:
            RunError: the cluster cannot be reached.
        """
        if not tasks:
            return
        with _connected(self.address) as ray:
            from ray.util.queue import Queue

            needs = {
                "num_cpus": 1,
                "num_gpus": 1 if device.type == "cuda" else 0,
                "memory": BYTES_PER_PROCESS + parameters * BYTES_PER_PARAMETER,
                "max_retries": 0,
            }
            remote = ray.remote(**needs)(_work)
            _follow(ray, partial(remote.remote, ray.put(runner)), Queue(), tasks, jobs, listener, failed)


def _follow(
    ray: Any,
    submit: Callable[..., Any],
    events: Any,
    tasks: Sequence[CellTask],
    jobs: int | None,
    listener: Listener,
    failed: Failed | None,
) -> None:
    """Keep up to `jobs` cells in Ray's hands and pass on what they tell, until every cell is done."""
    todo, waiting = list(tasks), dict[Any, CellTask]()
    try:
        while todo or waiting:
            while todo and (jobs is None or len(waiting) < jobs):
                task = todo.pop(0)
                waiting[submit(task, events)] = task
            done, _ = ray.wait(list(waiting), timeout=_POLL_S)
            for event in events.get_nowait_batch(events.qsize()):  # what a cell tells is there before it is done
                listener(event)
            for one in done:
                attempt(waiting.pop(one), partial(_result, ray, one), failed)
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def _work(runner: Runner, task: CellTask, events: Any) -> None:
    torch.set_num_threads(1)
    runner(task, tagged(task, events.put))


def _result(ray: Any, one: Any) -> None:
    """Raise what a cell raised."""
    try:
        ray.get(one)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        raise RunError(
            "a Ray worker was killed, as a rule because memory ran out",
            hint="Go on with the same command and --jobs 1, or a smaller batch size.",
        ) from error


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent home
    import ray
    import ray.exceptions

    local: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError, RuntimeError) as cause:
        where = f"cluster {address}" if address else "Ray on this machine"
        raise RunError(
            f"{where} cannot be used: {cause}",
            hint="Give another --address, or leave it out. Where the cluster asks for a token: RAY_AUTH_MODE=token.",
        ) from cause
    try:
        yield ray
    finally:
        ray.shutdown()
