"""Takes the figures of speed: `python benchmarks/speed.py --peer FILE [NAME …]`, with nothing else running.

Each name is one `mer bench`, sized so that all together take about 25 minutes on two cores; its JSON goes to
benchmarks/results/speed-NAME.json. `python benchmarks/page.py` makes the page from what is stored.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BENCH = {
    "float32": "--rows tuned --utterances 64 --repeats 2",
    "bf16": "--rows bf16 --utterances 64 --repeats 2",
    "step": "--rows tasks,overhead --utterances 32 --repeats 2",
    "usual": "--rows usual --utterances 32 --repeats 3",
    "scoring": "--rows scoring --utterances 100 --batch-size 1 --repeats 2",
    "gpu": "--rows gpu --utterances 1024 --repeats 3",
}
ON_CPU = ("first-step", "float32", "bf16", "step", "usual", "scoring")
FIRST_STEPS = 5


def main() -> None:
    """Take the rows named on the command line, or all that need no GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of first-step, {', '.join(BENCH)}")
    parser.add_argument("--peer", required=True, help="the training peer's script")
    arguments = parser.parse_args()
    for name in arguments.names or ON_CPU:
        if name == "first-step":
            first_step()
            continue
        result = RESULTS / f"speed-{name}.json"
        command = [sys.executable, "-m", "mer_cli", "bench", "--peer", arguments.peer, *BENCH[name].split()]
        command += ["--scoring-peer", str(HERE / "scoring_peer.py"), "--out", str(result)]
        subprocess.run(command, check=True)
        taken = json.loads(result.read_text(encoding="utf-8"))
        taken["command"] = f"mer bench --peer FILE {BENCH[name]}"  # as a reader types it: no paths of a machine
        result.write_text(json.dumps(taken, indent=1) + "\n", encoding="utf-8")


def first_step() -> None:
    """Store how long a run on the demo takes to its first step, the cache being warm."""
    before, told = machine(), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FIRST_STEPS + 1):  # a folder each: workers of the one before may still be ending
            command = [sys.executable, str(HERE / "first_step.py"), f"{folder}/{number}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told.append(json.loads(done.stdout.splitlines()[-1]))
    warm = told[1:]  # the first one fills the cache
    value = {"machine": before, "first_step_s": statistics.median(t["first_step_s"] for t in warm), "each": warm}
    (RESULTS / "speed-first-step.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
