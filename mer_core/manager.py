"""Finds plugins and hands them out by kind and name. Imports no torch and no plugin class until one is used."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from mer_core.candidates import Candidate as Candidate
from mer_core.candidates import Found as Found
from mer_core.candidates import Origin as Origin
from mer_core.candidates import Source, State, installed, named
from mer_core.errors import PluginError, suggest
from mer_core.plugin import KINDS, Kind
from mer_core.reader import Reader, first_line, trace

DISABLE = "MER_DISABLE_PLUGINS"
"""Environment variable: names of plugins, distributions or plugin files that are not to be used, by commas."""


class PluginManager:
    """The plugins of one run.

    A module that cannot be used is noted among the `candidates` and skipped: it never stops a command that does not
    need it. A name that two plugins of one kind have is an error only where that name is asked for.

    Args:
        discover: read the entry points of installed distributions, and `MER_DISABLE_PLUGINS`; tests pass False, so
            that what happens to be installed or set cannot change their result.
        modules: further plugin modules by dotted name.
        files: further plugin modules by path.
        registry: the registry file that names those modules and files. Without one, the caller names them.

    Raises:
        PluginError: a module or file that the caller names cannot be used.
    """

    def __init__(
        self,
        *,
        discover: bool = True,
        modules: Iterable[str] = (),
        files: Iterable[Path] = (),
        registry: Path | None = None,
    ) -> None:
        modules, files = list(modules), list(files)
        self._made_from = (discover, modules, files, registry)
        self._reader = Reader()
        self._disabled = _listed(os.environ.get(DISABLE, "")) if discover else []
        self._found: dict[tuple[Kind, str], list[Found]] = {}
        self._candidates: list[Candidate] = []
        for source in installed() if discover else ():
            self._add(self._read(source))
        for source in named(modules, files, str(registry or "")):
            candidate = self._read(source)
            if registry is None and candidate.cause is not None:
                raise PluginError(
                    f"plugin {source.origin.place} cannot be used: {candidate.reason}",
                    hint="Mend it, or take it out of [plugins] in the registry file.",
                ) from candidate.cause
            self._add(candidate)

    def __reduce__(self) -> tuple[Callable[..., PluginManager], tuple[bool, list[str], list[Path], Path | None]]:
        """Be sent to another process as what it was made from: modules cannot travel, and are found there again."""
        return _make, self._made_from

    def all(self, kind: Kind | None = None) -> list[Found]:
        """Return the plugins that can be used, of one kind or of every kind, sorted by kind and name."""
        usable = (self._usable(found) for (of, _), found in self._found.items() if kind in (None, of))
        rows = [found[0] for found in usable if len(found) == 1]
        return sorted(rows, key=lambda found: (KINDS.index(found.kind), found.plugin.name))

    def get(self, kind: Kind, name: str) -> Found:
        """Return the plugin of that kind and name.

        Raises:
            PluginError: there is none; the nearest name and all known names are given. Or there are two.
        """
        found = self._found.get((kind, name), [])
        usable = self._usable(found)
        if len(usable) > 1:
            raise _clash(usable)
        if found and not usable:
            raise PluginError(
                f'{kind} "{name}" of {found[0].origin} is switched off', hint=f"Take it out of {DISABLE}."
            )
        return usable[0] if usable else self._unknown(kind, name)

    def find(self, name: str, kind: Kind | None = None) -> Found:
        """Return the plugin of that name, of whatever kind where none is given.

        Raises:
            PluginError: there is none, or there are several: of one kind, or of different kinds.
        """
        kinds = [of for of in KINDS if (of, name) in self._found] if kind is None else [kind]
        if len(kinds) > 1:
            raise PluginError(
                f'"{name}" names plugins of several kinds: {", ".join(kinds)}', hint=f"Add --kind {kinds[0]}."
            )
        if kinds:
            return self.get(kinds[0], name)
        known = [found.plugin.name for found in self.all()]
        raise PluginError(
            f'plugin "{name}" is not known{suggest(name, known)}. Known: {", ".join(known)}.',
            hint="See: mer list-plugins --why",
        )

    def names(self, kind: Kind) -> list[str]:
        """Return every name of a kind that is taken, whether or not its plugin can be used."""
        return sorted(name for of, name in self._found if of == kind)

    def load(self, kind: Kind, name: str) -> type:
        """Return the class of a plugin.

        Raises:
            PluginError: it is unknown, or its module cannot be imported; the original error is chained.
        """
        found = self.get(kind, name)
        try:
            with redirect_stdout(sys.stderr):  # stdout may be read by a program
                return found.plugin.load()
        except KeyboardInterrupt:
            raise
        except BaseException as cause:  # a stranger's import may do anything
            trace(cause)
            lacking = found.plugin.extra and isinstance(cause, ImportError)
            install = f"pip install '{found.origin.name}[{found.plugin.extra}]'" if lacking else ""
            raise PluginError(
                f'{kind} "{name}" of {found.origin} cannot be loaded: {first_line(cause)}',
                hint=f"Install what it needs: {install}" if install else f"Look at {found.plugin.target}.",
            ) from cause

    def candidates(self, kind: Kind | None = None) -> list[Candidate]:
        """Return what became of everything that may bring plugins, in the order in which it was found.

        A source appears once for each state that its plugins are in. Of what is loaded, only one kind is given where
        one is asked for; what a source that could not be used would bring is not known.
        """
        rows = [row for candidate in self._candidates for row in self._by_state(candidate)]
        if kind is None:
            return rows
        kept = [replace(row, found=tuple(found for found in row.found if found.kind == kind)) for row in rows]
        return [new for old, new in zip(rows, kept, strict=True) if new.found or not old.found]

    @property
    def unknown_disabled(self) -> list[str]:
        """What `MER_DISABLE_PLUGINS` names and nothing that was found is called."""
        plugins = {name for _, name in self._found}
        origins = {_canonical(candidate.origin.name) for candidate in self._candidates}
        return [name for name in self._disabled if name not in plugins and _canonical(name) not in origins]

    def _read(self, source: Source) -> Candidate:
        """Read a source, unless it is switched off: its code does not run then."""
        if _canonical(source.origin.name) in map(_canonical, self._disabled):
            return Candidate(source.origin, source.by, "disabled", f"named in {DISABLE}")
        return self._reader.read(source)

    def _add(self, candidate: Candidate) -> None:
        self._candidates.append(candidate)
        for found in candidate.found:
            self._found.setdefault((found.kind, found.plugin.name), []).append(found)

    def _usable(self, found: Iterable[Found]) -> list[Found]:
        return [one for one in found if one.plugin.name not in self._disabled]

    def _by_state(self, candidate: Candidate) -> list[Candidate]:
        """Return a candidate for each state that the plugins of one are in."""
        states: dict[tuple[State, str], list[Found]] = {}
        for found in candidate.found:
            states.setdefault(self._state(found), []).append(found)
        if not states:
            return [candidate]
        return [
            replace(candidate, state=state, reason=reason, found=tuple(found))
            for (state, reason), found in states.items()
        ]

    def _state(self, found: Found) -> tuple[State, str]:
        if found.plugin.name in self._disabled:
            return "disabled", f"named in {DISABLE}"
        usable = self._usable(self._found[found.kind, found.plugin.name])
        return ("clash", _clash(usable).message) if len(usable) > 1 else ("loaded", "")

    def _unknown(self, kind: Kind, name: str) -> Found:
        known = [found.plugin.name for found in self.all(kind)]
        listed = ", ".join(f"{found.plugin.name} ({found.origin.name})" for found in self.all(kind)) or "none"
        unusable = [c for c in self._candidates if c.state not in ("loaded", "shadowed")]
        lines = "".join(f"\nNot usable: {c.origin}: {c.reason}" for c in unusable)
        raise PluginError(
            f'{kind} "{name}" is not known{suggest(name, known)}. Known: {listed}.{lines}',
            hint="See: mer list-plugins --why" if unusable else f"See: mer list-plugins --kind {kind}",
        )


def _make(discover: bool, modules: list[str], files: list[Path], registry: Path | None) -> PluginManager:
    return PluginManager(discover=discover, modules=modules, files=files, registry=registry)


def _clash(found: list[Found]) -> PluginError:
    kind, name = found[0].kind, found[0].plugin.name
    places = " and ".join(f"{one.origin} ({one.origin.place})" for one in found)
    switch_off = f", or set {DISABLE}={found[-1].origin.name}" if found[0].origin != found[-1].origin else ""
    return PluginError(
        f'{len(found)} {kind} plugins are named "{name}": {places}',
        hint=f"Rename one, uninstall all but one of them{switch_off}.",
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _canonical(name: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
