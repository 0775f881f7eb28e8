"""Finds plugins and hands them out by kind and name. Imports no torch and no plugin class until one is used."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from mer_core import hookspec
from mer_core.errors import PluginError, suggest
from mer_core.hookspec import ENTRY_POINT_GROUP, HOOKS, PROJECT
from mer_core.plugin import KINDS, Kind, Plugin

_FROM_FILE = "__mer_plugin_file__"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin module comes from: a distribution with its version, or a file or module named by a registry."""

    name: str
    version: str = ""
    place: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that was found: its kind, its descriptor, and where it comes from."""

    kind: Kind
    plugin: Plugin
    origin: Origin


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin module that could not be used, with the cause."""

    origin: Origin
    cause: BaseException


class PluginManager:
    """The plugins of one run.

    A module that cannot be imported, or whose hooks fail, is noted in `broken` and skipped: it never stops a command
    that does not need it.

    Args:
        discover: read the entry points of installed distributions; tests pass False, so that what happens to be
            installed cannot change their result.
        modules: further plugin modules by dotted name.
        files: further plugin modules by path.

    Raises:
        PluginError: two plugins of one kind have one name, or a named module or file cannot be used.
    """

    def __init__(self, *, discover: bool = True, modules: Iterable[str] = (), files: Iterable[Path] = ()) -> None:
        self._pluggy = pluggy.PluginManager(PROJECT)
        self._pluggy.add_hookspecs(hookspec)
        self._found: dict[tuple[Kind, str], Found] = {}
        self.broken: list[Broken] = []
        if discover:
            for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: (e.name != "builtin", e.name)):
                self._add_entry_point(entry)
        for name in modules:
            self._add_named(Origin(name, place=f"module {name}"), partial(importlib.import_module, name))
        files = list(files)
        for path in files:
            _check_stem(path, files)
            self._add_named(Origin(path.name, place=str(path)), partial(_module_from_file, path))

    def all(self, kind: Kind | None = None) -> list[Found]:
        """Return what was found, of one kind or of every kind, sorted by kind and name."""
        rows = [found for found in self._found.values() if kind in (None, found.kind)]
        return sorted(rows, key=lambda found: (KINDS.index(found.kind), found.plugin.name))

    def get(self, kind: Kind, name: str) -> Found:
        """Return the plugin of that kind and name.

        Raises:
            PluginError: there is none; the nearest name and all known names are given.
        """
        if (kind, name) in self._found:
            return self._found[kind, name]
        known = [found.plugin.name for found in self.all(kind)]
        named = ", ".join(f"{found.plugin.name} ({found.origin.name})" for found in self.all(kind)) or "none"
        broken = "".join(f"\nNot usable: {b.origin}: {type(b.cause).__name__}: {b.cause}" for b in self.broken)
        raise PluginError(
            f'{kind} "{name}" is not known{suggest(name, known)}. Known: {named}.{broken}',
            hint=f"See: mer list-plugins --kind {kind}",
        )

    def load(self, kind: Kind, name: str) -> type:
        """Return the class of a plugin.

        Raises:
            PluginError: it is unknown, or its module cannot be imported; the original error is chained.
        """
        found = self.get(kind, name)
        try:
            return found.plugin.load()
        except (Exception, SystemExit) as cause:
            lacking = found.plugin.extra and isinstance(cause, ImportError)
            install = f"pip install '{found.origin.name}[{found.plugin.extra}]'" if lacking else ""
            raise PluginError(
                f'{kind} "{name}" of {found.origin} cannot be loaded: {type(cause).__name__}: {cause}',
                hint=f"Install what it needs: {install}" if install else f"Look at {found.plugin.target}.",
            ) from cause

    def _add_entry_point(self, entry: EntryPoint) -> None:
        dist = entry.dist
        origin = Origin(dist.name if dist else entry.name, dist.version if dist else "", f"entry point {entry.name}")
        try:
            found = self._register(entry.load(), origin)
        except (Exception, SystemExit) as cause:  # a stranger's import may do anything
            self.broken.append(Broken(origin, cause))
        else:
            self._add(found)

    def _add_named(self, origin: Origin, load: Callable[[], ModuleType]) -> None:
        try:
            found = self._register(load(), origin)
        except (Exception, SystemExit) as cause:
            raise PluginError(
                f"plugin {origin.place} cannot be used: {type(cause).__name__}: {cause}",
                hint="Mend it, or take it out of [plugins] in the registry file.",
            ) from cause
        self._add(found)

    def _register(self, module: ModuleType, origin: Origin) -> list[Found]:
        try:
            self._pluggy.register(module)
            self._pluggy.check_pending()  # pluggy alone would ignore a misspelt hook
            return [Found(kind, plugin, origin) for kind, plugin in self._descriptors(module)]
        except BaseException:
            # Also after half a registration: what is left of it would fail the check of every later module.
            if self._pluggy.is_registered(module):
                self._pluggy.unregister(module)
            raise

    def _descriptors(self, module: ModuleType) -> Iterator[tuple[Kind, Plugin]]:
        for kind, hook in HOOKS.items():
            for impl in getattr(self._pluggy.hook, hook).get_hookimpls():
                for plugin in impl.function() if impl.plugin is module else ():
                    if not isinstance(plugin, Plugin):
                        raise TypeError(f"{hook} yields {plugin!r}, not a Plugin")
                    yield kind, plugin

    def _add(self, rows: Iterable[Found]) -> None:
        for found in rows:
            key = (found.kind, found.plugin.name)
            if key in self._found:
                first = self._found[key].origin
                raise PluginError(
                    f'two {found.kind} plugins are named "{found.plugin.name}": {first} ({first.place}) and '
                    f"{found.origin} ({found.origin.place})",
                    hint="Rename one, or uninstall the other distribution.",
                )
            self._found[key] = found


def _check_stem(path: Path, files: Sequence[Path]) -> None:
    """Refuse two plugin files of one name: a descriptor's `"my_fusion:Gated"` could mean either."""
    same = [str(other) for other in files if other.stem == path.stem]
    if len(same) > 1:
        raise PluginError(f"plugin files {' and '.join(same)} have one name", hint="Rename one of them.")


def _module_from_file(path: Path) -> ModuleType:
    """Import a plugin file under its own stem, so that its descriptors may say `"my_fusion:Gated"`."""
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    place = str(path.resolve())
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, _FROM_FILE, None) == place:
        return loaded
    if not hasattr(loaded, _FROM_FILE) and _names_another(path):
        raise ImportError(f"its name is also that of the module {path.stem}: rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("its name does not end in .py")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _FROM_FILE, place)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _names_another(path: Path) -> bool:
    """Tell whether the file's stem is the name of an importable module that is not this file."""
    spec = importlib.util.find_spec(path.stem)
    return spec is not None and (spec.origin is None or Path(spec.origin).resolve() != path.resolve())
