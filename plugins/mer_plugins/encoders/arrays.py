"""Arrays by name in one file: NumPy's .npz, safetensors, or HDF5. Read one at a time; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import is_zipfile

import numpy as np
from jaxtyping import Shaped
from safetensors import safe_open

from mer_core.data.audio import audio_digest
from mer_core.errors import DataError, SpecError


class Opened(NamedTuple):
    """An open file: the names of its arrays, and how one is read."""

    names: Iterable[str]
    read: Callable[[str], Any]


class Arrays:
    """The arrays of a file, looked up by name.

    Args:
        path: the file; its suffix says the format.
        place: the option that names it, for errors.

    Raises:
        SpecError: there is no such file, its format is not known, it is damaged, or it holds no array.
    """

    def __init__(self, path: Path, *, place: str) -> None:
        self.path, self.place = path.expanduser(), place
        self._check()
        if not self.names:
            raise SpecError(f"{place}: {self.path} holds no array", hint="It needs one for each utterance.")

    def __getstate__(self) -> dict[str, object]:
        """Be copied and sent as a path: an open file cannot be."""
        return {"path": self.path, "place": self.place}

    @property
    def digest(self) -> str:
        """A hash of the file's content."""
        return audio_digest(self.path)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the arrays."""
        return frozenset(self._opened.names)

    def read(self, name: str) -> Shaped[np.ndarray, "..."]:
        """Return an array.

        Raises:
            KeyError: there is none of that name.
            DataError: it cannot be read, for example because it would have to be unpickled.
        """
        if name not in self.names:
            raise KeyError(name)
        try:
            return np.asarray(self._opened.read(name))
        except Exception as error:  # each format has its own error classes
            raise DataError(f'array "{name}" of {self.path} cannot be read: {error}', hint=_WRITE_AGAIN) from error

    @cached_property
    def _opened(self) -> Opened:
        return FORMATS[self.path.suffix](self.path)

    def _check(self) -> None:
        if self.path.suffix not in FORMATS:
            raise SpecError(
                f'{self.place}: the format of {self.path} is not known by "{self.path.suffix}"',
                hint=f"Give a file that ends in {', '.join(FORMATS)}.",
            )
        if not self.path.is_file():
            raise SpecError(
                f"{self.place}: there is no file {self.path}",
                hint="Give the path of the features, from here or from /.",
            )
        try:
            self._opened  # noqa: B018 - opens it
        except ImportError as error:
            raise SpecError(
                f"{self.place}: {self.path} is an HDF5 file, and h5py is not installed",
                hint="Install what it needs: pip install 'mer-core[hdf5]'",
            ) from error
        except Exception as error:  # each format has its own error classes; every one means a damaged file
            raise SpecError(f"{self.place}: {self.path} cannot be read: {error}", hint=_WRITE_AGAIN) from error


def _npz(path: Path) -> Opened:
    if not is_zipfile(path):  # NumPy would take it for a pickle, and advise to load it as one
        raise ValueError("it is not what numpy.savez writes")
    file = np.load(path, allow_pickle=False)

    def read(name: str) -> Any:
        try:
            return file[name]
        except ValueError as error:
            raise ValueError("it holds Python objects" if "allow_pickle" in str(error) else error) from error

    return Opened(file.files, read)


def _safetensors(path: Path) -> Opened:
    file: Any = safe_open(path, framework="pt")  # NumPy has no bfloat16
    return Opened(file.keys(), lambda name: file.get_tensor(name).float().numpy())


def _hdf5(path: Path) -> Opened:
    import h5py  # an extra

    file, names = h5py.File(path), []
    file.visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
    return Opened(names, lambda name: file[name][()])


FORMATS: dict[str, Callable[[Path], Opened]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
}
_WRITE_AGAIN = "Write it again, as numbers: numpy.savez, safetensors or h5py."
