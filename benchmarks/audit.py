"""Times the audit of 150,000 utterances without sound: `python benchmarks/audit.py`. Nothing else should run meanwhile.

The lines are made: words by Zipf's law, as many to a line as in IEMOCAP (mean 11.5, at most 98), a third of the lines
said before word for word or nearly. The result lies in benchmarks/results/audit.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from measure import machine

from mer_core.audit import CHECKS
from mer_core.audit.subject import Subject
from mer_core.data.folds import Fold
from mer_core.types import Utterance

RESULT = Path(__file__).parent / "results" / "audit.json"
UTTERANCES, SESSIONS, WORDS, SCENES = 150_000, 5, 20_000, 30
LABELS = ("ang", "hap", "neu", "sad")
SAID_BEFORE = 1 / 3


def main() -> None:
    """Make the corpus, run the checks one by one and store their times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    number = parser.parse_args().utterances
    before, subject = machine(), made(number)
    wall_s, cpu_s, found = {}, {}, {}
    for check in CHECKS:
        name, started, busy = check.__module__.rpartition(".")[2], time.perf_counter(), time.process_time()
        found[name] = [[finding.severity, finding.count, finding.total] for finding in check(subject)]
        wall_s[name] = round(time.perf_counter() - started, 1)
        cpu_s[name] = round(time.process_time() - busy, 1)
        print(name, wall_s[name], cpu_s[name], found[name], flush=True)
    value = {
        "command": f"python benchmarks/audit.py --utterances {number}",
        "machine": before,
        "utterances": number,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "found": found,
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    RESULT.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def made(number: int) -> Subject:
    """Return a corpus of that many utterances under leave one session out."""
    rng = np.random.default_rng(1)
    chances = 1 / np.arange(1, WORDS + 1)
    lengths = np.clip(rng.lognormal(np.log(8.5), 0.78, number).round(), 1, 98).astype(int)
    drawn = rng.choice(WORDS, size=lengths.sum(), p=chances / chances.sum())
    lines = [line.tolist() for line in np.split(drawn, np.cumsum(lengths)[:-1])]
    for n in np.flatnonzero(rng.random(number) < SAID_BEFORE):
        line = list(lines[rng.integers(number)])
        line.insert(int(rng.integers(len(line) + 1)), int(rng.integers(WORDS)))
        lines[n] = line[: int(rng.integers(1, 3)) - 2 or None]  # half of them lose their last word
    utterances = [
        Utterance(
            id=f"u{n}",
            text=" ".join(f"w{word}" for word in line),
            label=LABELS[n % len(LABELS)],
            speaker=f"{n % SESSIONS}-{n % 7}",
            session=str(n % SESSIONS),
            fields={"scenario": str(n % SCENES), "dialog": f"{n % SESSIONS}-{n // 100}"},
        )
        for n, line in enumerate(lines)
    ]
    everything = range(number)
    folds = [
        Fold(
            str(s), tuple(i for i in everything if i % SESSIONS != s), tuple(i for i in everything if i % SESSIONS == s)
        )
        for s in range(SESSIONS)
    ]
    return Subject(utterances=utterances, folds=folds, sounds=[None] * number, listed=utterances)


if __name__ == "__main__":
    main()
