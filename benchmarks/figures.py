"""Takes the figures of docs/benchmarks.md: `python benchmarks/figures.py [NAME …] [--emodb MANIFEST]`.

Each row is one `mer run`, stored under benchmarks/results with its command, machine and report's summary.
`python benchmarks/page.py` makes the page from what is stored. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import as_json, machine, measure

RESULTS = Path(__file__).parent / "results"
MER = Path(sys.executable).with_name("mer")
SEEDS = "--seed 1,2,3"
FULL = "run --fusion cross-attn --aux aux1,aux2"
FEATURES = "run --pipeline features --data manifest:{emodb} --folds speaker"
ROWS = {
    "main-job": FULL,
    "demo-text": f"run --modalities text {SEEDS}",
    "demo-audio": f"run --modalities audio {SEEDS}",
    "demo-fc": f"run --fusion fc --aux none {SEEDS}",
    "demo-cross-attn": f"run --fusion cross-attn --aux none {SEEDS}",
    "demo-full": f"{FULL} {SEEDS}",
    "emodb-audio": "run --data manifest:{emodb} --folds speaker --modalities audio",
    "emodb-egemaps": FEATURES,
    "emodb-egemaps-speaker": f"{FEATURES} --set encoders.audio.speaker_norm=true",
    "emodb-logmel": f"{FEATURES} --set encoders.audio.use=logmel",
    "emodb-mfcc": f"{FEATURES} --set encoders.audio.use=mfcc",
    "emodb-text": "run --data manifest:{emodb} --folds speaker --modalities text",
}
START_UP = ("--help", "list-plugins", "show-plugin cross-attn")
REPEATS = 11


def main() -> None:
    """Take the rows named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(['start-up', *ROWS])}")
    parser.add_argument("--emodb", help="a manifest of EMO-DB; its rows are left out where it is not given")
    arguments = parser.parse_args()
    for name in arguments.names or ["start-up", *ROWS]:
        if name == "start-up":
            store(name, {"machine": machine(), "seconds": {words: start_up(words) for words in START_UP}})
        elif "{emodb}" not in ROWS[name] or arguments.emodb:
            store(name, take(name, arguments.emodb))


def take(name: str, emodb: str | None) -> dict[str, object]:
    """Run one row with an empty cache of its own and return what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        out, before = Path(folder) / "run", machine()
        words = [word.format(emodb=emodb) for word in ROWS[name].split()]
        command = [str(MER), *words, "--out", str(out)]
        measured = as_json(measure(command, env={"MER_CACHE": f"{folder}/cache"}, log=Path(folder) / "log"))
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    shown = ROWS[name].replace("{emodb}", "emodb/manifest.csv")
    kept = {key: report[key] for key in ("summary", "ceilings", "cells")}
    return (
        measured | {"command": f"mer {shown}", "machine": before, "packages": report["provenance"]["packages"]} | kept
    )


def start_up(words: str) -> float:
    """Return the median wall time of a command that loads no model, in seconds."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run([str(MER), *words.split()], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def store(name: str, value: dict[str, object]) -> None:
    """Write a row's result."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    print(name, json.dumps(value.get("summary", value), indent=None)[:200], flush=True)


if __name__ == "__main__":
    main()
