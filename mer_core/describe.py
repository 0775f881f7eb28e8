"""What a plugin's options are, read from its source text: nothing is imported, so that it takes milliseconds.

The class and its `Config` are looked up by their names, through base classes and `from x import y`, in this module and
in others. What cannot be followed (a base made at run time, a library's class) adds no options.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mer_core.errors import PluginError
from mer_core.plugin import Plugin
from mer_core.sources import Place, find, parse_module

CONFIG = "Config"
BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "multiple of"}
LENGTHS = {"min_length": "at least {} long", "max_length": "at most {} long"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how it is written, and what it means."""

    name: str
    type: str
    default: str | None
    """As JSON writes it (`true`, `"post"`), as Python does where JSON cannot; None where it must be given."""
    bounds: str
    """For example `>= 1, < 10`; empty where there are none."""
    meaning: str


@dataclass(frozen=True, slots=True)
class Description:
    """A plugin as its author describes it."""

    doc: str
    options: tuple[Option, ...]
    file: Path
    line: int


def describe(plugin: Plugin) -> Description:
    """Return a plugin's docstring, its options in the order of their definition, and where its class is.

    Raises:
        PluginError: its module or class cannot be found or read.
    """
    module, _, name = plugin.target.partition(":")
    try:
        parsed = parse_module(module)
        place = find(parsed, name) if parsed else None
    except (SyntaxError, UnicodeDecodeError, OSError) as cause:
        raise PluginError(f'"{plugin.name}" cannot be read: {cause}', hint=f"Look at {plugin.target}.") from cause
    if place is None or not isinstance(place.node, ast.ClassDef):
        raise PluginError(
            f'"{plugin.name}" cannot be described: there is no class {name} in the source of {module}',
            hint=f"Its descriptor says {plugin.target}.",
        )
    config = _config(place)
    options = {option.name: option for option in _options(config)} if config else {}
    doc = inspect.cleandoc(ast.get_docstring(place.node) or "")
    return Description(doc, tuple(options.values()), place.module.file, place.node.lineno)


def _bases(place: Place) -> Iterator[Place]:
    """Yield the base classes that can be followed, in order."""
    assert isinstance(place.node, ast.ClassDef)
    for base in place.node.bases:
        found = find(place.module, ast.unparse(base))
        if found and isinstance(found.node, ast.ClassDef):
            yield found


def _config(place: Place) -> Place | None:
    """Return the class that `Config` means inside a plugin class: nested, assigned, or inherited."""
    assert isinstance(place.node, ast.ClassDef)
    for node in place.node.body:
        if isinstance(node, ast.ClassDef) and node.name == CONFIG:
            return Place(place.module, node, place.node)
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == CONFIG for t in node.targets):
            found = find(place.module, ast.unparse(node.value))
            return found if found and isinstance(found.node, ast.ClassDef) else None
    return next(filter(None, map(_config, _bases(place))), None)


def _options(config: Place) -> Iterator[Option]:
    """Yield the options of a Config class, those of its bases first; a later one of the same name counts."""
    assert isinstance(config.node, ast.ClassDef)
    for base in reversed(list(_config_bases(config))):
        yield from _options(base)
    body = config.node.body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_option(node):
            yield _option(config, node, node.target.id, _docstring(following))


def _config_bases(config: Place) -> Iterator[Place]:
    """Yield the bases of a Config; `Base.Config` is the Config of class `Base`."""
    assert isinstance(config.node, ast.ClassDef)
    for base in config.node.bases:
        written = ast.unparse(base)
        owner = find(config.module, written.removesuffix(f".{CONFIG}"))
        if owner and isinstance(owner.node, ast.ClassDef):
            found = _config(owner) if written.endswith(f".{CONFIG}") else owner
            if found:
                yield found


def _is_option(node: ast.AnnAssign) -> bool:
    assert isinstance(node.target, ast.Name)
    return not node.target.id.startswith(("_", "model_config")) and "ClassVar" not in ast.unparse(node.annotation)


def _option(config: Place, node: ast.AnnAssign, name: str, meaning: str) -> Option:
    annotation, extra = _unwrap(node.annotation)
    fields = [call for call in (node.value, *extra) if isinstance(call, ast.Call) and _callee(call) == "Field"]
    default = _default(node.value)
    described = [ast.literal_eval(k.value) for f in fields for k in f.keywords if k.arg == "description"]
    return Option(
        name=name,
        type=_written(config, annotation),
        default=None if default is None else _written(config, default),
        bounds=", ".join(bound for field in fields for bound in _bounds(config, field)),
        meaning=meaning or " ".join(map(str, described)),
    )


def _unwrap(annotation: ast.expr) -> tuple[ast.expr, list[ast.expr]]:
    """Return the type inside `Annotated[type, …]`, and what else is in it."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Annotated"):
        assert isinstance(annotation.slice, ast.Tuple)
        return annotation.slice.elts[0], annotation.slice.elts[1:]
    return annotation, []


def _default(value: ast.expr | None) -> ast.expr | None:
    """Return the default's expression; `Field()` without one has none."""
    if not (isinstance(value, ast.Call) and _callee(value) == "Field"):
        return value
    keywords = {keyword.arg: keyword.value for keyword in value.keywords}
    if "default_factory" in keywords:
        return ast.Call(keywords["default_factory"], [], [])
    default = value.args[0] if value.args else keywords.get("default")
    return None if isinstance(default, ast.Constant) and default.value is ... else default


def _bounds(config: Place, field: ast.Call) -> Iterator[str]:
    for keyword in field.keywords:
        if keyword.arg in BOUNDS:
            yield f"{BOUNDS[keyword.arg]} {_written(config, keyword.value)}"
        elif keyword.arg in LENGTHS:
            yield LENGTHS[keyword.arg].format(_written(config, keyword.value))


def _written(config: Place, expression: ast.expr) -> str:
    """Return an expression as a reader needs it: names of values replaced by the values, a Literal by its choices."""
    if isinstance(expression, ast.Name | ast.Attribute):
        found = find(config.module, ast.unparse(expression))
        if found and isinstance(found.node, ast.expr):
            return _written(found, found.node)
    if isinstance(expression, ast.Subscript) and ast.unparse(expression.value).endswith("Literal"):
        items = expression.slice.elts if isinstance(expression.slice, ast.Tuple) else [expression.slice]
        return " | ".join(map(_plain, items))
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.BitOr):
        return f"{_written(config, expression.left)} | {_written(config, expression.right)}"
    return _plain(expression)


def _plain(expression: ast.expr) -> str:
    """Return a literal as JSON, where a registry file's reader is at home, and anything else as it stands."""
    try:
        value = ast.literal_eval(expression)
        return ast.unparse(expression) if value is None else json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError):
        return ast.unparse(expression)


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(inspect.cleandoc(node.value.value).split())
    return ""


def _callee(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]
