"""One job in a process of its own, with its speed, its processor time and its peak memory. Imports no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mer_core.errors import RunError


@dataclass(frozen=True, slots=True)
class Ran:
    """What a job printed, and what its process took."""

    told: dict[str, Any]
    processor_s: float
    peak_gib: float

    @property
    def speed(self) -> float:
        """Utterances per second."""
        return float(self.told["utterances_per_second"])


def run(command: Sequence[str], *, env: Mapping[str, str]) -> Ran:
    """Run a command whose last line of output is JSON with `utterances_per_second`. An interrupt ends it too.

    Raises:
        RunError: it failed, or printed no such line.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=dict(os.environ) | dict(env))
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            process.wait()
            raise
        printed, said = (_read(file) for file in (out, err))
    told = _told(printed)
    if process.returncode or told is None:
        last = "\n".join((said or printed).strip().splitlines()[-5:])
        raise RunError(
            f"{' '.join(command)} ended with {process.returncode} and told no speed\n{last}",
            hint="The last line of a peer's output is JSON with utterances_per_second.",
        )
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there
    return Ran(told, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**30)


def ours(job: Mapping[str, Any], *, env: Mapping[str, str]) -> Ran:
    """Run a job of the project; the keys are the fields of `mer_core.bench.job.Job`."""
    return run([sys.executable, "-m", "mer_core.bench", json.dumps(dict(job))], env=env)


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def _told(printed: str) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        float(told["utterances_per_second"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return told
