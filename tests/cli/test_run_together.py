"""`torchrun … -m mer_cli run`: two processes train one cell together, with the losses and predictions of one."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).parent / "toy" / "registry.toml"
RUN = (
    "run", "--pipeline", "toy", "--only-fold", "1", "--epochs", "2", "--select", "test", "--batch-size", "5",
    "--set", "train.accumulate=2", "--set", "train.dropout=0", "--set", "fusion.dropout=0",
    "--set", "train.class_weights=true",
    "--device", "cpu", "--registry", str(TOY),
)  # fmt: skip
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mer_cli")


def together(*words):
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*TORCHRUN, *words], capture_output=True, text=True, env=env, timeout=300)


def rows(path):
    with path.open() as file:
        table = list(csv.DictReader(file))
    return [(row["id"], row["label"]) for row in table], [
        float(value) for row in table for name, value in row.items() if name.startswith("p_")
    ]


def test_two_processes_give_what_one_gives(mer, workplace):
    alone = mer(*RUN, "--out", "alone", registry=None)
    assert alone.exit_code == 0, alone.output
    both = together(*RUN, "--out", "both")
    assert both.returncode == 0, both.stderr

    cells = [workplace / name / "seed-1" / "fold-1" for name in ("alone", "both")]
    histories = [json.loads((cell / "history.json").read_text()) for cell in cells]
    for one, other in zip(*(history["epochs"] for history in histories), strict=True):
        assert other["losses"] == pytest.approx(one["losses"], abs=1e-5)
        assert other["padding"] == one["padding"]
        assert other["score"] == one["score"]
    assert set(histories[0]["epochs"][0]["losses"]) == {"main", "aux1", "aux2"}
    (ids, p_NC), (other_ids, others_NC) = (rows(cell / "predictions.csv") for cell in cells)
    assert other_ids == ids
    assert others_NC == pytest.approx(p_NC, abs=1e-5)

    files = [sorted(str(p.relative_to(workplace / n)) for p in (workplace / n).rglob("*")) for n in ("alone", "both")]
    assert files[1] == files[0], "one set of files"
    said = [line for line in both.stdout.splitlines() if line.startswith(("fold 1 (1 of 1)", "mean"))]
    assert len(said) == len(set(said)) == 2, "one of the two tells"
