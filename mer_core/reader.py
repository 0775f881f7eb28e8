"""Imports plugin modules, which may do anything, and asks their hooks. Imports no torch."""

from __future__ import annotations

import io
import os
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace

import pluggy

from mer_core import hookspec
from mer_core.api import ApiError, check_api
from mer_core.candidates import Candidate, Found, Source
from mer_core.errors import PluginError, suggest
from mer_core.hookspec import HOOKS, PROJECT
from mer_core.plugin import Kind, Plugin

TRACE = "MER_TRACE_PLUGINS"
"""Environment variable: where it is set, what goes wrong in a plugin is shown with its traceback."""


class Reader:
    """Reads sources one by one; what was read before decides whether a module is named twice."""

    def __init__(self) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspec)
        self._read: list[tuple[object, Source]] = []

    def read(self, source: Source) -> Candidate:
        """Import a source, unless it is for another API, and ask its hooks; what goes wrong is its state."""
        candidate = Candidate(source.origin, source.by, "loaded")
        out = io.StringIO()  # stdout may be read by a program
        try:
            with redirect_stdout(out):
                check_api(source.parse())
                candidate = self._register(source, candidate)
        except ApiError as error:
            candidate = replace(candidate, state=error.age, reason=error.message, cause=error)
        except KeyboardInterrupt:
            raise
        except BaseException as cause:
            trace(cause)
            candidate = replace(candidate, state="broken", reason=first_line(cause), cause=cause)
        return replace(candidate, printed=out.getvalue())

    def _register(self, source: Source, candidate: Candidate) -> Candidate:
        module = source.load()
        for other, first in self._read:
            if other is module:
                return replace(candidate, state="shadowed", reason=f"the module of {first.origin} ({first.by})")
        self._check_hook_names(module)
        self._pluggy.register(module)
        try:
            found = tuple(Found(kind, plugin, source.origin) for kind, plugin in self._descriptors(module))
        except BaseException:
            self._pluggy.unregister(module)
            raise
        self._read.append((module, source))
        return replace(candidate, found=found)

    def _check_hook_names(self, module: object) -> None:
        """Refuse what pluggy alone would ignore: a misspelt hook, and one that is not marked."""
        known = list(HOOKS.values())
        for name in dir(module):
            marked = self._pluggy.parse_hookimpl_opts(module, name) is not None
            if marked and name not in known:
                raise PluginError(f'unknown hook "{name}"{suggest(name, known)}. Known: {", ".join(known)}.')
            if not marked and name in known:
                raise PluginError(f"{name} is not marked with @hookimpl, from mer_core.hookspec")

    def _descriptors(self, module: object) -> Iterator[tuple[Kind, Plugin]]:
        for kind, hook in HOOKS.items():
            for impl in getattr(self._pluggy.hook, hook).get_hookimpls():
                for plugin in impl.function() if impl.plugin is module else ():
                    if not isinstance(plugin, Plugin):
                        raise TypeError(f"{hook} yields {plugin!r}, not a Plugin")
                    yield kind, plugin


def first_line(cause: BaseException) -> str:
    """Return an error's type and the first line of what it says."""
    try:
        text = str(cause).strip().partition("\n")[0]
    except Exception:  # its __str__ is a stranger's code as well
        text = ""
    exits = "ends the program: " if isinstance(cause, SystemExit) else ""
    return exits + (f"{type(cause).__name__}: {text}" if text else type(cause).__name__)


def trace(cause: BaseException) -> None:
    """Show an error with its traceback on stderr, where the user asks for it."""
    if os.environ.get(TRACE):
        traceback.print_exception(cause)
