"""The rows of a CSV or JSON Lines file as columns of text, with the lines they stand on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mer_core.errors import DataError
from mer_core.files import read_utf8

COLUMNS = ("id", "audio", "text", "label", "speaker", "session", "start", "end")
"""The columns with a meaning; any other is kept as it is."""

Problem = tuple[int, str]
"""A line, from 1, and what is wrong with it; line 0 is the whole file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on (from 1) and its values; columns without a value in JSON are left out."""

    line: int
    values: dict[str, str]


def read_rows(path: Path, problems: list[Problem]) -> tuple[list[str], list[Row]]:
    """Return the columns and the rows; what is wrong with single lines is added to `problems`.

    Raises:
        DataError: there is no such file, or it is neither .csv nor .jsonl, or not UTF-8.
    """
    if not path.is_file():
        state = "is a directory" if path.is_dir() else "does not exist"
        raise DataError(f"no manifest: {path} {state}", hint="Name a .csv or .jsonl file, as in manifest:data.csv")
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise DataError(
            f"{path} is not a manifest: it ends in {path.suffix or 'nothing'!r}, not in .csv or .jsonl",
            hint="Save it as comma-separated values (.csv) or as one JSON object per line (.jsonl).",
        )
    text = read_utf8(path)
    return _csv(text, problems) if path.suffix.lower() == ".csv" else _jsonl(text, problems)


def _csv(text: str, problems: list[Problem]) -> tuple[list[str], list[Row]]:
    records = _records(text, problems)
    _, header = next(records, (1, []))
    columns = [name.strip() for name in header]
    named = [name for name in columns if name]  # spreadsheets and data frames write nameless index columns
    twice = sorted({name for name in named if named.count(name) > 1})
    problems += [(1, f'column "{name}" is there twice') for name in twice]
    rows: list[Row] = []
    for line, record in records:
        if len(record) == len(columns):
            rows.append(Row(line, {name: value for name, value in zip(columns, record, strict=True) if name}))
        else:
            problems.append((line, f"{len(record)} values, but {len(columns)} columns (quote values with commas)"))
    return named, rows


def _records(text: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append((line, str(error)))
            return
        if any(value.strip() for value in record):
            yield line, record


def _jsonl(text: str, problems: list[Problem]) -> tuple[list[str], list[Row]]:
    rows: list[Row] = []
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            loaded = json.loads(written)
        except json.JSONDecodeError as error:
            problems.append((line, f"not JSON: {error.msg} at character {error.pos + 1}"))
            continue
        if not isinstance(loaded, dict):
            problems.append((line, "not a JSON object"))
            continue
        nested = [name for name in COLUMNS if isinstance(loaded.get(name), (list, dict, bool))]
        problems += [(line, f"{name} is neither text nor a number") for name in nested]
        rows.append(Row(line, {name: _as_text(value) for name, value in loaded.items() if value is not None}))
    return list(dict.fromkeys(name for row in rows for name in row.values)), rows


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
