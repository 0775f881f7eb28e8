"""Whether a module of plugins supports this version of the plugin API. Imports no torch.

A module says what it supports with one line, `MER_API = ">=1,<2"` (a version specifier, PEP 440); without it, it is
taken to support every version. The line is read from the source before the module is imported: a module for another
version could fail in any way.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from mer_core import API_VERSION
from mer_core.errors import PluginError
from mer_core.sources import Module, find

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

NAME = "MER_API"
Age = Literal["newer API", "older API"]


class ApiError(PluginError):
    """A module of plugins supports other versions of the API.

    Args:
        supported: the versions it supports.
        age: whether it is for a newer or an older version than this one.
    """

    def __init__(self, supported: str, age: Age) -> None:
        remedy = "upgrade mer-core" if age == "newer API" else "upgrade the plugin"
        super().__init__(f"it supports plugin API {supported}, and this is {API_VERSION}: {remedy}")
        self.age: Age = age


def check_api(module: Module | None) -> None:
    """Check what a parsed module says of the API; one without source or without a word of it passes.

    Raises:
        ApiError: it supports other versions only.
        PluginError: what it says is not a version specifier.
    """
    place = find(module, NAME) if module is not None else None
    if place is None:
        return
    text = ast.unparse(place.node)
    try:
        specifiers = _specifiers(ast.literal_eval(place.node))
    except (ValueError, TypeError) as cause:
        raise PluginError(f'{NAME} = {text} is not a version specifier, such as ">=1,<2"') from cause
    if not specifiers.contains(API_VERSION):
        raise ApiError(str(ast.literal_eval(place.node)), _age(specifiers))


def _specifiers(text: object) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet  # only where a module asks for it: 0.01 s

    if not isinstance(text, str):
        raise TypeError(text)
    return SpecifierSet(text)  # InvalidSpecifier is a ValueError


def _age(specifiers: SpecifierSet) -> Age:
    from packaging.version import Version

    lowest = (Version(s.version.removesuffix(".*")) for s in specifiers if s.operator in (">=", ">", "~=", "=="))
    return "newer API" if any(version >= Version(API_VERSION) for version in lowest) else "older API"
