"""Pack files: prepared items end to end in one file, and beside it an index that says where each lies.

`NAME.pack` holds items in the safetensors format. `NAME.index` has a line per item: key, offset, size, digest. An item
counts once its line is there, and the line is written after the item has reached the disk. So a writer that is killed,
or a machine that goes down, leaves at most bytes that no line speaks of. Both files only ever grow.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

try:
    import fcntl
except ImportError:  # Windows: every writer has a pack of its own
    fcntl = None  # type: ignore[assignment]

ALIGNED = 64
"""Items begin at multiples of this, so that a view of any type can be made."""
MAX_TRIED = 8
_HOST = re.sub(r"\W", "", platform.node()) or "host"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item lies: bytes `offset` to `offset + size` of a pack."""

    pack: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an index. Size 0 takes back what was said of the key at this offset."""

    key: str
    place: Place
    digest: str

    def text(self) -> str:
        """Return the line as it is written."""
        return f"{self.key} {self.place.offset} {self.place.size} {self.digest}\n"


def digest_of(data: bytes) -> str:
    """Return the BLAKE2b of an item, 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def pack_file(folder: Path, name: str) -> Path:
    """Return the file that holds the items."""
    return folder / f"{name}.pack"


def index_file(folder: Path, name: str) -> Path:
    """Return the file that says where they are."""
    return folder / f"{name}.index"


def read_lines(folder: Path, name: str, start: int = 0) -> tuple[list[Line], int]:
    """Return the whole lines of an index from byte `start` on, and the byte after the last of them."""
    try:
        with index_file(folder, name).open("rb") as file:
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        return [], start
    whole = data[: data.rfind(b"\n") + 1]
    return list(_parsed(name, whole)), start + len(whole)


def _parsed(name: str, data: bytes) -> Iterator[Line]:
    for text in data.decode("ascii", "replace").splitlines():
        match text.split(" "):
            case [key, offset, size, digest] if offset.isdecimal() and size.isdecimal():
                yield Line(key, Place(name, int(offset), int(size)), digest)


def retract(folder: Path, lines: Iterable[Line]) -> None:
    """Take back what indexes say; what they speak of then counts as absent.

    Raises:
        OSError: an index cannot be written to.
    """
    for line in lines:
        back = replace(line, place=replace(line.place, size=0))
        with index_file(folder, line.place.pack).open("ab", buffering=0) as file:
            file.write(back.text().encode())


def map_pack(folder: Path, name: str, size: int) -> Tensor:
    """Return the first `size` bytes of a pack or more, memory-mapped; no file stays open.

    Raises:
        RuntimeError: the file has gone, or is shorter.
    """
    path = pack_file(folder, name)
    there = path.stat().st_size if path.is_file() else size
    return torch.from_file(str(path), shared=False, size=max(size, there), dtype=torch.uint8)


class PackWriter:
    """Appends items to one pack, which no other writer appends to meanwhile.

    Args:
        folder: where packs are; it is made where it is not there.
        room: only a pack smaller than this is gone on with; else a new one is begun.

    Raises:
        OSError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, room: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name, self._data = self._free_pack(room)
        self._index = os.open(index_file(folder, self.name), os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o644)
        self._end_torn_line()
        self.end = os.fstat(self._data).st_size
        self._pending: list[Line] = []
        self._unsynced_since: float | None = None

    def append(self, key: str, data: bytes) -> Place:
        """Write an item behind the last and return its place; its line follows with `flush`.

        Raises:
            OSError: the disk is full, as a rule; the pack is then as it was before.
        """
        offset = -(-self.end // ALIGNED) * ALIGNED
        try:
            _write(self._data, b"\0" * (offset - self.end) + data)
        except OSError:
            os.ftruncate(self._data, self.end)
            raise
        self.end = offset + len(data)
        place = Place(self.name, offset, len(data))
        self._pending.append(Line(key, place, digest_of(data)))
        self._unsynced_since = self._unsynced_since or time.monotonic()
        return place

    @property
    def waiting_s(self) -> float:
        """How long the oldest item has been waiting for its line."""
        return time.monotonic() - self._unsynced_since if self._unsynced_since is not None else 0.0

    def flush(self) -> None:
        """Make sure that the items are on the disk, then write their lines.

        Raises:
            OSError: the disk is full, as a rule; the index is then as it was before.
        """
        if not self._pending:
            return
        os.fsync(self._data)
        before = os.fstat(self._index).st_size
        try:
            _write(self._index, "".join(line.text() for line in self._pending).encode())
        except OSError:
            os.ftruncate(self._index, before)
            raise
        self._pending, self._unsynced_since = [], None

    def close(self) -> None:
        """Flush, and let others go on with the pack."""
        try:
            self.flush()
        finally:
            os.close(self._data)
            os.close(self._index)

    def _free_pack(self, room: int) -> tuple[str, int]:
        """Return the name and descriptor of a pack that is this writer's alone as long as it is open."""
        if fcntl is not None:
            own = sorted(self.folder.glob(f"{_HOST}-*.pack"), reverse=True)  # locks may not reach other hosts
            for path in [path for path in own if path.stat().st_size < room][:MAX_TRIED]:
                descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
                if _locked(descriptor):
                    return path.stem, descriptor
                os.close(descriptor)
        name = f"{_HOST}-{time.time_ns():x}-{secrets.token_hex(4)}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND
        descriptor = os.open(pack_file(self.folder, name), flags, 0o644)
        if fcntl is not None and not _locked(descriptor):  # another was quicker to find it
            os.close(descriptor)
            return self._free_pack(room)
        return name, descriptor

    def _end_torn_line(self) -> None:
        """Close the line that a killed writer may have left unfinished; nobody reads it."""
        size = os.fstat(self._index).st_size
        if size and os.pread(self._index, 1, size - 1) != b"\n":
            _write(self._index, b"\n")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: a new pack has a name that no other writer has
        return os.fstat(descriptor).st_size == 0
    return True


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
