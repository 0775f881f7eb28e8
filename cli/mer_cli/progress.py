"""What is known of a run while it works: where it is, how it goes, how long it will take. Draws nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mer_core.events import CellEnded, CellFailed, CellStarted, EpochEnded, Event, InCell, Planned, Preparing, Stepped


@dataclass(slots=True)
class CellProgress:
    """How far one cell is: a fold trained with a seed, the `number`-th of `cells`."""

    seed: int
    fold: str
    number: int
    cells: int
    epochs: int = 0
    """In all."""
    first_epoch: int = 0
    """The one that this session began with, from 0."""
    epochs_done: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    """Means of the last epoch."""
    score: float | None = None
    step: Stepped = field(default_factory=lambda: Stepped(0, 1))
    figures: Mapping[str, float] | None = None
    """Of the test fold, once it is scored."""
    run: str = ""
    """The run it belongs to, where several are worked on together."""
    failure: str | None = None
    """Why it could not be done."""

    @property
    def over(self) -> bool:
        """Whether nothing more is going to happen in it."""
        return self.figures is not None or self.failure is not None

    @property
    def position(self) -> float:
        """Epochs behind, the present one in part."""
        return self.epochs if self.over else self.epochs_done + self.step.step / self.step.steps


@dataclass(slots=True)
class Progress:
    """The state of a run, made from its events. Times are in seconds."""

    clock: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)
    prepared: Preparing | None = None
    planned: Planned | None = None
    cells: dict[tuple[str, int, str], CellProgress] = field(default_factory=dict)
    _first_cell_s: float | None = None

    def __post_init__(self) -> None:
        self.started_s = self.clock()

    def update(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Preparing():
                self.prepared = event
            case Planned():
                self.planned = event
            case InCell():
                self._in_cell(event)

    @property
    def running(self) -> list[CellProgress]:
        """The cells at work."""
        return [cell for cell in self.cells.values() if not cell.over]

    @property
    def ended(self) -> list[CellProgress]:
        """The cells that are scored, in the order in which that happened."""
        return [cell for cell in self.cells.values() if cell.figures is not None]

    @property
    def elapsed_s(self) -> float:
        """Time since the start."""
        return self.clock() - self.started_s

    @property
    def left_s(self) -> float | None:
        """Time that all remaining epochs will take at the pace so far; None before the first epoch is done."""
        here = [cell for cell in self.cells.values() if cell.epochs]
        done = sum(cell.position - cell.first_epoch for cell in here)
        if self._first_cell_s is None or not any(cell.epochs_done > cell.first_epoch for cell in here):
            return None
        over = sum(cell.over for cell in self.cells.values())
        remaining = (self.num_cells - over) * here[0].epochs - sum(cell.position for cell in self.running)
        return (self.clock() - self._first_cell_s) / done * remaining

    @property
    def num_cells(self) -> int:
        """The cells of everything that is worked on; 0 as long as that is not known."""
        if self.planned is not None:
            return len(self.planned.seeds) * sum(len(run.folds) for run in self.planned.runs)
        return next((cell.cells for cell in self.cells.values()), 0)

    def cell(self, event: InCell) -> CellProgress:
        """Return what is known of the event's cell."""
        made = CellProgress(event.seed, event.fold, event.number, event.cells, run=event.run)
        return self.cells.setdefault((event.run, event.seed, event.fold), made)

    def _in_cell(self, event: InCell) -> None:
        cell = self.cell(event)
        match event.event:
            case CellStarted(epoch, epochs):
                cell.epochs, cell.first_epoch, cell.epochs_done, cell.failure = epochs, epoch, epoch, None
                if self._first_cell_s is None:
                    self._first_cell_s = self.clock()
            case Stepped() as step:
                cell.step = step
            case EpochEnded(epoch, losses, score):
                cell.epochs_done, cell.losses, cell.score = epoch, losses, score
                cell.step = Stepped(0, cell.step.steps)
            case CellEnded(figures):
                cell.figures = figures
                key = (event.run, event.seed, event.fold)
                self.cells[key] = self.cells.pop(key)
            case CellFailed(reason):
                cell.failure = reason
