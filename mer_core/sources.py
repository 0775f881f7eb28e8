"""Modules as source text: where a name is defined, followed from file to file without importing anything."""

from __future__ import annotations

import ast
import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

LIBRARIES = ("torch", "pydantic", "transformers", "typing", "abc", "collections")
"""Their classes have no options of mer; parsing them would only take time."""


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed source file and its dotted name."""

    name: str
    file: Path
    tree: ast.Module
    is_package: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name is defined: a class, or the expression that is assigned to it."""

    module: Module
    node: ast.ClassDef | ast.expr
    owner: ast.ClassDef | None = None
    """The class it is nested in."""


def parse_module(name: str) -> Module | None:
    """Parse a module's source; None where it is a library's, has none, or does not exist.

    Raises:
        SyntaxError, UnicodeDecodeError, OSError: the file is not Python, or cannot be read.
    """
    if name.partition(".")[0] in LIBRARIES:
        return None
    spec = _spec(name)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin)
    return Module(
        name, file, ast.parse(file.read_bytes(), filename=str(file)), spec.submodule_search_locations is not None
    )


def find(module: Module, dotted: str) -> Place | None:
    """Return what a name of a module stands for: `Base`, `Outer.Inner` or `imported.Base`."""
    name, _, rest = dotted.partition(".")
    for node in reversed(module.tree.body):
        match node:
            case ast.ClassDef() if node.name == name:
                return _inside(Place(module, node), rest)
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name and not rest:
                return Place(module, value)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name and not rest:
                return Place(module, value)
            case ast.ImportFrom() | ast.Import():
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _imported(module, node, alias.name, rest)
    return None


def _imported(module: Module, node: ast.ImportFrom | ast.Import, name: str, rest: str) -> Place | None:
    if isinstance(node, ast.Import):
        origin, wanted = parse_module(name), rest
    else:
        source = _absolute(module, node)
        origin, wanted = parse_module(source), f"{name}.{rest}".rstrip(".")
        if origin is not None and find(origin, wanted) is None:  # `from package import module`
            origin, wanted = parse_module(f"{source}.{name}"), rest
    return find(origin, wanted) if origin is not None and wanted else None


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the dotted name that a `from` names; leading dots count from the module's package."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    package = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def _inside(place: Place, dotted: str) -> Place | None:
    if not dotted:
        return place
    assert isinstance(place.node, ast.ClassDef)
    name, _, rest = dotted.partition(".")
    inner = next((n for n in place.node.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    return _inside(Place(place.module, inner, place.node), rest) if inner else None


def _spec(name: str) -> ModuleSpec | None:
    """Find a module without importing its parents, which `importlib.util.find_spec` would."""
    top, *parts = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):  # ValueError: a module made by hand, without a spec
        spec = getattr(sys.modules.get(top), "__spec__", None)
    path = [top]
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        path.append(part)
        spec = PathFinder.find_spec(".".join(path), list(spec.submodule_search_locations))
    return spec
