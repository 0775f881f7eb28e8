"""What may bring plugins: entry points of installed distributions, and what a registry names. Imports no torch.

Nothing here runs a plugin's code: a `Source` says how to, and `mer_core.reader` does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal

from mer_core.hookspec import ENTRY_POINT_GROUP
from mer_core.plugin import Kind, Plugin
from mer_core.plugin_files import module_from_file, parse_file
from mer_core.sources import Module, parse_module

State = Literal["loaded", "broken", "clash", "shadowed", "disabled", "newer API", "older API"]
"""`clash`: two plugins of one kind and name, neither of which is used; `shadowed`: a module that is named twice."""
_REGISTRY_KEY = "plugins."


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
class Source:
    """A module that may bring plugins, before it is imported."""

    origin: Origin
    by: str
    """What names it: an entry point and its value, or a key of a registry file."""
    parse: Callable[[], Module | None]
    load: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What became of a source, or of some of its plugins."""

    origin: Origin
    by: str
    state: State
    reason: str = ""
    """One line; empty where it is loaded."""
    cause: BaseException | None = None
    found: tuple[Found, ...] = ()
    printed: str = ""
    """What its import wrote on stdout."""

    @property
    def by_registry(self) -> bool:
        """Whether a registry file names it, rather than an installed distribution."""
        return self.by.startswith(_REGISTRY_KEY)


def installed() -> list[Source]:
    """Return the entry points of installed distributions, the built-in one first."""
    entries = entry_points(group=ENTRY_POINT_GROUP)
    return [_installed(entry) for entry in sorted(entries, key=lambda e: (e.name != "builtin", e.name))]


def named(modules: Iterable[str], files: Iterable[Path], registry: str) -> Iterator[Source]:
    """Yield the modules and files that a registry file, or a caller (`registry=""`), names."""
    key = f"{_REGISTRY_KEY}{{}} of {registry}" if registry else "{}"
    for name in modules:
        origin = Origin(name, place=f"module {name}")
        yield Source(origin, key.format("modules"), partial(parse_module, name), partial(importlib.import_module, name))
    paths = list(files)
    for path in paths:
        origin = Origin(path.name, place=str(path))
        parse, load = partial(parse_file, path, paths), partial(module_from_file, path)
        yield Source(origin, key.format("files"), parse, load)


def _installed(entry: EntryPoint) -> Source:
    dist = entry.dist
    origin = Origin(dist.name if dist else entry.name, dist.version if dist else "", f"entry point {entry.name}")
    return Source(
        origin, f"entry point {entry.name} = {entry.value}", lambda: parse_module(entry.module), lambda: entry.load()
    )
