"""Directory listings in another order, as another file system would give them."""

from __future__ import annotations

import os
import pathlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def shuffled(seed: int) -> Iterator[None]:
    """List directories in an order that depends on the seed: os.listdir, os.scandir, and those of pathlib."""
    source = random.Random(seed)
    patches = [
        mock.patch.object(os, "listdir", _list(os.listdir, source)),
        mock.patch.object(os, "scandir", _scan(os.scandir, source)),
        *(mock.patch.object(pathlib.Path, name, _iterate(getattr(pathlib.Path, name), source)) for name in _PATHLIB),
    ]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()


_PATHLIB = ("iterdir", "glob", "rglob")


def _mixed(rows: Any, source: random.Random) -> list[Any]:
    found = sorted(rows, key=lambda row: getattr(row, "path", str(row)))
    source.shuffle(found)
    return found


def _list(real: Callable[..., Any], source: random.Random) -> Callable[..., Any]:
    def listdir(*args: Any, **kwargs: Any) -> list[Any]:
        return _mixed(real(*args, **kwargs), source)

    return listdir


def _iterate(real: Callable[..., Any], source: random.Random) -> Callable[..., Any]:
    def iterate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        return iter(_mixed(real(*args, **kwargs), source))

    return iterate


class _Scan:
    """What os.scandir returns: an iterator that is a context manager and can be closed."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._rows)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left open."""


def _scan(real: Callable[..., Any], source: random.Random) -> Callable[..., _Scan]:
    def scandir(*args: Any, **kwargs: Any) -> _Scan:
        with real(*args, **kwargs) as rows:
            return _Scan(_mixed(rows, source))

    return scandir
