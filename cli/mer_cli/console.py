"""Everything that is drawn: the only file that knows rich."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from mer_cli.progress import CellProgress, Progress
from mer_cli.words import duration, figure_name, figures_line, losses_line, percent
from mer_core.events import CellEnded, CellEvent, EpochEnded, Event, InCell, Listener, Note, Preparing

FRAMES_PER_SECOND = 4
UNLIMITED = 10_000  # columns
IN_FULL = 2  # cells at work that are drawn with all their losses


@dataclass(frozen=True, slots=True)
class Table:
    """A table to show. The first `num_names` columns are names (left), the others figures (right)."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    num_names: int = 1
    closing: Sequence[Sequence[str]] = field(default_factory=list)
    """Rows below a line: means and deviations."""


def line(text: str = "", *, faint: bool = False) -> None:
    """Print one line, not cut and not wrapped."""
    _screen().print(Text(text, style="dim" if faint else ""), soft_wrap=True)


def note(text: str) -> None:
    """Print something worth knowing on stderr, where it does not mix with results."""
    _screen(stderr=True).print(Text(f"note: {text}", style="yellow"), soft_wrap=True)


def error(message: str, hint: str = "") -> None:
    """Show a mistake and its remedy on stderr: a panel on a terminal, plain text elsewhere."""
    screen = _screen(stderr=True)
    if not screen.is_terminal:
        screen.print(Text("error: " + "\n".join(filter(None, (message, hint)))), soft_wrap=True)
        return
    body = Text(message) + (Text(f"\n{hint}", style="cyan") if hint else Text())
    screen.print(Panel(body, title="error", title_align="left", border_style="red", expand=False))


def heading(name: str, text: str) -> None:
    """Print a name with what it is in one line."""
    _screen().print(Text(name, style="bold") + Text(f"  {text}"), soft_wrap=True)


def paragraphs(text: str) -> None:
    """Print a docstring, its paragraphs wrapped to the terminal."""
    joined = [" ".join(part.split()) if "\n " not in part else part for part in text.split("\n\n")]
    _screen().print(Padding(Text("\n\n".join(joined)), (1, 0, 0, 0)))


def names(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names with their values, aligned."""
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    for name, value in pairs:
        grid.add_row(Text(name, style="bold"), Text(value))
    _put(grid)


def table(shown: Table) -> None:
    """Print a table; where there is no terminal it is as wide as it needs to be."""
    line()
    if shown.title:
        _screen().print(Text(shown.title, style="bold"), soft_wrap=True)
    _put(_rich_table(shown))


@contextmanager
def preparing(what: str = "preparing utterances") -> Iterator[Callable[[int, int], None]]:
    """Yield what draws how many of how many are done: a bar on stderr's terminal, nothing elsewhere."""
    screen = _screen(stderr=True)
    if not screen.is_terminal:
        yield lambda done, total: None
        return
    with Live(console=screen, refresh_per_second=FRAMES_PER_SECOND, transient=True) as live:
        yield lambda done, total: live.update(_bar(f"{what} {done} of {total}", done, total))


@contextmanager
def watch(*, several_seeds: bool, remark: str = "") -> Iterator[Listener]:
    """Yield a listener that draws the run: a live view on a terminal, plain lines elsewhere.

    Args:
        several_seeds: name the seed beside the fold.
        remark: what must stand beside every figure.
    """
    if _screen().is_terminal:
        line("reading the data and loading the models …", faint=True)
        with _LiveView(several_seeds, remark) as view:
            yield view.listen
    else:
        yield _PlainView(several_seeds, remark).listen


def _screen(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False)


def _put(drawn: RenderableType) -> None:
    """Print on the terminal; where there is none, as wide as it needs to be and without blanks at the ends."""
    screen = _screen()
    if screen.is_terminal:
        screen.print(drawn)
        return
    paper = io.StringIO()
    Console(file=paper, width=UNLIMITED, highlight=False).print(drawn)
    print("\n".join(row.rstrip() for row in paper.getvalue().splitlines()))


def _rich_table(shown: Table) -> RichTable:
    made = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for number, column in enumerate(shown.columns):
        made.add_column(column, justify="left" if number < shown.num_names else "right")
    for number, row in enumerate(shown.rows, start=1):
        made.add_row(*map(Text, row), end_section=bool(shown.closing) and number == len(shown.rows))
    for row in shown.closing:
        made.add_row(*map(Text, row), style="bold")
    return made


def _cell_name(cell: CellProgress, several_seeds: bool) -> str:
    return f"fold {cell.fold}, seed {cell.seed}" if several_seeds else f"fold {cell.fold}"


class _PlainView:
    """At most one line per epoch, each written out at once."""

    def __init__(self, several_seeds: bool, remark: str) -> None:
        self._several_seeds, self._remark = several_seeds, remark
        self._progress = Progress()

    def listen(self, event: Event) -> None:
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


class _LiveView:
    """A view that is redrawn in place and gone at the end. It starts with the first utterance prepared, so that
    what a hub shows while it downloads a checkpoint is left alone.
    """

    def __init__(self, several_seeds: bool, remark: str) -> None:
        self._several_seeds, self._remark = several_seeds, remark
        self._progress = Progress()
        self._screen = _screen()
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
            shown.append(_bar(text, done, total))
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
        return _rich_table(Table([self._remark, *map(figure_name, figures)], rows))

    def _room(self) -> int:
        """Rows that fit beside the rest on the screen; the oldest give way."""
        running = len(self._progress.running)
        below = 3 * running if running <= IN_FULL else min(running, self._screen.height // 2) + 1
        return max(3, self._screen.height - below - 6)  # names, line, time left, and what was printed just before


def _epoch(cell: CellProgress) -> str:
    return f"{min(cell.epochs_done + 1, cell.epochs)} of {cell.epochs}"


def _step(cell: CellProgress, *, width: int = 32) -> RenderableType:
    if cell.epochs_done == cell.epochs:
        return _bar("testing", 1, 1, width=width)
    return _bar(f"step {cell.step.step} of {cell.step.steps}", cell.step.step, cell.step.steps, width=width)


def _bar(text: str, done: int, total: int, *, width: int = 32) -> RenderableType:
    grid = RichTable.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=max(total, 1), completed=done, width=width), Text(text))
    return grid
