"""Stores in which operators a step and scoring spend their time: `python benchmarks/profile_step.py`.

Nothing else should run. The job is that of `mer bench`: base size, batch 8, both tasks, on a CPU. Each is done once
unwatched before.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from figures import store
from measure import machine
from torch.profiler import ProfilerActivity, profile

from mer_core.bench.job import Job, work_of

DEAREST = 12
JOBS = {
    "a training step, float32": Job(kind="loop", utterances=16),
    "a training step, bfloat16": Job(kind="loop", utterances=16, precision="bfloat16"),
    "scoring from recordings": Job(kind="score", utterances=16),
}


def main() -> None:
    """Store the shares of each job."""
    before = machine()
    shares = {title: operators(job) for title, job in JOBS.items()}
    store("profile", {"machine": before, "operators_percent": shares})


def operators(job: Job) -> dict[str, float]:
    """Return the dearest operators' own time, in percent of all."""
    with tempfile.TemporaryDirectory() as folder:
        work = work_of(job, Path(folder))
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            work()
    own = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    total = sum(own.values())
    dearest = sorted(own.items(), key=lambda item: -item[1])[:DEAREST]
    return {name.removeprefix("aten::"): round(100 * time / total, 1) for name, time in dearest}


if __name__ == "__main__":
    main()
