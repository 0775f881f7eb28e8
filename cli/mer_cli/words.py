"""Numbers and names as they are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping

MISSING = "n/a"


def percent(share: float | None) -> str:
    """Return a share in percent with two decimals, or `n/a` where it is undefined."""
    return MISSING if share is None or math.isnan(share) else f"{100 * share:.2f}"


def figure_name(name: str) -> str:
    """Return a figure's name as the field writes it: `wa` is WA, `macro_f1` is macro F1."""
    return " ".join(word.upper() if len(word) == 2 else word for word in name.split("_"))


def duration(seconds: float | None) -> str:
    """Return a time as `1:02:03` or `2:03`."""
    if seconds is None:
        return "…"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def losses_line(losses: Mapping[str, float]) -> str:
    """Return each loss with its name."""
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())


def figures_line(figures: Mapping[str, float]) -> str:
    """Return each figure with its name, in percent."""
    return "  ".join(f"{figure_name(name)} {percent(value)}" for name, value in figures.items())
