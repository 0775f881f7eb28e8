"""How often `mer compare` calls equal systems different: `python benchmarks/false_positives.py`.

Each repetition draws what systems of the same accuracy predict. Dialogs differ in difficulty, and each system has
dialogs that it does better in, so utterances of a dialog are right or wrong together. Stored under benchmarks/results.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from measure import machine
from numpy.typing import NDArray

from mer_core.statistics import System, Trial, compare
from mer_core.types import Predictions, Utterance

RESULTS = Path(__file__).parent / "results"
CLASSES = ("ang", "hap", "neu", "sad")
REPETITIONS, RESAMPLES = 1_000, 500


@dataclass(frozen=True)
class Design:
    """A corpus to draw: how many dialogs in how many folds, how long, and how much dialogs differ."""

    dialogs: int
    folds: int
    mean_length: float
    systems: int = 2
    accuracy: float = 0.65
    difficulty_sd: float = 0.1  # of a dialog, for all systems alike
    liking_sd: float = 0.1  # of a dialog, for one system
    by: str = "dialog"


DESIGNS = {
    "151 dialogs": Design(151, 5, 12.0),
    "30 dialogs": Design(30, 5, 20.0),
    "10 speakers, no dialogs": Design(10, 5, 40.0, by="speaker"),
    "10 speakers, each a fold": Design(10, 10, 40.0, by="speaker"),
    "60 dialogs, 3 systems, any of 3 pairs": Design(60, 5, 12.0, systems=3),
}


def simulate(design: Design, *, repetitions: int, resamples: int, seed: int = 0) -> dict[str, float]:
    """Return the share of repetitions in which some pair of the equal systems is called different, by test."""
    rng = np.random.default_rng(seed)
    utterances = list(_corpus(design, rng))
    called = [_called(design, utterances, rng, resamples) for _ in range(repetitions)]
    return {test: float(np.mean([one[test] for one in called])) for test in called[0]}


def _called(design: Design, utterances: list[Utterance], rng: np.random.Generator, resamples: int) -> dict[str, bool]:
    right_SN = _right(design, utterances, rng)
    systems = [_system(str(s), utterances, right_SN[s], rng) for s in range(design.systems)]
    pairs = compare(systems, resamples=resamples).pairs
    by_mcnemar = min(pair.mcnemar[0].p_exact for pair in pairs) * len(pairs) < 0.05
    return {
        "ua": any(pair.ua.told_apart for pair in pairs),
        "wa": any(pair.wa.told_apart for pair in pairs),
        "mcnemar": by_mcnemar,
    }


def _corpus(design: Design, rng: np.random.Generator) -> Iterator[Utterance]:
    for dialog in range(design.dialogs):
        name, fold = f"{dialog:03d}", str(dialog % design.folds)
        fields = {"dialog": name} if design.by == "dialog" else {}
        labels = rng.choice(CLASSES, size=1 + rng.poisson(design.mean_length - 1), p=(0.2, 0.3, 0.3, 0.2))
        for turn, label in enumerate(labels):
            yield Utterance(id=f"{name}-{turn:03d}", label=str(label), speaker=name, session=fold, fields=fields)


def _right(design: Design, utterances: list[Utterance], rng: np.random.Generator) -> NDArray[np.bool_]:
    dialog_N = np.array([int(str(u.speaker)) for u in utterances])
    difficulty_D = rng.normal(0, design.difficulty_sd, design.dialogs)
    liking_SD = rng.normal(0, design.liking_sd, (design.systems, design.dialogs))
    p_SN = np.clip(design.accuracy + (difficulty_D + liking_SD)[:, dialog_N], 0, 1)
    return rng.random(p_SN.shape) < p_SN


def _system(name: str, utterances: list[Utterance], right_N: NDArray[np.bool_], rng: np.random.Generator) -> System:
    label_N = np.array([CLASSES.index(str(u.label)) for u in utterances])
    p_NC = torch.eye(len(CLASSES))[np.where(right_N, label_N, (label_N + rng.integers(1, 4, len(label_N))) % 4)]
    fold_N = np.array([u.session for u in utterances])
    trials = []
    for fold in sorted(set(fold_N)):
        rows = np.flatnonzero(fold_N == fold)
        own = [utterances[i] for i in rows]
        trials.append(
            Trial(1, str(fold), Predictions([u.id for u in own], CLASSES, [str(u.label) for u in own], p_NC[rows]))
        )
    return System(name=name, trials=tuple(trials), utterances={u.id: u for u in utterances})


def main() -> None:
    """Run every design and store what came out."""
    started = time.perf_counter()
    gc.freeze()  # statsmodels collects garbage at each Holm correction
    rows = [
        {
            "name": name,
            "design": asdict(design),
            "called_different": simulate(design, repetitions=REPETITIONS, resamples=RESAMPLES),
        }
        for name, design in DESIGNS.items()
    ]
    result = {
        "command": "python benchmarks/false_positives.py",
        "repetitions": REPETITIONS,
        "resamples": RESAMPLES,
        "designs": rows,
        "wall_s": round(time.perf_counter() - started, 1),
        "machine": machine(),
    }
    (RESULTS / "false-positives.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
