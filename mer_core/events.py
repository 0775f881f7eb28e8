"""What a run tells whoever watches it. The command line draws these; a program may ignore them. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """Something the user should know, in one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """`done` of `total` utterances have been decoded and prepared."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class CellStarted:
    """Training begins, or goes on at `epoch` (counted from 0)."""

    epoch: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """`step` of `steps` optimiser steps of the current epoch are done."""

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch is done: mean losses by name (`main` and each task's) and, where epochs are selected, its score."""

    epoch: int
    losses: Mapping[str, float]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class CellEnded:
    """The test fold is scored: its single-number figures."""

    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellFailed:
    """The cell could not be done, for that reason; others go on."""

    reason: str


CellEvent = CellStarted | Stepped | EpochEnded | CellEnded | CellFailed


@dataclass(frozen=True, slots=True)
class InCell:
    """Something happened in one cell (a fold trained with a seed), the `number`-th of `cells`; several may run.

    `run` is the name of the run where several are worked on together: the rows of a table.
    """

    seed: int
    fold: str
    number: int
    cells: int
    event: CellEvent
    run: str = ""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run among those that are worked on together: its name in `InCell.run`, what it is called, its folds."""

    name: str
    title: str
    folds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything is prepared: these runs are going to be worked on, each fold with each seed."""

    runs: tuple[PlannedRun, ...]
    seeds: tuple[int, ...]


Event = Note | Preparing | Planned | InCell
Listener = Callable[[Event], None]


def silent(event: object) -> None:
    """Listen to nothing."""
