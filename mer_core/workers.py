"""Cells side by side, in processes of one machine: small models leave cores idle when one cell runs alone."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Lock
from threading import Thread

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
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        for task in tasks:
            runner(task, _tagged(task, listener))
        return
    context = _context(runner)
    received, events = context.Pipe(duplex=False)
    # Workers end when it closes: when something goes wrong here, and when this process dies, however it does.
    lifeline, held = context.Pipe(duplex=False)
    arguments = (runner, events, context.Lock(), lifeline, max(1, num_cores() // jobs))
    with received, events, lifeline, ProcessPoolExecutor(jobs, context, _start, arguments) as pool:
        try:
            _follow([pool.submit(_work, task) for task in tasks], received, listener)
        except BaseException:
            held.close()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    held.close()


def _context(runner: CellRunner) -> BaseContext:
    """Return how workers are started: where it can be, from one process that has imported what they need already."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mer_core.cells", *plugin_modules(runner.spec, runner.manager)])
    # It inherits what is blocked: Ctrl-C is for the parent alone, also while that process still imports.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return context


def _follow(futures: Sequence[Future[None]], received: Connection, listener: Listener) -> None:
    """Pass the workers' events on until every cell is done or one has failed."""
    while True:
        done = [future for future in futures if future.done()]
        for future in done:
            _result(future)
        everything = len(done) == len(futures)
        if received.poll(0 if everything else _POLL_S):
            listener(received.recv())
        elif everything:  # what a cell tells is in the pipe before the cell is done
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
    events: Connection
    lock: Lock


def _start(runner: CellRunner, events: Connection, lock: Lock, lifeline: Connection, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends the workers
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(min(threads, torch.get_num_threads()))  # OMP_NUM_THREADS may allow fewer
    _Worker.runner, _Worker.events, _Worker.lock = runner, events, lock


def _end_with(lifeline: Connection) -> None:
    """End this process, in the middle of a step if need be, once the parent lets go: files are never left half."""
    wait([lifeline])
    os._exit(1)


def _work(task: CellTask) -> None:
    try:
        _Worker.runner(task, _tagged(task, _send))
    except Exception as error:
        if _can_travel(error):
            raise
        raise RuntimeError("".join(traceback.format_exception(error))) from None


def _can_travel(error: Exception) -> bool:
    """Tell whether an error can be made anew in the parent; one that cannot would pass for a killed worker there."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def _send(event: InCell) -> None:
    with _Worker.lock:
        _Worker.events.send(event)


def _tagged(task: CellTask, listener: Callable[[InCell], None]) -> Callable[[CellEvent], None]:
    return lambda event: listener(InCell(task.seed, task.fold.name, task.number, task.cells, event))
