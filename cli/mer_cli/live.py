"""What `mer run` shows while it works: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from mer_cli import console
from mer_cli.console import FRAMES_PER_SECOND
from mer_cli.progress import CellProgress, Progress
from mer_cli.words import duration, figure_name, figures_line, losses_line, percent
from mer_core.events import CellEnded, CellEvent, EpochEnded, Event, InCell, Listener, Note, Preparing

IN_FULL = 2  # cells at work that are drawn with all their losses


@contextmanager
def watch(*, several_seeds: bool, remark: str = "") -> Iterator[Listener]:
    """Yield a listener that draws the run: a live view on a terminal, plain lines elsewhere.

    Args:
        several_seeds: name the seed beside the fold.
        remark: what must stand beside every figure.
    """
    if console.screen().is_terminal:
        console.line("reading the data and loading the models …", faint=True)
        with LiveView(several_seeds, remark) as view:
            yield view.listen
    else:
        yield PlainView(several_seeds, remark).listen


def _cell_name(cell: CellProgress, several_seeds: bool) -> str:
    return f"fold {cell.fold}, seed {cell.seed}" if several_seeds else f"fold {cell.fold}"


class PlainView:
    """At most one line per epoch, each written out at once."""

    def __init__(self, several_seeds: bool, remark: str) -> None:
        self._several_seeds, self._remark = several_seeds, remark
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
            case InCell():
                return self._cell_line(self._progress.cell(event), event.event)
        return ""

    def _cell_line(self, cell: CellProgress, event: CellEvent) -> str:
        name = _cell_name(cell, self._several_seeds)
        match event:
            case EpochEnded(epoch, losses):
                left = f"  ({duration(self._progress.left_s)} left)" if self._progress.left_s is not None else ""
                where = f"{name} ({cell.number} of {cell.cells})"
                return f"{where}  epoch {epoch} of {cell.epochs}  {losses_line(losses)}{left}"
            case CellEnded(figures):
                return f"{name}  {figures_line(figures)}  {self._remark}".rstrip()
        return ""


class LiveView:
    """A view that is redrawn in place and gone at the end. It starts with the first utterance prepared, so that
    what a hub shows while it downloads a checkpoint is left alone.
    """

    def __init__(self, several_seeds: bool, remark: str) -> None:
        self._several_seeds, self._remark = several_seeds, remark
        self._progress = Progress()
        self._screen = console.screen()
        self._live = Live(
            get_renderable=self._render, console=self._screen, refresh_per_second=FRAMES_PER_SECOND, transient=True
        )
        self._drawing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._drawing:
            self._live.stop()

    def listen(self, event: Event) -> None:
        """Take in what happened."""
        self._progress.update(event)
        if isinstance(event, Note):
            self._screen.print(Text(event.text, style="dim"), soft_wrap=True)
        elif not self._drawing:
            self._drawing = True
            self._live.start()

    def _render(self) -> RenderableType:
        progress = self._progress
        shown: list[RenderableType] = [self._finished()] if progress.ended else []
        if progress.running:
            shown += self._at_work(progress.running)
        elif progress.prepared is not None and not progress.ended:
            done, total = progress.prepared.done, progress.prepared.total
            text = f"preparing utterances {done} of {total}" if done < total else f"{total} utterances; starting …"
            shown.append(console.bar(text, done, total))
        shown.append(Text(f"elapsed {duration(progress.elapsed_s)}   left {duration(progress.left_s)}", style="dim"))
        return Group(*shown)

    def _at_work(self, running: Sequence[CellProgress]) -> list[RenderableType]:
        """Return three rows a cell where there are few, else one a cell, as many as half of the screen holds."""
        if len(running) <= IN_FULL:
            return [row for cell in running for row in self._training(cell)]
        shown = running[: self._screen.height // 2]
        grid = RichTable.grid(*(Column(no_wrap=True) for _ in range(3)), Column(), padding=(0, 2))  # losses give way
        for cell in shown:
            name = Text(_cell_name(cell, self._several_seeds), style="bold")
            grid.add_row(
                name,
                f"epoch {_epoch(cell)}",
                _step(cell, width=16),
                Text(losses_line(cell.losses), no_wrap=True, overflow="ellipsis"),
            )
        rest = len(running) - len(shown)
        return [grid, Text(f"… and {rest} more", style="dim")] if rest else [grid]

    def _training(self, cell: CellProgress) -> list[RenderableType]:
        where = f"{_cell_name(cell, self._several_seeds)}  ({cell.number} of {cell.cells})"
        title = Text(f"{where}   epoch {_epoch(cell)}", style="bold")
        losses = losses_line(cell.losses)
        score = f"   score {percent(cell.score)} {self._remark}" if cell.score is not None else ""
        return [title, _step(cell), Text(f"losses of epoch {cell.epochs_done}: {losses}{score}" if losses else "")]

    def _finished(self) -> RenderableType:
        ended = self._progress.ended
        figures = list(ended[0].figures or {})
        rows = [
            [_cell_name(cell, self._several_seeds), *(percent((cell.figures or {}).get(name)) for name in figures)]
            for cell in ended[-self._room() :]
        ]
        return console.rich_table(console.Table([self._remark, *map(figure_name, figures)], rows))

    def _room(self) -> int:
        """Rows that fit beside the rest on the screen; the oldest give way."""
        running = len(self._progress.running)
        below = 3 * running if running <= IN_FULL else min(running, self._screen.height // 2) + 1
        return max(3, self._screen.height - below - 6)  # names, line, time left, and what was printed just before


def _epoch(cell: CellProgress) -> str:
    return f"{min(cell.epochs_done + 1, cell.epochs)} of {cell.epochs}"


def _step(cell: CellProgress, *, width: int = 32) -> RenderableType:
    if cell.epochs_done == cell.epochs:
        return console.bar("testing", 1, 1, width=width)
    return console.bar(f"step {cell.step.step} of {cell.step.steps}", cell.step.step, cell.step.steps, width=width)
