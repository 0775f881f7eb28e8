"""Tables as `mer reproduce` left them, their rows computed anew from the prediction files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mer_core.data.protocol import same_protocol
from mer_core.errors import RunError
from mer_core.files import read_json
from mer_core.manager import PluginManager
from mer_core.rundir import RunDir
from mer_core.tables.figures import pair_figures
from mer_core.tables.finished import Finished, finish
from mer_core.tables.store import TABLE_FILE, TableStore


def read_tables(place: Path, manager: PluginManager) -> list[dict[str, Any]]:
    """Return the tables of a store, or the one in a folder of a table.

    The baselines are those of the time: they come from the corpus, not from a prediction file.

    Raises:
        RunError: there is no table, or a file of a row is missing, or contradicts itself or the run.
    """
    files = [place / TABLE_FILE] if (place / TABLE_FILE).is_file() else sorted(place.glob(f"table-*/{TABLE_FILE}"))
    if not files:
        raise RunError(f"{place} holds no table", hint="Give the folder that `mer reproduce` named at its end.")
    return [_anew(read_json(file), TableStore(file.parent.parent), manager) for file in files]


def _anew(table: dict[str, Any], store: TableStore, manager: PluginManager) -> dict[str, Any]:
    runs = {row["title"]: RunDir(store.rows / row["run"]) for row in table["rows"] if "cells" in row}
    done = {title: _finished(run, manager) for title, run in runs.items()}
    systems = {title: replace(one.system, name=title) for title, one in done.items()}
    pairs = [(systems[p["a"]], systems[p["b"]]) for p in table["pairs"] if {p["a"], p["b"]} <= systems.keys()]
    told = [line for system in systems.values() for line in system.warnings]
    return table | {
        "rows": [row | (done[row["title"]].row() if row["title"] in done else {}) for row in table["rows"]],
        "pairs": pair_figures(pairs),
        "warnings": [*_protocols(runs), *dict.fromkeys(told)],
    }


def _finished(run: RunDir, manager: PluginManager) -> Finished:
    try:
        return finish(run, manager)
    except RunError as error:
        raise RunError(
            error.message, hint="Remove the fold's folder; the same mer reproduce makes it again."
        ) from error


def _protocols(runs: dict[str, RunDir]) -> list[str]:
    return same_protocol({title: run.info() for title, run in runs.items()}) if runs else []
