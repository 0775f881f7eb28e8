"""Cells side by side, in processes of one machine: small models leave cores idle when one cell runs alone."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event as StopFlag

import psutil
import torch

from mer_core.cells import CellRunner, CellTask
from mer_core.errors import RunError
from mer_core.events import CellEvent, InCell, Listener
from mer_core.provenance import plugin_modules

BYTES_PER_PARAMETER = 24
"""Weight, gradient and two moments in float32, and half as much again for activations (ours, rounded up)."""
BYTES_PER_PROCESS = 2**30
"""The libraries and the data of one worker."""
_POLL_S = 0.2


def num_workers(*, cells: int, parameters: int, device: torch.device) -> int:
    """Return how many cells to run at once: on a CPU one per core where memory allows, elsewhere one."""
    if device.type != "cpu":
        return 1
    fits = int(0.8 * psutil.virtual_memory().available / (BYTES_PER_PROCESS + parameters * BYTES_PER_PARAMETER))
    return max(1, min(num_cores(), cells, fits))


def num_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_cells(runner: CellRunner, tasks: Sequence[CellTask], *, jobs: int, listener: Listener) -> None:
    """Run the cells, `jobs` at a time; one at a time in this process where `jobs` is 1.

    Raises:
        MerError: what a cell raised; the other cells at work are stopped, those done stay.
        RunError: a worker was killed, for lack of memory as a rule.
    """
    if jobs == 1:
        for task in tasks:
            runner(task, _tagged(task, listener))
        return
    context = _context(runner)
    events: Queue[InCell] = context.Queue()
    stop = context.Event()
    arguments = (runner, events, stop, max(1, num_cores() // jobs))
    with ProcessPoolExecutor(jobs, context, _start, arguments) as pool:
        futures = [pool.submit(_work, task) for task in tasks]
        try:
            _follow(futures, events, listener)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _context(runner: CellRunner) -> BaseContext:
    """Return how workers are started: where it can be, from one process that has imported what they need already."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mer_core.cells", *plugin_modules(runner.spec, runner.manager)])
    return context


def _follow(futures: Sequence[Future[None]], events: Queue[InCell], listener: Listener) -> None:
    """Pass the workers' events on until every cell is done or one has failed."""
    while True:
        waiting = any(not future.done() for future in futures)
        try:
            while True:
                listener(events.get(timeout=_POLL_S if waiting else 0.01))
        except queue.Empty:
            pass
        for future in futures:
            if future.done():
                _result(future)
        if not waiting:
            return


def _result(future: Future[None]) -> None:
    try:
        future.result()
    except BrokenProcessPool as cause:
        raise RunError(
            "a worker process was killed, as a rule because memory ran out",
            hint="Go on with --resume --jobs 1, or a smaller --batch-size.",
        ) from cause


class _Worker:
    """What a worker process knows; set once when it starts."""

    runner: CellRunner
    events: Queue[InCell]
    stop: StopFlag


def _start(runner: CellRunner, events: Queue[InCell], stop: StopFlag, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and stops the workers between two steps
    torch.set_num_threads(threads)
    _Worker.runner, _Worker.events, _Worker.stop = runner, events, stop


def _work(task: CellTask) -> None:
    _Worker.runner(task, _tagged(task, _send))


def _send(event: InCell) -> None:
    parent = multiprocessing.parent_process()
    if _Worker.stop.is_set() or parent is None or not parent.is_alive():
        raise KeyboardInterrupt
    _Worker.events.put(event)


def _tagged(task: CellTask, listener: Callable[[InCell], None]) -> Callable[[CellEvent], None]:
    return lambda event: listener(InCell(task.seed, task.fold.name, task.number, task.cells, event))
