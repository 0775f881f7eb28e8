"""Kills `mer reproduce` 20 times anywhere: does every table come out as undisturbed? `python benchmarks/kills.py`.

Toy parts, two rows, two folds at a time in processes of their own; every kill is a SIGKILL of the command, at a moment
drawn evenly from the time that an undisturbed call takes. The result lies in benchmarks/results/kills.json.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import machine

RESULT = Path(__file__).parent / "results" / "kills.json"
TABLE = """
[plugins]
modules = ["mer_core.testing.toys"]

[pipelines.toys]
data = { use = "toy" }
encoders.audio = { use = "toy", modality = "audio" }
encoders.text = { use = "toy", modality = "text" }
fusion = { use = "toy" }
evaluators = [{ use = "toy" }]
train = { epochs = 40, batch_size = 8, learning_rate = 0.05 }
may_lack = ["audio", "text"]
single.fusion = { use = "toy" }

[tables.kills]
title = "two rows"
rows.text = { title = "text", modalities = ["text"] }
rows.both = { title = "both" }
pairs = [["both", "text"]]
"""
COMMAND = ("-m", "mer_cli", "reproduce", "--table", "kills", "--pipeline", "toys", "--jobs", "2")


def main() -> None:
    """Make the table undisturbed, then under kills, and store whether all agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "registry.toml").write_text(TABLE, encoding="utf-8")
        command = [sys.executable, *COMMAND]
        begun = time.monotonic()
        subprocess.run([*command, "--out", "whole"], cwd=place, check=True, stdout=subprocess.DEVNULL)
        whole_s = time.monotonic() - begun
        rng, killed_after, tables = random.Random(1), [], 1
        while len(killed_after) < asked.kills:
            process = subprocess.Popen([*command, "--out", str(tables)], cwd=place, stdout=subprocess.DEVNULL)
            after_s = rng.uniform(0, whole_s)
            try:
                process.wait(after_s)
                tables += 1  # it was done before: the next kills are of another table
            except subprocess.TimeoutExpired:
                process.kill()
                killed_after.append(round(after_s, 1))
            process.wait()
        subprocess.run([*command, "--out", str(tables)], cwd=place, check=True, stdout=subprocess.DEVNULL)
        whole = results(place / "whole")
        same = all(results(place / str(number)) == whole for number in range(1, tables + 1))
    value = {
        "command": f"python benchmarks/kills.py --kills {asked.kills}",
        "machine": machine(),
        "undisturbed_s": round(whole_s, 1),
        "kills": asked.kills,
        "killed_after_s": killed_after,
        "tables": tables,
        "files": len(whole),
        "same": same,
    }
    print(json.dumps(value, indent=1))
    RESULT.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if value["same"] else 1)


def results(out: Path) -> dict[str, bytes]:
    """Return the content of every file that the cells left, and the table."""
    files = [*out.glob("rows/*/seed-*/fold-*/*"), *out.glob("table-*/table.json")]
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(files)}


if __name__ == "__main__":
    main()
