"""Takes rows: every job once per repeat, alternating, so that a busy minute falls on both sides. Imports no torch."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mer_core.bench.process import Ran, ours, run
from mer_core.bench.rows import Row, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What to take and how often.

    Args:
        rows: by name.
        peers: the script of each side that is not the project's.
        repeats: how often each job runs.
        env: what the jobs' environment has besides this process's.
        progress: told the job that begins, which of how many it is.
    """

    rows: Mapping[str, Row]
    peers: Mapping[str, Path]
    repeats: int
    env: Mapping[str, str]
    progress: Callable[[str, int, int], None] = lambda title, number, total: None

    def take(self) -> dict[str, Any]:
        """Return every row's ratios with their median and spread, and what each job told.

        The project's jobs run once more at the end, watched and counted: no ratio is made of these.
        """
        runs = list({one.title: one for row in self.rows.values() for one in (row.first, row.second)}.values())
        looked_into = [one for one in runs if one.side == "mer" and one.job.get("kind") != "loop"]
        ran: dict[str, list[Ran]] = {one.title: [] for one in runs}
        total = self.repeats * len(runs) + len(looked_into)
        for repeat in range(self.repeats):
            # Each repeat begins with the next job, so that none always runs after the same one.
            turn = repeat % len(runs)
            for number, one in enumerate(runs[turn:] + runs[:turn]):
                self.progress(one.title, repeat * len(runs) + number + 1, total)
                ran[one.title].append(self._one(one))
        found = {name: _result(row, ran[row.first.title], ran[row.second.title]) for name, row in self.rows.items()}
        for number, one in enumerate(looked_into, start=self.repeats * len(runs) + 1):
            self.progress(one.title, number, total)
            ran[one.title].append(self._looked_into(one))
        for name, row in self.rows.items():
            used = ran[row.mine.title][-1].told.get("utilisation")
            found[name] |= {"utilisation": used, "met": row.met(found[name]["ratio"], used)}
        return {"rows": found, "jobs": {title: [asdict(one) for one in each] for title, each in ran.items()}}

    def _one(self, one: Run) -> Ran:
        if one.side != "mer":
            return run([sys.executable, str(self.peers[one.side]), *one.arguments], env=self.env)
        return ours(one.job, env=self.env)

    def _looked_into(self, one: Run) -> Ran:
        """Run one of our jobs watched, which costs a little time, and counted."""
        watched = one.job.get("kind", "train") == "train" and one.job.get("device", "cpu") == "cpu"
        return ours({**one.job, "watched": watched, "counted": True}, env=self.env)


def _result(row: Row, first: list[Ran], second: list[Ran]) -> dict[str, Any]:
    ratios = [a.speed / b.speed for a, b in zip(first, second, strict=True)]
    ratio = statistics.median(ratios)
    mine, other = (first, second) if row.mine is row.first else (second, first)
    return {
        "work": row.work,
        "against": row.against,
        "bound": row.bound,
        "asked": row.asked,
        "is_cost": row.is_cost,
        "ratio": ratio,
        "lowest": min(ratios),
        "highest": max(ratios),
        "utterances_per_second": statistics.median(one.speed for one in mine),
        "others_utterances_per_second": statistics.median(one.speed for one in other),
        "peak_gib": max(one.peak_gib for one in mine),
        "others_peak_gib": max(one.peak_gib for one in other),
    }
