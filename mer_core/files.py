"""Files are written aside and renamed, so that a kill or a full disk never leaves half a file. Imports no torch."""

from __future__ import annotations

import json
import math
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mer_core.errors import DataError, RunError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path near `path`; what was written there takes its place when the block ends well.

    It lies in a folder of its own: some libraries make a temporary file beside the one that they write.

    Raises:
        RunError: the disk is full, or the folder cannot be written to; the temporary file is gone.
    """
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        folder.mkdir(parents=True)
        yield folder / path.name
        (folder / path.name).replace(path)
    except OSError as cause:
        raise RunError(
            f"{path} could not be written: {cause.strerror or cause}",
            hint="Make room or choose another place, then run again with --resume.",
        ) from cause
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # it may never have been made


def remove_half_written(folder: Path) -> None:
    """Remove what `written_aside` left in a folder when its process was killed."""
    for left in folder.glob(".*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, line ends as they are in `text`, all or nothing."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")


def read_utf8(path: Path) -> str:
    """Return a text file, line ends as they are, without a byte order mark.

    Raises:
        DataError: it is not UTF-8; the first line that is not is named.
        OSError: it cannot be opened.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8", hint="Save the file as UTF-8.") from error


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, all or nothing. What is not finite is written as null."""
    write_text(path, json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that a run wrote.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{path} is missing", hint="Is this a run directory? A run that was cut off goes on with --resume."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise RunError(f"{path} is damaged: {cause}", hint="Run it again with --force.") from cause


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
