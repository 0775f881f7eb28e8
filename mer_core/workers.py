"""Cells side by side, in processes of one machine: small models leave cores idle when one cell runs alone."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Lock
from threading import Thread

import psutil
import torch

from mer_core.cells import CellTask, Runner
from mer_core.errors import RunError
from mer_core.events import CellEvent, InCell, Listener

BYTES_PER_PARAMETER = 24
"""Weight, gradient and two moments in float32, and half as much again for activations (ours, rounded up)."""
BYTES_PER_PROCESS = 2**30
"""The libraries and the data of one worker."""
GPU_BYTES_PER_PARAMETER = 96
"""The same on a GPU, where activations of long batches outweigh the rest (ours, an estimate: none was at hand)."""
_POLL_S = 0.2
Failed = Callable[[CellTask, Exception], None]
"""Is told of a cell that could not be done."""


def num_workers(*, cells: int, parameters: int, device: torch.device) -> int:
    """Return how many cells to run at once: one per core, where the memory of the device that is free allows."""
    if device.type == "mps":  # it does not tell what is free
        return 1
    free = free_gpu_bytes(device) if device.type == "cuda" else psutil.virtual_memory().available
    each = GPU_BYTES_PER_PARAMETER if device.type == "cuda" else BYTES_PER_PARAMETER
    fits = int(0.8 * free / (BYTES_PER_PROCESS + parameters * each))
    return max(1, min(num_cores(), cells, fits))


def free_gpu_bytes(device: torch.device) -> int:
    """Return what no process has taken of a GPU's memory."""
    return int(torch.cuda.mem_get_info(device)[0])


def num_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_cells(
    runner: Runner,
    tasks: Sequence[CellTask],
    *,
    jobs: int,
    listener: Listener,
    failed: Failed | None = None,
) -> None:
    """Run the cells, `jobs` at a time; one at a time in this process where `jobs` is 1.

    Args:
        runner: runs one cell.
        tasks: the cells.
        jobs: how many at once.
        listener: is told what happens in them.
        failed: is told of a cell that could not be done, and the rest goes on; where a worker was killed, one at a
            time. None raises instead.

    Raises:
        MerError: what a cell raised, where `failed` is None; the other cells at work are stopped, those done stay.
        RunError: likewise where a worker was killed, for lack of memory as a rule.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        for task in tasks:
            attempt(task, partial(runner, task, tagged(task, listener)), failed)
        return
    left = list(tasks)
    while left:
        left = _in_pool(runner, left, jobs, listener, failed)
        if left and jobs == 1 and failed is not None:  # the killed worker had the first of those left
            failed(left.pop(0), _killed("The next call tries it again: give it --jobs 1, or a smaller batch size."))
        elif left and failed is None:
            raise _killed("Go on with --resume --jobs 1, or a smaller --batch-size.")
        jobs = 1


def in_processes(
    runner: Runner,
    tasks: Sequence[CellTask],
    *,
    jobs: int | None,
    parameters: int,
    device: torch.device,
    listener: Listener,
    failed: Failed | None = None,
) -> None:
    """Run the cells as `run_cells` does, as many at once as cores and memory allow where `jobs` is None.

    Args:
        runner: runs one cell.
        tasks: the cells.
        jobs: how many at once.
        parameters: of the largest pipeline.
        device: where it computes.
        listener: is told what happens in them.
        failed: is told of a cell that could not be done.
    """
    several = jobs or num_workers(cells=len(tasks), parameters=parameters, device=device)
    run_cells(runner, tasks, jobs=several, listener=listener, failed=failed)


def _in_pool(
    runner: Runner,
    tasks: Sequence[CellTask],
    jobs: int,
    listener: Listener,
    failed: Failed | None,
) -> list[CellTask]:
    """Run the cells in worker processes and return those that were left when one of the workers was killed."""
    context = _context(runner.modules)
    received, events = context.Pipe(duplex=False)
    # Workers end when it closes: when something goes wrong here, and when this process dies, however it does.
    lifeline, held = context.Pipe(duplex=False)
    arguments = (runner, events, context.Lock(), lifeline, max(1, num_cores() // jobs))
    with received, events, lifeline, ProcessPoolExecutor(jobs, context, _start, arguments) as pool:
        try:
            left = _follow({pool.submit(_work, task): task for task in tasks}, received, listener, failed)
        except BaseException:
            held.close()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    held.close()
    return left


def attempt(task: CellTask, run: Callable[[], None], failed: Failed | None) -> None:
    """Do something of a cell; what it raises goes to `failed` where there is one."""
    try:
        run()
    except BrokenProcessPool:
        raise
    except Exception as error:
        if failed is None:
            raise
        failed(task, error)


def _context(modules: Sequence[str]) -> BaseContext:
    """Return how workers are started: where it can be, from one process that has imported what they need already."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mer_core.cells", *modules])
    # It inherits what is blocked: Ctrl-C is for the parent alone, also while that process still imports.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return context


def import_early(modules: Sequence[str]) -> None:
    """Let the process that workers come from import these modules now, while this one prepares the data."""
    _context(modules)


def _follow(
    futures: Mapping[Future[None], CellTask],
    received: Connection,
    listener: Listener,
    failed: Failed | None,
) -> list[CellTask]:
    """Pass the workers' events on until every cell is done or a worker was killed; return the cells then left."""
    waiting, left = dict(futures), []
    while True:
        for future in [future for future in waiting if future.done()]:
            task = waiting.pop(future)
            try:
                attempt(task, future.result, failed)
            except BrokenProcessPool:
                left.append(task)
        if received.poll(_POLL_S if waiting else 0):
            listener(received.recv())
        elif not waiting:  # what a cell tells is in the pipe before the cell is done
            return left


def _killed(hint: str) -> RunError:
    return RunError("a worker process was killed, as a rule because memory ran out", hint=hint)


class _Worker:
    """What a worker process knows; set once when it starts."""

    runner: Runner
    events: Connection
    lock: Lock


def _start(runner: Runner, events: Connection, lock: Lock, lifeline: Connection, threads: int) -> None:
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
        _Worker.runner(task, tagged(task, _send))
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


def tagged(task: CellTask, listener: Callable[[InCell], None]) -> Callable[[CellEvent], None]:
    """Return a listener to what happens in a cell, which says where it happens."""
    return lambda event: listener(task.told(event))
