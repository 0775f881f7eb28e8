"""Errors that a user can act on: each states a fact, the place, and the remedy. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MerError(Exception):
    """A mistake the user can mend; the command line shows it without a traceback and exits with 2.

    Args:
        message: the fact and the place, one sentence or a short list.
        hint: the remedy: what to type or to change.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class PluginError(MerError):
    """A plugin is unknown, broken, duplicated, or does not keep its contract."""


class SpecError(MerError):
    """A registry file or an option on the command line says something that cannot be."""


class DataError(MerError):
    """A corpus, a recording or a transcript cannot be used as it is."""


class RunError(MerError):
    """A run directory exists already, is incomplete, or was written by something else."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean "…"?)` for the known name nearest to `name` in any case, or nothing where none is near."""
    in_lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), list(in_lower), n=1, cutoff=0.6)
    return f' (did you mean "{in_lower[near[0]]}"?)' if near else ""
