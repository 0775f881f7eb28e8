"""A run that a row stands for, once every cell of it is done: its report, its predictions, its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mer_core.manager import PluginManager
from mer_core.report import write_report
from mer_core.rundir import RunDir
from mer_core.statistics import System, load_system
from mer_core.tables.figures import system_figures

_SHOWN = ("select", "selection", "remark", "summary", "optimism", "changed", "confusion", "cells")


@dataclass(frozen=True, slots=True)
class Finished:
    """What the prediction files of a run say."""

    report: dict[str, Any]
    system: System
    figures: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """Return what the row of a table holds of it."""
        return {key: self.report[key] for key in _SHOWN} | self.figures


def finish(run: RunDir, manager: PluginManager) -> Finished:
    """Compute everything from the prediction files.

    Raises:
        RunError: one is missing, or contradicts itself or the run.
    """
    report, system = write_report(run, manager), load_system(run.path)
    return Finished(report, system, system_figures(system))
