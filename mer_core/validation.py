"""Turns pydantic's findings into one error that lists them all, with dotted paths. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mer_core.errors import SpecError, suggest


def spec_error(
    error: ValidationError, *, place: str, prefix: Sequence[str] = (), known: Iterable[str], hint: str = ""
) -> SpecError:
    """Return one SpecError for all findings.

    Args:
        error: what pydantic raised.
        place: the file or command line the values come from.
        prefix: the path of the validated table inside that place.
        known: keys to suggest for one that does not exist.
        hint: the remedy, where the lines do not say it.
    """
    known = sorted(known)
    lines = [_line(finding, prefix, known) for finding in error.errors()]
    count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return SpecError(f"{place}: {count}\n" + "\n".join(f"  {line}" for line in lines), hint=hint)


def field_names(*models: type[BaseModel]) -> set[str]:
    """Return the keys of all these models."""
    return {name for model in models for name in model.model_fields}


def _line(finding: ErrorDetails, prefix: Sequence[str], known: Sequence[str]) -> str:
    path = ".".join([*prefix, *(str(part) for part in finding["loc"])])
    if finding["type"] == "extra_forbidden":
        name = str(finding["loc"][-1])
        # A key that belongs to another table is known, but not here: never suggest what was written.
        return f"{path}: no such key{suggest(name, [key for key in known if key != name])}"
    if finding["type"] == "missing":
        return f"{path}: is needed"
    message = finding["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("valid tuple", "list")  # TOML's word
    given = finding["input"]
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{path}: {message[:1].lower()}{message[1:]}{shown}"
