"""Takes the row "frozen encoders, 11 table rows x 5 folds": `python benchmarks/frozen_rows.py`.

`mer reproduce` makes both tables with frozen encoders over one cache, from empty. Against it stand the same rows, one
`mer run --no-cache --jobs 1` after the other, as one would without a cache: every epoch prepares every utterance. Both
use the whole machine; the corpus is an even part of the demo corpus. Stores seconds and their ratio. With `--rows 3`
the two rows of one modality and FC are run, and the other eight are taken to need as long as FC, which is the cheapest
of them.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from figures import MER, store
from measure import machine

REGISTRY = """
[pipelines.demo]
encoders.audio = { use = "wav2vec2", checkpoint = "embedded:tiny-wav2vec2", layer = 1, freeze = "all" }
encoders.text = { use = "bert", checkpoint = "embedded:tiny-bert", freeze = "all" }
"""
ROWS = {
    "BERT": "--modalities text",
    "wav2vec 2.0": "--modalities audio",
    "FC": "--fusion fc --aux none",
    "FC + Aux 1": "--fusion fc --aux aux1",
    "FC + Aux 2": "--fusion fc --aux aux2",
    "CA": "--fusion cross-attn --aux none --set fusion.layers=1",
    "CA + Aux 1": "--fusion cross-attn --aux aux1 --set fusion.layers=1",
    "CA + Aux 2": "--fusion cross-attn --aux aux2 --set fusion.layers=1",
    "K = 1": "--fusion cross-attn --aux aux1,aux2 --set fusion.layers=1",
    "K = 2": "--fusion cross-attn --aux aux1,aux2 --set fusion.layers=2",
    "K = 3": "--fusion cross-attn --aux aux1,aux2 --set fusion.layers=3",
}


def main() -> None:
    """Take the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--utterances", type=int, default=500, help="of the demo corpus, as many of each class and session"
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=len(ROWS), help="to be run one by one, at least the first three")
    arguments = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = folder / "part.csv"
        size = part_of_the_demo(manifest, arguments.utterances)
        registry = folder / "registry.toml"
        registry.write_text(REGISTRY, encoding="utf-8")
        common = (
            f"--registry {registry} --pipeline demo --data manifest:{manifest} --set train.epochs={arguments.epochs}"
        )
        whole = timed(f"reproduce --table 1 --table 2 {common} --out {folder}/tables", folder)
        rows = list(ROWS.items())[: arguments.rows]
        alone = {
            title: timed(f"run {common} {row} --no-cache --jobs 1 --out {folder}/{number}", folder)
            for number, (title, row) in enumerate(rows)
        }
    times = [*alone.values(), *[list(alone.values())[-1]] * (len(ROWS) - len(alone))]
    taken = {
        "machine": before,
        "utterances": size,
        "epochs": arguments.epochs,
        "together_s": whole,
        "alone_s": alone,
        "alone_sum_s": round(sum(times), 1),
        "ratio": round(sum(times) / whole, 2),
    }
    store(f"frozen-rows-{size}", taken)
    print(taken["ratio"])


def part_of_the_demo(path: Path, size: int) -> int:
    """Write a manifest of the demo corpus' first utterances of each session and class; return how many."""
    from mer_plugins.corpora.demo import Demo

    cells = defaultdict(list)
    for utterance in Demo(Demo.Config()).read():
        cells[utterance.session, utterance.label].append(utterance)
    kept = [utterance for cell in cells.values() for utterance in cell[: size // len(cells)]]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "audio", "start", "end", "text", "label", "speaker", "session"])
        for u in kept:
            end = "" if u.audio.end_s is None else u.audio.end_s
            rows.writerow([u.id, u.audio.path.resolve(), u.audio.start_s, end, u.text, u.label, u.speaker, u.session])
    return len(kept)


def timed(words: str, folder: Path) -> float:
    """Run one command with the cache of this measurement; return its wall time in seconds.

    Processor time would miss the workers, whose parent is not this process's child; so nothing else may run meanwhile.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [str(MER), *words.split()], env=os.environ | {"MER_CACHE": f"{folder}/cache"}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"mer {words} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    taken = round(time.perf_counter() - began, 2)
    print(words.split()[0], words[-90:], taken, flush=True)
    return taken


if __name__ == "__main__":
    main()
