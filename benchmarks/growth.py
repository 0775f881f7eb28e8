"""Takes the rows "10x the utterances" and "100 h in less than 4 GiB": `python benchmarks/growth.py`.

Corpora of growing size, lengths distributed as IEMOCAP's, one small linear encoder, features of 16 numbers per frame so
that the disk suffices. Each size runs in a process of its own: prepare all, then train one epoch from the cache. Memory
is that of the process but for pages of mapped files, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from figures import store
from measure import machine

SECONDS = 4.55  # IEMOCAP's mean
SIZES = (550, 5_500, round(100 * 3600 / SECONDS))


def main() -> None:
    """Take all sizes, or do one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, help="of this size, in this process")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one)))
        return
    command = [sys.executable, __file__, "--one"]
    rows = []
    for size in arguments.sizes:
        done = subprocess.run([*command, str(size)], check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    store("growth", {"machine": machine(), "sizes": rows})


def one(size: int) -> dict[str, float]:
    """Prepare and train a corpus of that many utterances; return times per utterance and memory."""
    import torch

    from mer_core.compose import compose
    from mer_core.data.prepare import prepare
    from mer_core.data.store import FeatureStore
    from mer_core.spec import PipelineSpec
    from mer_core.testing.toys import CLASSES, toy_manager, toy_table

    torch.set_num_threads(1)
    train = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01}
    table = toy_table(encoders={"audio": {"use": "frames"}}, train=train)
    spec, manager = PipelineSpec.model_validate(table), toy_manager(files=[Path(__file__).with_name("growth_parts.py")])
    pipeline = compose(spec, manager, num_classes=len(CLASSES))
    empty = _memory_mib()
    with tempfile.TemporaryDirectory() as folder:
        began = _cpu_s()
        kept = FeatureStore(Path(folder) / "store")
        examples, _ = prepare(pipeline, _utterances(size), kept, classes=CLASSES, may_lack=["audio", "text"])
        prepared = _cpu_s()
        _fit(spec, pipeline, examples, 64, Path(folder))  # what only the first step needs is not counted
        ready = _cpu_s()
        _fit(spec, pipeline, examples, size, Path(folder))
        trained = _cpu_s()
        return {
            "utterances": size,
            "hours": round(sum(frames["audio"] for frames in examples.frames) / 50 / 3600, 2),
            "cache_mib": round(sum(p.stat().st_size for p in (Path(folder) / "store").iterdir()) / 2**20),
            "prepare_ms_per_utterance": round(1000 * (prepared - began) / size, 3),
            "epoch_ms_per_utterance": round(1000 * (trained - ready) / size, 3),
            "memory_before_mib": empty,
            "memory_mib": _memory_mib(),
        }


def _fit(spec: Any, pipeline: Any, examples: Any, size: int, folder: Path) -> None:
    """Train one epoch of the first `size` utterances."""
    from mer_core.device import make_accelerator
    from mer_core.train import Trainer

    trainer = Trainer(
        spec=spec.train,
        accelerator=make_accelerator("cpu", spec),
        folder=folder,
        seed_parts=(1, size),
        score=None,
        listener=lambda event: None,
    )
    trainer.fit(pipeline, examples, range(size), started=lambda epoch: None)


def _utterances(size: int) -> list[object]:
    from mer_core.testing.toys import CLASSES
    from mer_core.types import Utterance

    seconds = np.clip(np.random.default_rng(0).lognormal(np.log(3.58), 0.69, size), 0.58, 34.1)
    return [
        Utterance(
            id=str(number),
            text="twelve words, as many as an utterance of that corpus has, more or less",
            label=CLASSES[number % len(CLASSES)],
            speaker=f"{number % 10}",
            session=f"{number % 5}",
            fields={"frames": str(round(50 * length))},
        )
        for number, length in enumerate(seconds)
    ]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory_mib() -> float:
    """Return the resident memory of this process that is no page of a file."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(status["RssAnon"].split()[0]) / 1024, 1)


if __name__ == "__main__":
    main()
