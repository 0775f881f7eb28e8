"""Runs the cells of several rows, none of them twice at once."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mer_core.cells import CellRunner, CellTask
from mer_core.errors import MerError, RunError
from mer_core.events import CellEnded, CellEvent
from mer_core.report import evaluate, scalars
from mer_core.rundir import Cell
from mer_core.scoring import read_predictions
from mer_core.tables.store import cell_locked

ERROR_FILE = "error.txt"


class CellBusyError(RunError):
    """Another process is working on the cell."""


@dataclass(frozen=True, slots=True)
class RowsRunner:
    """Runs cells of rows, each under its lock; what another process did meanwhile is taken as it is.

    Args:
        runners: by the name of the row's run.
        wait: for a cell that another process works on, instead of raising CellBusyError.
    """

    runners: Mapping[str, CellRunner]
    wait: bool = False

    @property
    def modules(self) -> list[str]:
        """The modules that the parts of the pipelines are in."""
        return sorted({module for runner in self.runners.values() for module in runner.modules})

    def __call__(self, task: CellTask, listener: Callable[[CellEvent], None]) -> None:
        """Run one cell, unless it is done."""
        runner = self.runners[task.run]
        cell = runner.run.cell(task.seed, task.fold.name)
        with cell_locked(cell, wait=self.wait) as held:
            if not held:
                raise CellBusyError(f"{cell.folder} is worked on by another process")
            if cell.predictions.is_file():
                predictions = read_predictions(cell.predictions)
                listener(CellEnded(scalars(evaluate(runner.spec, runner.manager, predictions))))
                return
            (cell.folder / ERROR_FILE).unlink(missing_ok=True)
            try:
                runner(task, listener)
            except Exception as error:
                _keep(cell, error)
                raise


def reason(error: Exception) -> str:
    """Return what is shown of an error in a cell."""
    return str(error) if isinstance(error, MerError) else f"{type(error).__name__}: {error}"


def _keep(cell: Cell, error: Exception) -> None:
    """Keep an error with its traceback, as well as that goes: the disk may be what failed."""
    try:
        cell.folder.mkdir(parents=True, exist_ok=True)
        (cell.folder / ERROR_FILE).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return
