"""What plugins are written against, as text: every public name, signature and field of the stable modules.

`tests/core/api_surface.json` keeps it for the present API version, and a test compares. To renew it after a change,
set `API_VERSION` in mer_core/__init__.py and run `python scripts/api_surface.py`. It refuses a version that says too
little: what is removed, changed or newly demanded of a plugin needs a new major version, an addition a new minor one.
Before that version is released, delete the file and run it again.

It is read from the source, so neither the version of Python nor that of a library can change it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from mer_core import API_VERSION
from mer_core.sources import Module, Place, find, parse_module

SNAPSHOT = Path(__file__).parents[1] / "tests" / "core" / "api_surface.json"
MODULES = ("protocols", "types", "config", "errors", "hookspec", "plugin")
TESTING = "mer_core.testing"
Surface = dict[str, str]
Step = Literal["major", "minor", ""]


def surface() -> Surface:
    """Return dotted name to declaration, for every public name of the stable modules."""
    found: Surface = {}
    for name in MODULES:
        module = _parsed(f"mer_core.{name}")
        for node in module.tree.body:
            found.update(_declared(module, node, module.name))
    testing = _parsed(TESTING)
    for name in _exported(testing):
        found.update(_declared(*_followed(testing, name), TESTING))
    return found


def step(old: Mapping[str, str], new: Mapping[str, str]) -> Step:
    """Return which part of the version must rise from one surface to another."""
    if any(new.get(name) != declared for name, declared in old.items()) or _reordered(old, new):
        return "major"
    added = new.keys() - old.keys()
    if any(_demanded(name, old, new) for name in added):
        return "major"
    return "minor" if added else ""


def suffices(old_version: str, new_version: str, needed: Step) -> bool:
    """Tell whether a version is as much higher as is needed."""
    old, new = ([int(part) for part in version.split(".")] for version in (old_version, new_version))
    return {"major": new[0] > old[0], "minor": new > old, "": True}[needed]


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return a line for each name that was removed, changed, added or moved."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            lines += [f"{sign} {name}{side[name]}" for sign, side in (("-", old), ("+", new)) if name in side]
    return lines + [f"~ {name}: its fields are in another order" for name in _reordered(old, new)]


def read_snapshot(path: Path = SNAPSHOT) -> tuple[str, Surface]:
    """Return the version and the surface that were kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["api_version"], kept["surface"]


def renew(path: Path = SNAPSHOT, version: str = API_VERSION) -> None:
    """Write the surface as it is now.

    Raises:
        SystemExit: the version says too little.
    """
    now = surface()
    if path.is_file():
        old_version, old = read_snapshot(path)
        needed = step(old, now)
        print("\n".join(differences(old, now)))
        if not suffices(old_version, version, needed):
            raise SystemExit(f"API_VERSION is {version} and was {old_version}: this needs a new {needed} version")
    text = json.dumps({"api_version": version, "surface": now}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _parsed(name: str) -> Module:
    module = parse_module(name)
    assert module is not None, name
    return module


def _exported(module: Module) -> list[str]:
    place = find(module, "__all__")
    assert place is not None
    return list(ast.literal_eval(place.node))


def _followed(module: Module, name: str) -> tuple[Module, ast.stmt]:
    """Return the module that a package takes a name from, and its declaration there."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]:
            home = _parsed(node.module)
            return home, next(n for n in home.tree.body if getattr(n, "name", "") == name)
    raise AssertionError(f"{module.name} does not import {name}")


def _declared(module: Module, node: ast.stmt, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield a statement's public names, each with how it is declared; nothing for any other statement."""
    match node:
        case ast.ClassDef(name=name) if _is_public(name):
            yield f"{prefix}.{name}", f" = {_decorators(node)}class({', '.join(map(ast.unparse, node.bases))})"
            yield from _members(Place(module, node), f"{prefix}.{name}").items()
        case ast.FunctionDef(name=name) if _is_public(name):
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            yield f"{prefix}.{name}", f" = {_decorators(node)}({ast.unparse(node.args)}){returns}"
        case ast.AnnAssign(target=ast.Name(id=name)) if _is_public(name):
            default = f" = {ast.unparse(node.value)}" if node.value else ""
            yield f"{prefix}.{name}", f": {ast.unparse(node.annotation)}{default}"
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_public(name):
            yield f"{prefix}.{name}", f" = {ast.unparse(value)}"


def _members(place: Place, prefix: str) -> Surface:
    """Return the members of a class, with those it inherits from classes of the core."""
    assert isinstance(place.node, ast.ClassDef)
    found: Surface = {}
    for base in reversed(place.node.bases):
        origin = find(place.module, ast.unparse(base))
        if origin is not None and isinstance(origin.node, ast.ClassDef) and origin.module.name.startswith("mer_core."):
            found.update(_members(origin, prefix))
    for node in place.node.body:
        found.update(_declared(place.module, node, prefix))
    return found


def _decorators(node: ast.ClassDef | ast.FunctionDef) -> str:
    return "".join(f"@{ast.unparse(decorator)} " for decorator in node.decorator_list)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


def _demanded(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Tell whether an added member is one that plugins must now have or give: of a contract, or without a default."""
    parent = old.get(name.rpartition(".")[0], "")
    return "class(Protocol" in parent or (
        "@dataclass" in parent and new[name].startswith(":") and " = " not in new[name]
    )


def _reordered(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the classes whose fields, given by position, would now mean others."""
    now = _positions(new)
    return [name for name, fields in _positions(old).items() if now.get(name, fields)[: len(fields)] != fields]


def _positions(declared: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the fields of each class that is built with them in order."""
    found: dict[str, list[str]] = {}
    for name, text in declared.items():
        owner = name.rpartition(".")[0]
        kind = declared.get(owner, "")
        if text.startswith(":") and "@dataclass" in kind and "kw_only=True" not in kind:
            found.setdefault(owner, []).append(name)
    return found


if __name__ == "__main__":
    renew()
