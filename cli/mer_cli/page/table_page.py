"""The page of the tables of `mer reproduce`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mer_cli import results, tables
from mer_cli.console import Table
from mer_cli.page import plots
from mer_cli.page.content import Page, Section
from mer_core.manager import PluginManager
from mer_core.tables.stored import read_tables

Data = Mapping[str, Any]


def table_page(place: Path, manager: PluginManager) -> Page:
    """Return the page of one table or of all in a store, the figures of every row computed from its files.

    Raises:
        RunError: there is no table, or a file of a row is missing or contradicts itself.
    """
    made = read_tables(place, manager)
    sections = [section for table in made for section in _sections(table)]
    return Page(
        title=", ".join(f"Table {table['name']}" for table in made),
        subtitle=str(place),
        warnings=list(dict.fromkeys(line for table in made for line in table["warnings"])),
        sections=[*sections, _provenance(made[0])],
    )


def _sections(table: Data) -> list[Section]:
    done = {row["title"]: row["cells"] for row in table["rows"] if "cells" in row}
    name = table["name"]
    strips = [plots.rows(done, f"rows-{name}")] if done else []
    systems, *others = tables.shown(table)
    matrices = [matrix for row in table["rows"] if "cells" in row for matrix in _confusion(row)]
    return [
        Section(f"table-{name}", table["title"], tables=[systems], plots=strips),
        Section(f"words-{name}", f"Table {name} in words", list(tables.lines(table))),
        Section(f"parts-{name}", f"Kinds, pairs, optimism, table {name}", tables=others),
        Section(f"confusion-{name}", f"Confusion, table {name}", tables=matrices),
    ]


def _confusion(row: Data) -> list[Table]:
    return [replace(m, title=f"{row['title']}: {m.title}") for m in results.confusion_tables(row)]


def _provenance(table: Data) -> Section:
    told = {row["title"]: row["provenance"] for row in table["rows"] if "provenance" in row}
    rows = [
        [row["title"], row["run"], row["protocol"]["name"], row["protocol"]["hash"], row["folds_hash"], row["corpus"]]
        for row in table["rows"]
        if "run" in row
    ]
    columns = ["row", "run", "protocol", "its hash", "folds", "corpus"]
    hashes = Table(columns, rows, num_names=len(columns), title="runs and hashes")
    return Section("provenance", "What produced this", tables=[hashes], listing=json.dumps(told, indent=1))
