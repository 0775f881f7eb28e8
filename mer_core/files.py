"""Files are written aside and renamed, so that a kill or a full disk never leaves half a file. Imports no torch."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mer_core.errors import RunError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there takes its place when the block ends well.

    Raises:
        RunError: the disk is full, or the folder cannot be written to; the temporary file is gone.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as cause:
        raise RunError(
            f"{path} could not be written: {cause.strerror or cause}",
            hint="Make room or choose another place, then run again with --resume.",
        ) from cause
    finally:
        with suppress(OSError):  # where it was never made, or its folder is no folder
            aside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, line ends as they are in `text`, all or nothing."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="")


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
