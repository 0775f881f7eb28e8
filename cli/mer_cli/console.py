"""Everything that is drawn, but for the views of what is at work (`live`, `grid`): only these know rich."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text

FRAMES_PER_SECOND = 4
UNLIMITED = 10_000  # columns


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
    screen().print(Text(text, style="dim" if faint else ""), soft_wrap=True)


def note(text: str) -> None:
    """Print something worth knowing on stderr, where it does not mix with results."""
    screen(stderr=True).print(Text(f"note: {text}", style="yellow"), soft_wrap=True)


def error(message: str, hint: str = "") -> None:
    """Show a mistake and its remedy on stderr: a panel on a terminal, plain text elsewhere."""
    out = screen(stderr=True)
    if not out.is_terminal:
        out.print(Text("error: " + "\n".join(filter(None, (message, hint)))), soft_wrap=True)
        return
    body = Text(message) + (Text(f"\n{hint}", style="cyan") if hint else Text())
    out.print(Panel(body, title="error", title_align="left", border_style="red", expand=False))


def heading(name: str, text: str) -> None:
    """Print a name with what it is in one line."""
    screen().print(Text(name, style="bold") + Text(f"  {text}"), soft_wrap=True)


def paragraphs(text: str) -> None:
    """Print a docstring, its paragraphs wrapped to the terminal."""
    joined = [" ".join(part.split()) if "\n " not in part else part for part in text.split("\n\n")]
    screen().print(Padding(Text("\n\n".join(joined)), (1, 0, 0, 0)))


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
        screen().print(Text(shown.title, style="bold"), soft_wrap=True)
    _put(rich_table(shown))


@contextmanager
def preparing(what: str = "preparing utterances") -> Iterator[Callable[[int, int], None]]:
    """Yield what draws how many of how many are done: a bar on stderr's terminal, nothing elsewhere."""
    out = screen(stderr=True)
    if not out.is_terminal:
        yield lambda done, total: None
        return
    with Live(console=out, refresh_per_second=FRAMES_PER_SECOND, transient=True) as live:
        yield lambda done, total: live.update(bar(f"{what} {done} of {total}", done, total))


def screen(*, stderr: bool = False) -> Console:
    """Return what is drawn on: stdout, or stderr."""
    return Console(stderr=stderr, highlight=False)


def _put(drawn: RenderableType) -> None:
    """Print on the terminal; where there is none, as wide as it needs to be and without blanks at the ends."""
    out = screen()
    if out.is_terminal:
        out.print(drawn)
        return
    paper = io.StringIO()
    Console(file=paper, width=UNLIMITED, highlight=False).print(drawn)
    print("\n".join(row.rstrip() for row in paper.getvalue().splitlines()))


def rich_table(shown: Table) -> RichTable:
    """Return a table as rich draws it."""
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


def bar(text: str, done: int, total: int, *, width: int = 32) -> RenderableType:
    """Return a bar with words beside it."""
    grid = RichTable.grid(padding=(0, 2))
    grid.add_row(ProgressBar(total=max(total, 1), completed=done, width=width), Text(text))
    return grid
