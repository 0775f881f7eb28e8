"""What is in a store of prepared items: how much, whether it is sound, and away with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mer_core.data.packs import Line, digest_of, pack_file, read_lines, retract
from mer_core.data.store import pack_sizes, remove_pack
from mer_core.errors import RunError


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """How much a store holds: items, the packs they are in, and bytes on the disk."""

    items: int
    packs: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """An item whose content is not what was written: what it is of, where known, its key and its pack."""

    of: str
    key: str
    pack: Path


def info(folder: Path) -> CacheInfo:
    """Return how much there is; nothing where the folder is missing."""
    sizes = pack_sizes(folder)
    items = {line.key for name in sizes for line in _standing(folder, name)}
    return CacheInfo(len(items), len(sizes), sum(sizes.values()))


def clear(folder: Path) -> CacheInfo:
    """Remove every item and return what there was. A run that is at work prepares again what it still needs."""
    there = info(folder)
    for name in pack_sizes(folder):
        remove_pack(folder, name)
    left = pack_sizes(folder)
    if left:
        raise RunError(f"{len(left)} packs in {folder} could not be removed", hint="Are they yours to remove?")
    return there


def verify(folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> tuple[int, list[Damaged]]:
    """Read every item, take back those that are not what was written, and return how many are sound and the damaged.

    A damaged item is prepared again by the next run that needs it.

    Args:
        folder: where the packs are.
        progress: told how many of how many bytes are read.

    Raises:
        RunError: an index could not be written to.
    """
    sound, damaged, read_bytes = 0, [], 0
    sizes = pack_sizes(folder)
    for name in sizes:
        for line in _standing(folder, name):
            data = _bytes(folder, line)
            if len(data) == line.place.size and digest_of(data) == line.digest:
                sound += 1
            else:
                damaged.append((line, Damaged(_of(data), line.key, pack_file(folder, name))))
            read_bytes += line.place.size
            progress(read_bytes, sum(sizes.values()))
    try:
        retract(folder, [line for line, _ in damaged])
    except OSError as cause:
        raise RunError(
            f"{len(damaged)} damaged items in {folder} could not be removed: {cause.strerror}", hint="mer cache clear"
        ) from cause
    return sound, [found for _, found in damaged]


def _standing(folder: Path, name: str) -> Iterator[Line]:
    """Yield the lines of an index that were not taken back."""
    lines, _ = read_lines(folder, name)
    back = {(line.key, line.place.offset) for line in lines if not line.place.size}
    yield from (line for line in lines if line.place.size and (line.key, line.place.offset) not in back)


def _bytes(folder: Path, line: Line) -> bytes:
    try:
        with pack_file(folder, line.place.pack).open("rb") as file:
            file.seek(line.place.offset)
            return file.read(line.place.size)
    except FileNotFoundError:
        return b""


def _of(data: bytes) -> str:
    """Return what an item says it is of, or nothing where its header is damaged."""
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return str(header["__metadata__"]["of"])
    except (ValueError, KeyError, TypeError):
        return ""
