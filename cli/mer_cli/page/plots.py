"""The pictures of a page, each with its numbers beside it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from mer_cli.console import Table
from mer_cli.page.content import Plot
from mer_cli.page.svg import FAINT, INK, MARKERS, SERIES, Drawing
from mer_cli.words import figure_name, percent

FIGURES = ("wa", "ua")
Rows = Sequence[Mapping[str, Any]]


def folds(cells: Rows, name: str = "folds") -> Plot:
    """Return a strip plot: a dot for each fold and seed, a line for the mean of all."""
    names = list(dict.fromkeys(str(cell["fold"]) for cell in cells))
    with Drawing(name, "WA and UA of each fold; the table below holds the numbers", columns=2) as drawing:
        for axes, figure in zip(drawing.axes, FIGURES, strict=True):
            places = [names.index(str(cell["fold"])) for cell in cells]
            values = [100 * cell["figures"][figure] for cell in cells]
            axes.axhline(statistics.fmean(values), color=FAINT, linewidth=1.2)
            axes.plot(places, values, MARKERS[0], color=SERIES[0], markersize=6, alpha=0.85)
            axes.set_xticks(range(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_xlabel("fold left out")
            axes.set_ylabel(f"{figure.upper()}, percent")
    rows = [[str(c["fold"]), str(c["seed"]), *(percent(c["figures"][figure]) for figure in FIGURES)] for c in cells]
    numbers = Table(columns=["fold", "seed", *map(figure_name, FIGURES)], rows=rows, num_names=2)
    return Plot(drawing.svg, "Every dot is one fold with one seed; the line is the mean of all.", numbers)


def rows(systems: Mapping[str, Rows], name: str = "rows") -> Plot:
    """Return a strip plot of several systems: a line of dots for each, one dot for each fold and seed."""
    titles = list(systems)
    height = 1.2 + 0.34 * len(titles)
    with Drawing(name, "WA and UA of each row's folds; the table below holds them", columns=2, height=height) as made:
        for axes, figure in zip(made.axes, FIGURES, strict=True):
            for place, title in enumerate(titles):
                values = [100 * cell["figures"][figure] for cell in systems[title]]
                axes.plot(values, [place] * len(values), MARKERS[0], color=SERIES[0], markersize=5, alpha=0.7)
                axes.plot([statistics.fmean(values)], [place], "|", color=INK, markersize=16, markeredgewidth=2)
            axes.set_ylim(len(titles) - 0.5, -0.5)
            axes.grid(visible=True, axis="x")
            axes.set_xlabel(f"{figure.upper()}, percent")
            axes.set_yticks(range(len(titles)), titles if figure == FIGURES[0] else [""] * len(titles))
    numbers = Table(
        columns=["row", "fold", "seed", *map(figure_name, FIGURES)],
        rows=[
            [title, str(c["fold"]), str(c["seed"]), *(percent(c["figures"][figure]) for figure in FIGURES)]
            for title in titles
            for c in systems[title]
        ],
        num_names=3,
    )
    return Plot(made.svg, "Every dot is one fold with one seed; the bar is the row's mean.", numbers)


def losses(histories: Sequence[Rows]) -> Plot | None:
    """Return the curve of each loss over the epochs, the mean over folds and seeds; None where nothing was trained."""
    epochs = sorted({epoch["epoch"] for history in histories for epoch in history})
    if not epochs:
        return None
    names = list(dict.fromkeys(name for history in histories for epoch in history for name in epoch["losses"]))
    curves = {name: [_mean(histories, epoch, name) for epoch in epochs] for name in names}
    with Drawing("losses", "Mean training loss of each epoch; the table below holds the numbers", width=6.4) as drawing:
        (axes,) = drawing.axes
        for number, (name, curve) in enumerate(curves.items()):
            colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
            axes.plot(epochs, curve, label=name, markersize=4, color=colour, marker=marker)
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
        axes.legend()
    body = [[str(epoch), *(f"{curves[name][i]:.4f}" for name in names)] for i, epoch in enumerate(epochs)]
    return Plot(
        drawing.svg,
        "Training loss by name, mean over folds and seeds.",
        Table(columns=["epoch", *names], rows=body),
    )


def _mean(histories: Sequence[Rows], epoch: int, name: str) -> float:
    found = [row["losses"][name] for history in histories for row in history if row["epoch"] == epoch]
    return statistics.fmean(found)
