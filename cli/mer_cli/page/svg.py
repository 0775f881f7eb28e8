"""Figures of matplotlib as inline SVG whose colours are those of the page, in light and in dark.

A figure is drawn in stand-in colours, which are then exchanged for the page's CSS variables. Text stays text.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT = "#000001", "#000002"
SERIES = ("#000011", "#000012", "#000013", "#000014", "#000015", "#000016")
MARKERS = ("o", "s", "^", "D", "v", "P")
"""Series differ in shape as well, for those who do not tell the colours apart."""
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)
}
_STYLE: dict[Any, Any] = {  # matplotlib's stubs type the keys as the list of all settings
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
}


class Drawing:
    """One figure with one or more axes side by side, drawn in a `with` block.

    with Drawing("folds", "WA and UA of every fold", columns=2) as drawing:
        drawing.axes[0].plot(x, y, color=SERIES[0])
    svg = drawing.svg

    Args:
        name: differs between the figures of a page: its identifiers are made from it.
        label: what a screen reader says.
        columns: how many axes.
        width: inches of each.
        height: inches.
    """

    def __init__(self, name: str, label: str, *, columns: int = 1, width: float = 4.2, height: float = 2.8) -> None:
        self._name, self._label = name, label
        self._size = (columns * width, height)
        self._columns = columns
        self.axes: list[Axes] = []
        self.svg = ""

    def __enter__(self) -> Drawing:
        self._context = mpl.rc_context(_STYLE | {"svg.hashsalt": self._name})
        self._context.__enter__()
        self._figure = Figure(figsize=self._size, layout="constrained")
        self.axes = list(self._figure.subplots(1, self._columns, squeeze=False)[0])
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self.svg = self._inline()
        finally:
            self._context.__exit__(None, None, None)

    def _inline(self) -> str:
        file = io.StringIO()
        self._figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        found = re.search(r"<svg.*</svg>", file.getvalue(), re.DOTALL)
        assert found is not None
        svg = re.sub(r"<metadata>.*?</metadata>", "", found[0], flags=re.DOTALL)
        svg = re.sub(r'\bid="([^"]+)"', rf'id="{self._name}-\1"', svg)
        svg = re.sub(r'(url\(|href=")#', rf"\1#{self._name}-", svg)
        for stand_in, variable in _VARIABLES.items():
            svg = svg.replace(stand_in, variable)
        return svg.replace("<svg", f'<svg role="img" aria-label="{escape(self._label)}"', 1)
