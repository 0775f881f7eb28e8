"""How long `mer compare` takes on two runs of 150,000 predictions: `python benchmarks/compare_size.py`.

The predictions are drawn; 4,000 dialogs of five sessions, four classes. Stored under benchmarks/results.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import as_json, machine, measure

from mer_core.files import write_json
from mer_core.listing import write_listing
from mer_core.rundir import RunDir
from mer_core.scoring import digest_of, predictions_text
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_table
from mer_core.types import Predictions, Utterance

RESULTS = Path(__file__).parent / "results"
MER = Path(sys.executable).with_name("mer")
CLASSES = ("ang", "hap", "neu", "sad")
UTTERANCES, DIALOGS, FOLDS = 150_000, 4_000, 5


def write_run(folder: Path, utterances: list[Utterance], seed: int) -> None:
    """Write a run directory whose predictions are drawn."""
    run, rng = RunDir(folder), np.random.default_rng(seed)
    spec = PipelineSpec.model_validate(toy_table()).model_dump(mode="json")
    folds = [str(fold) for fold in range(FOLDS)]
    info = {"seeds": [1], "folds": folds, "classes": CLASSES, "spec": spec, "folds_hash": "", "corpus": ""}
    write_json(folder / "run.json", info)
    write_listing(run.utterances, utterances)
    for cell in run.cells():
        own = [u for u in utterances if u.session == cell.fold]
        p_NC = torch.tensor(rng.dirichlet(np.ones(len(CLASSES)), len(own)), dtype=torch.float32)
        text = predictions_text(Predictions([u.id for u in own], CLASSES, [str(u.label) for u in own], p_NC))
        cell.folder.mkdir(parents=True)
        cell.predictions.write_text(text, encoding="utf-8", newline="")
        write_json(cell.history, {"predictions_digest": digest_of(text)})


def main() -> None:
    """Write two runs, compare them, store what it took."""
    utterances = [
        Utterance(
            id=f"u{n:06d}",
            label=CLASSES[n % 4],
            session=str(n % DIALOGS % FOLDS),
            fields={"dialog": f"d{n % DIALOGS:04d}"},
        )
        for n in range(UTTERANCES)
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for seed, name in enumerate("ab"):
            write_run(place / name, utterances, seed)
        command = [str(MER), "compare", str(place / "a"), str(place / "b")]
        measured = as_json(measure(command, env={}, log=place / "log.txt"))
    told = {"command": "mer compare a b", "utterances": UTTERANCES, "dialogs": DIALOGS, "machine": machine()}
    (RESULTS / "compare-size.json").write_text(json.dumps(measured | told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
