"""`mer new-plugin`: a plugin to start from, as a package or as one file. Imports no torch."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from mer_core.errors import PluginError
from mer_core.plugin import Kind

if TYPE_CHECKING:
    from mer_core.manager import PluginManager

USES: dict[Kind, str] = {
    "encoder": 'mer run, with encoders.text = { use = "$name" } in a pipeline of registry.toml',
    "fusion": "mer run --fusion $name",
    "aux": "mer run --aux $name",
    "evaluator": 'mer run, with evaluators = [{ use = "$name" }] in a pipeline of registry.toml',
    "corpus": "mer run --data $name:FOLDER --folds speaker",
}
CHECK_WITH: dict[Kind, str] = {"corpus": " --set path=FOLDER"}
"""Options that the plugin of a template cannot be built without, as `mer check-plugin` takes them."""
STEMS: dict[Kind, str] = {"aux": "task"}
"""Names of modules where it is not the kind's: Windows allows no file named aux."""
ONLY_SINGLE, ONLY_PACKAGE = "  # single-file", "  # package"
"""Ends of lines in a template that are for one of the two forms."""


def new_plugin(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="encoder, fusion, aux, evaluator or corpus.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What users will type, for example gated.")],
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where to write; by default mer-NAME, or here.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one module, for [plugins] files in registry.toml.")
    ] = False,
) -> None:
    """Write a plugin to start from, with its test; nothing is overwritten."""
    from mer_cli import console
    from mer_core.manager import PluginManager

    words = _words(kind, name)
    _check_free_name(PluginManager(), kind, name)
    place = folder or Path("." if single_file else f"mer-{name}")
    made = _single(kind, words) if single_file else _package(kind, words)
    _write(place, made, alone=not single_file)
    for path in made:
        console.line(f"wrote {place / path}")
    for text in _next(kind, words, place, single_file=single_file):
        console.line(text)


def _words(kind: Kind, name: str) -> dict[str, str]:
    """Return what the templates ask for.

    Raises:
        PluginError: the name is not usable.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*", name):
        raise PluginError(
            f"plugin name {name!r} is not usable",
            hint="Begin with a letter; use lower-case letters and digits, in words joined by '-', '_' or '.'.",
        )
    from mer_core.hookspec import HOOKS

    parts = re.split(r"[._-]", name)
    return {
        "name": name,
        "kind": kind,
        "stem": STEMS.get(kind, kind),
        "Class": "".join(part.capitalize() for part in parts),
        "module": f"mer_{'_'.join(parts)}",
        "hook": HOOKS[kind],
        "core_version": ".".join(version("mer-core").split(".")[:2]),
        "options": CHECK_WITH.get(kind, ""),
        "use": Template(USES[kind]).substitute(name=name),
    }


def _check_free_name(manager: PluginManager, kind: Kind, name: str) -> None:
    if name in manager.names(kind):
        raise PluginError(f'{kind} "{name}" is there already', hint="Choose another name: two may not share one.")


def _package(kind: Kind, words: dict[str, str]) -> dict[str, str]:
    """Return the files of a package, by their path in it."""
    module = words["module"]
    return {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        f"{module}/__init__.py": _filled("__init__.py", words),
        f"{module}/{words['stem']}.py": _without(_filled(f"{words['stem']}.py", words), ONLY_SINGLE, keep=ONLY_PACKAGE),
        f"{module}/py.typed": "",
        f"tests/test_{module.removeprefix('mer_')}.py": _filled(f"test_{kind}.py", words),
    }


def _single(kind: Kind, words: dict[str, str]) -> dict[str, str]:
    text = _without(_filled(f"{words['stem']}.py", words), ONLY_PACKAGE, keep=ONLY_SINGLE)
    return {f"{words['module']}.py": text + _filled("hook.py", words)}


def _filled(template: str, words: dict[str, str]) -> str:
    text = files("mer_cli").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _without(text: str, dropped: str, *, keep: str) -> str:
    """Return the text without the lines that end in one mark, and without the other mark."""
    lines = [line.removesuffix(keep) for line in text.splitlines() if not line.endswith(dropped)]
    return "\n".join(lines) + "\n"


def _write(place: Path, made: dict[str, str], *, alone: bool) -> None:
    """Write the files, once it is known that nothing is in their way.

    Raises:
        PluginError: a file is there already, or, for a package, anything is.
    """
    in_the_way = [path for path in made if (place / path).exists()]
    if place.is_file() or (alone and place.is_dir() and any(place.iterdir())):
        in_the_way = [""]
    if in_the_way:
        raise PluginError(
            f"{place / in_the_way[0]} is there already; nothing was written", hint="Name another place with --dir."
        )
    for path, text in made.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text, encoding="utf-8")


def _next(kind: Kind, words: dict[str, str], place: Path, *, single_file: bool) -> list[str]:
    """Return what to type now."""
    name, module = words["name"], words["module"]
    options = CHECK_WITH.get(kind, "")
    if single_file:
        check = f"mer check-plugin {place / module}.py:{words['Class']}{options}"
        registry = f'in registry.toml:\n  [plugins]\n  files = ["{place / module}.py"]'
        return ["", f"next: {check}", registry, f"then: {words['use']}"]
    steps = [
        f"pip install -e '{place}[test]'",
        f"pytest {place}",
        f"mer check-plugin {name}{options}",
        words["use"],
    ]
    return ["", "next: " + "\n      ".join(steps)]
