"""Takes the figures of docs/explanation/fusions-on-the-demo.md: `python benchmarks/fusions.py [--rows tfn,late] …`.

Every row is one `mer run` per fold; its cells go into benchmarks/results/fusions-demo.json as soon as they are there,
and a cell that is there is not run again. `python benchmarks/fusions_page.py` makes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from measure import machine

from mer_core.listing import read_listing
from mer_core.rundir import RunDir
from mer_core.stored import read_cell

HERE = Path(__file__).parent
RESULT = HERE / "results" / "fusions-demo.json"
MER = Path(sys.executable).with_name("mer")
REGISTRY = "benchmarks/fusions.toml"
GMU = HERE.parent / "docs" / "examples" / "mer-gmu"
FOLDS = "1,2,3,4,5"
ROWS = {
    "text": "--modalities text",
    "audio": "--modalities audio",
    "fc": "--fusion fc",
    "late": "--fusion late",
    "shallow": "--fusion shallow",
    "smcn": "--fusion smcn --set fusion.dim=64 --set fusion.hidden_dim=64",
    "gmu": "--fusion gmu",
    "tfn": "--fusion tfn --set fusion.dropout=0",
    "lmf": "--fusion lmf --set fusion.dropout=0 --set fusion.layers=1",
    "film": "--fusion film --set fusion.dim=64 --set fusion.blocks=2 --set fusion.gru_dim=64 --set fusion.pool_dim=128 "
    "--set fusion.hidden_dim=128",
    "perceiver": "--fusion perceiver --set fusion.dim=64 --set fusion.latents=8 --set fusion.layers=1 "
    "--set fusion.heads=4 --set train.epochs=45",
    "cross-attn": "--fusion cross-attn --set fusion.layers=1 --set fusion.dropout=0 "
    "--set encoders.audio.freeze=frontend --set train.epochs=20",
    "bottleneck": "--fusion bottleneck --set fusion.dim=32 --set fusion.layers=2 --set fusion.fusion_layer=0 "
    "--set fusion.heads=4 --set train.epochs=30",
    "mult": "--fusion mult --set fusion.dim=32 --set fusion.layers=1 --set fusion.self_layers=1 --set fusion.heads=4 "
    "--set fusion.dropout=0 --set fusion.embed_dropout=0 --set fusion.out_dropout=0 --set train.epochs=30",
    "co-attention": "--fusion co-attention",
    "multi-level": "--fusion multi-level --set fusion.heads=4 --set fusion.hidden_dim=64 "
    "--set encoders.audio.freeze=frontend --set train.epochs=20",
    "mcsan": "--fusion mcsan --set fusion.dim=32 --set fusion.channels=32 --set fusion.heads=4 --set train.epochs=45",
    "two-stage": "--fusion two-stage --set fusion.heads=4 --set fusion.dropout=0 --set train.epochs=45",
    "tsb-tab": "--fusion tsb-tab --set fusion.dim=64 --set fusion.embed_dim=64 --set fusion.hidden_dim=32",
}


def main() -> None:
    """Run what is asked for and not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--folds", default=FOLDS)
    parser.add_argument("--seeds", default="1,2,3")
    arguments = parser.parse_args()
    for fold in arguments.folds.split(","):
        for name in arguments.rows.split(","):
            take(name, fold, arguments.seeds.split(","))


def take(name: str, fold: str, seeds: list[str]) -> None:
    """Run one row's fold for the seeds that are not there yet, side by side, and store its cells."""
    stored = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {"rows": {}}
    row = stored["rows"].setdefault(name, {"command": command(name, "1,2,3"), "cells": []})
    have = {(cell["seed"], cell["fold"]) for cell in row["cells"]}
    missing = [seed for seed in seeds if (int(seed), fold) not in have]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        words = [*command(name, ",".join(missing)).split()[1:], "--only-fold", fold]
        words += ["--jobs", str(len(missing)), "--out", f"{folder}/run"]
        path = os.pathsep.join([str(GMU), os.environ.get("PYTHONPATH", "")])
        subprocess.run([str(MER), *words], check=True, cwd=HERE.parent, env=os.environ | {"PYTHONPATH": path})
        run = RunDir(Path(folder) / "run")
        row["cells"] = sorted([*row["cells"], *cells(run)], key=lambda cell: (cell["seed"], cell["fold"]))
        stored["packages"] = packages(run)
    stored["machine"] = machine()
    RESULT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def command(name: str, seeds: str) -> str:
    """Return what a reader types for a row."""
    return f"mer run --registry {REGISTRY} --pipeline fusions {ROWS[name]} --seed {seeds}"


def cells(run: RunDir) -> list[dict[str, Any]]:
    """Return seed, fold, and right and all utterances of each stratum, from the stored predictions."""
    listing = read_listing(run.utterances)
    stratum = {utterance.id: utterance.fields["stratum"] for utterance in listing}
    found = []
    for cell in run.cells():
        predictions = read_cell(cell, listing).predictions
        right, total = Counter[str](), Counter[str]()
        for id_, label, predicted in zip(predictions.ids, predictions.labels, predictions.predicted, strict=True):
            total[stratum[id_]] += 1
            right[stratum[id_]] += label == predicted
        strata = {name: [right[name], total[name]] for name in sorted(total)}
        found.append({"seed": cell.seed, "fold": cell.fold, "strata": strata})
    return found


def packages(run: RunDir) -> dict[str, str]:
    """Return the versions that a run's report names."""
    report: dict[str, Any] = json.loads(run.report.read_text(encoding="utf-8"))
    versions: dict[str, str] = report["provenance"]["packages"]
    return versions


if __name__ == "__main__":
    main()
