"""What `mer reproduce` shows while it works: a grid of rows by folds on a terminal, a line per fold elsewhere."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.text import Text

from mer_cli import console
from mer_cli.live import LiveView
from mer_cli.progress import CellProgress, Progress
from mer_cli.words import duration, figure_name, figures_line, percent
from mer_core.events import CellEnded, CellFailed, Event, InCell, Listener, Note, PlannedRun, Preparing

PREFERRED = "ua"
"""The figure that a cell of the grid shows, where it is there; else the first."""
WAITING = "·"


@contextmanager
def watch(*, remark: str = "") -> Iterator[Listener]:
    """Yield a listener that draws what happens to the rows of tables.

    Args:
        remark: what must stand beside every figure.
    """
    if console.screen().is_terminal:
        console.line("reading the data and loading the models …", faint=True)
        with GridView(remark) as view:
            yield view.listen
    else:
        yield PlainGrid(remark).listen


class GridView(LiveView):
    """A grid with a row for each run and a column for each fold, redrawn in place and gone at the end."""

    def __init__(self, remark: str) -> None:
        super().__init__(several_seeds=False, remark=remark)

    def _render(self) -> RenderableType:
        planned = self._progress.planned
        if planned is None:
            return super()._render()
        folds = list(dict.fromkeys(fold for run in planned.runs for fold in run.folds))
        rows = [[run.title, *(self._cell(run, fold) for fold in folds)] for run in planned.runs]
        figure = figure_name(self._figure())
        columns = ["", *(f"fold {fold}" for fold in folds)]
        cells = self._progress.cells.values()
        over, total = sum(cell.over for cell in cells), self._progress.num_cells
        title = f"{figure} in percent, as far as it is done {self._remark}".rstrip()
        return Group(
            Text(title, style="bold"),
            console.rich_table(console.Table(columns, rows)),
            console.bar(f"{over} of {total} folds and seeds", over, total),
            Text(f"elapsed {duration(self._progress.elapsed_s)}   left {duration(self._progress.left_s)}", style="dim"),
        )

    def _figure(self) -> str:
        names = next((list(cell.figures) for cell in self._progress.ended if cell.figures), [PREFERRED])
        return PREFERRED if PREFERRED in names else names[0]

    def _cell(self, run: PlannedRun, fold: str) -> str:
        """Return what is shown of one fold of one run, over all seeds."""
        planned = self._progress.planned
        seeds = planned.seeds if planned is not None else ()
        known = [self._progress.cells.get((run.name, seed, fold)) for seed in seeds]
        there = [cell for cell in known if cell is not None]
        if fold not in run.folds:
            return ""
        if any(cell.failure is not None for cell in there):
            return "failed"
        done = [cell.figures.get(self._figure(), float("nan")) for cell in there if cell.figures is not None]
        if len(done) == len(seeds):
            return percent(statistics.fmean(done))
        return _share(there, len(seeds)) if there else WAITING


class PlainGrid:
    """A line for each cell that is done or could not be, each written out at once."""

    def __init__(self, remark: str) -> None:
        self._remark = remark
        self._progress = Progress()

    def listen(self, event: Event) -> None:
        """Take in what happened."""
        self._progress.update(event)
        if text := self._line(event):
            print(text, flush=True)  # a log that is followed must not lag behind

    def _line(self, event: Event) -> str:
        match event:
            case Note(text):
                return text
            case Preparing(1, total):
                return f"preparing {total} utterances"
            case InCell(event=CellEnded(figures)):
                left = f"  ({duration(self._progress.left_s)} left)" if self._progress.left_s else ""
                return f"{self._name(event)}  {figures_line(figures)}  {self._remark}".rstrip() + left
            case InCell(event=CellFailed(reason)):
                return f"{self._name(event)}  failed: {reason}"
        return ""

    def _name(self, event: InCell) -> str:
        planned = self._progress.planned
        titles = {run.name: run.title for run in planned.runs} if planned is not None else {}
        seed = f", seed {event.seed}" if planned is not None and len(planned.seeds) > 1 else ""
        return f"{titles.get(event.run, event.run)}, fold {event.fold}{seed}"


def _share(cells: list[CellProgress], num_seeds: int) -> str:
    """Return how far the seeds of a fold are together."""
    done = sum(cell.position / cell.epochs if cell.epochs else float(cell.over) for cell in cells)
    return f"{100 * done / num_seeds:.0f} %"
