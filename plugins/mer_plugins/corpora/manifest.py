"""Any data set, listed in one CSV or JSON Lines file."""

from __future__ import annotations

import math
from difflib import get_close_matches
from pathlib import Path

from mer_core.config import PluginConfig
from mer_core.errors import DataError
from mer_core.types import AudioSpan, Utterance
from mer_plugins.corpora.manifest_rows import COLUMNS, Problem, Row, read_rows

_MOST_SHOWN = 10


class Manifest:
    """The utterances of a manifest, in the order of the file.

    Columns: `id`; `audio` (a path, relative to the manifest) and `text`, of which each row needs one; `label`, which
    may be empty where emotions are to be predicted; `speaker`; `session`; `start` and `end` in seconds, where several
    utterances share a recording. Any other column, `split` included, is kept in `fields`.

    Source: ours.
    """

    class Config(PluginConfig):
        """Options of the reader."""

        path: Path
        """The manifest: UTF-8, `.csv` with a header line, or `.jsonl` with one object per line."""

    def __init__(self, config: Config) -> None:
        self.path = config.path.expanduser()

    def read(self) -> list[Utterance]:
        """Return the utterances. Recordings are not opened here: a missing one is named when it is loaded.

        Raises:
            DataError: the file is missing, not a manifest, empty, or wrong in some lines; all of them are named.
        """
        problems: list[Problem] = []
        columns, rows = read_rows(self.path, problems)
        if not rows and not problems:
            raise DataError(f"{self.path} is empty: it lists no utterance", hint=_hint())
        if rows and (wrong := _check_columns(columns)):
            raise _refusal(self.path, [*((0, problem) for problem in wrong), *problems])
        utterances = [utterance for row in rows if (utterance := self._utterance(row, problems))]
        problems += _check_ids(rows)
        if problems:
            raise _refusal(self.path, problems)
        return utterances

    def _utterance(self, row: Row, problems: list[Problem]) -> Utterance | None:
        """Return the utterance of a row, or note what is wrong with the row."""
        values = {name: row.values.get(name, "").strip() for name in COLUMNS}
        audio = None
        try:
            if not values["id"]:
                raise ValueError("no id")
            if not values["audio"] and not values["text"]:
                raise ValueError("neither audio nor text")
            if values["audio"]:
                audio = AudioSpan(self.path.parent / values["audio"], *_times(values["start"], values["end"]))
            elif values["start"] or values["end"]:
                raise ValueError("start and end need an audio")
        except ValueError as error:
            problems.append((row.line, str(error)))
            return None
        return Utterance(
            id=values["id"],
            audio=audio,
            text=values["text"] if "text" in row.values else None,
            label=values["label"] or None,
            speaker=values["speaker"] or None,
            session=values["session"] or None,
            fields={name: value for name, value in row.values.items() if name not in COLUMNS},
        )


def _times(start: str, end: str) -> tuple[float, float | None]:
    """Return both in seconds; the end may be open."""
    start_s, end_s = _seconds("start", start or "0"), _seconds("end", end) if end else None
    if end_s is not None and end_s <= start_s:
        raise ValueError(f"ends at {end_s:g} s, but starts at {start_s:g} s")
    return start_s, end_s


def _seconds(column: str, written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f'{column} is "{written}", not a time in seconds')
    return value


def _check_columns(columns: list[str]) -> list[str]:
    """Return what is wrong with the columns. A near miss of an absent column is not taken for a field."""
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t"):
        return ["its columns are separated by something other than commas"]
    absent = [name for name in COLUMNS if name not in columns]
    nearest = {name: get_close_matches(name.lower(), absent, n=1, cutoff=0.8) for name in columns}
    misspelt = {name: near[0] for name, near in nearest.items() if near and name not in COLUMNS}
    missing = set(absent) - set(misspelt.values())
    wrong = [f'column "{name}" is not known (did you mean "{near}"?)' for name, near in misspelt.items()]
    wrong += ['no column "id"'] if "id" in missing else []
    wrong += ['neither a column "audio" nor a column "text"'] if {"audio", "text"} <= missing else []
    return wrong


def _check_ids(rows: list[Row]) -> list[Problem]:
    first: dict[str, int] = {}
    problems: list[Problem] = []
    for row in rows:
        name = row.values.get("id", "").strip()
        if name and first.setdefault(name, row.line) != row.line:
            problems.append((row.line, f'id "{name}" is on line {first[name]} too'))
    return problems


def _refusal(path: Path, problems: list[Problem]) -> DataError:
    """Return one error with every problem, or as many as fit on a screen."""
    more = [f"and {len(problems) - _MOST_SHOWN} more"] if len(problems) > _MOST_SHOWN else []
    shown = [f"line {line}: {problem}" if line else problem for line, problem in sorted(problems)[:_MOST_SHOWN]]
    listed = [f"{path} is not a manifest that can be used:", *shown, *more]
    return DataError("\n  ".join(listed), hint=_hint())


def _hint() -> str:
    return f"Columns: {', '.join(COLUMNS)}; id and one of audio and text are needed. Others are kept as fields."
