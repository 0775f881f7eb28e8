"""What is known of a run while it works: where it is, how it goes, how long it will take. Draws nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mer_core.events import CellEnded, CellStarted, EpochEnded, Event, Note, Preparing, Stepped


@dataclass(slots=True)
class Progress:
    """The state of a run, made from its events. Times are in seconds."""

    clock: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)
    prepared: Preparing | None = None
    cell: CellStarted | None = None
    step: Stepped = field(default_factory=lambda: Stepped(0, 1))
    epochs_done: int = 0
    """Of the present cell."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """Means of the last epoch."""
    score: float | None = None
    ended: list[CellEnded] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _first_cell_s: float | None = None
    _epochs_before: int = 0

    def __post_init__(self) -> None:
        self.started_s = self.clock()

    def update(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Note(text):
                self.notes.append(text)
            case Preparing():
                self.prepared = event
            case CellStarted():
                self._start(event)
            case Stepped():
                self.step = event
            case EpochEnded(epoch, losses, score):
                self.epochs_done, self.losses, self.score = epoch, losses, score
                self.step = Stepped(0, self.step.steps)
            case CellEnded():
                self.ended.append(event)

    @property
    def elapsed_s(self) -> float:
        """Time since the start."""
        return self.clock() - self.started_s

    @property
    def left_s(self) -> float | None:
        """Time that all remaining epochs will take at the pace so far; None before the first epoch is done."""
        if self.cell is None or self._first_cell_s is None:
            return None
        done = self._position() - self._epochs_before
        if self._position() < self._epochs_before + 1:
            return None
        return (self.clock() - self._first_cell_s) / done * (self.cell.cells * self.cell.epochs - self._position())

    def _start(self, cell: CellStarted) -> None:
        self.cell, self.epochs_done, self.losses, self.score = cell, cell.epoch, {}, None
        self.step = Stepped(0, 1)
        if self._first_cell_s is None:
            self._first_cell_s, self._epochs_before = self.clock(), (cell.number - 1) * cell.epochs + cell.epoch

    def _position(self) -> float:
        """Epochs of the whole run that are behind, the present one in part."""
        assert self.cell is not None
        return (self.cell.number - 1) * self.cell.epochs + self.epochs_done + self.step.step / self.step.steps
