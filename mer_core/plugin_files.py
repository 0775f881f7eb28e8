"""Plugin modules that are files of their own, as `[plugins] files` of a registry names them. Imports no torch."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from mer_core.sources import Module

_FROM_FILE = "__mer_plugin_file__"


def parse_file(path: Path, among: Sequence[Path]) -> Module:
    """Parse a plugin file, one of `among`, without running it.

    Raises:
        ImportError, OSError, SyntaxError: it cannot be a plugin file.
    """
    same = [str(other) for other in among if other.stem == path.stem]
    if len(same) > 1:  # a descriptor's "my_fusion:Gated" could mean either
        raise ImportError(f"plugin files {' and '.join(same)} have one name: rename one of them")
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix != ".py":
        raise ImportError("its name does not end in .py")
    return Module(path.stem, path, ast.parse(path.read_bytes(), filename=str(path)), is_package=False)


def module_from_file(path: Path) -> ModuleType:
    """Import a plugin file under its own stem, so that its descriptors may say `"my_fusion:Gated"`.

    Raises:
        ImportError: a module of that name is there already; and whatever the file raises.
    """
    place = path.resolve()
    loaded = sys.modules.get(path.stem)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "").resolve() == place:
        return loaded
    if not hasattr(loaded, _FROM_FILE) and _names_another(path):
        raise ImportError(f"its name is also that of the module {path.stem}: rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "parse_file has checked the suffix"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    setattr(module, _FROM_FILE, str(place))
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
