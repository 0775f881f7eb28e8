"""Draws the README's pictures from a stored run (`run/`): `python docs/images/draw.py` from the repository's root.

`run/report.json` is the report of the command in `run/README.md`; `run/events.jsonl` is what that run told its viewer
up to the moment that is drawn. Nothing here is made up, and the tests draw the pictures again and compare.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType

from mer_cli import console, live, results
from mer_cli.progress import Progress
from mer_core import events

HERE = Path(__file__).parent
# Rich names a font on a server; a picture should load nothing, and every system has a font of equal widths.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono"
)


class Clock:
    """The time of the stored run."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def live_view() -> RenderableType:
    """Return what `mer run` shows while it works, after the stored events."""
    clock = Clock()
    view = live.LiveView(several_seeds=False, remark="")
    view._progress = Progress(clock=clock)
    for row in map(json.loads, (HERE / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()):
        clock.now_s = row.pop("at_s")
        view._progress.update(event(row))
    return view._render()


def event(row: dict[str, Any]) -> Any:
    """Return the event that a row says, with the one inside it."""
    kind = getattr(events, row.pop("kind"))
    return kind(**{name: event(value) if name == "event" else value for name, value in row.items()})


def tables() -> list[Any]:
    """Return the tables that `mer run` ends in."""
    report = json.loads((HERE / "run" / "report.json").read_text(encoding="utf-8"))
    shown = [results.figures_table(report), *results.confusion_tables(report), results.ceilings_table(report)]
    return [part for table in shown if table for part in (f"[bold]{table.title}[/]", console.rich_table(table), "")]


def svg(name: str, title: str, *parts: RenderableType) -> str:
    """Return a picture of a terminal that shows the parts."""
    screen = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    for part in parts:
        screen.print(part)
    drawn = screen.export_svg(title=title, code_format=FORMAT, unique_id=name)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def pictures() -> dict[str, str]:
    """Return every picture by its file name."""
    command = "mer run --fusion cross-attn --aux aux1,aux2"
    return {"live.svg": svg("live", command, live_view()), "table.svg": svg("table", command, *tables()[:-1])}


if __name__ == "__main__":
    for name, text in pictures().items():
        (HERE / name).write_text(text, encoding="utf-8")
