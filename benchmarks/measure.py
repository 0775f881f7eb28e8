"""Runs one command and measures it: wall time, and memory of all its processes (shared pages counted once)."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one command took."""

    command: str
    wall_s: float
    peak_gib: float


def measure(command: list[str], *, env: dict[str, str], log: Path) -> Measured:
    """Run a command to its end; its output goes to `log`.

    Raises:
        RuntimeError: it failed.
    """
    started, peak = time.perf_counter(), 0
    with log.open("w", encoding="utf-8") as file:
        process = psutil.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | env)
        while process.poll() is None:
            peak = max(peak, _memory(process))
            time.sleep(POLL_S)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return Measured(" ".join(command), round(time.perf_counter() - started, 1), round(peak / 2**30, 2))


def machine() -> dict[str, object]:
    """Return what the figures were taken on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def as_json(measured: Measured) -> dict[str, object]:
    """Return a measurement as plain values."""
    return asdict(measured)


def _memory(process: psutil.Process) -> int:
    """Return the proportional set size of a process and its descendants, in bytes."""
    total = 0
    for one in _family(process):
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
