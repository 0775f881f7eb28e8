"""What `prepare` gives, kept on disk by content: computed once, shared by folds, seeds, runs and processes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import platformdirs
import torch
from pydantic import ByteSize, TypeAdapter, ValidationError
from safetensors.torch import save
from torch import Tensor

from mer_core.data.packs import PackWriter, Place, index_file, map_pack, pack_file, read_lines
from mer_core.errors import RunError, SpecError
from mer_core.types import Prepared

DEFAULT_LIMIT = "50GB"
PACK_BYTES = 2**28
"""Size at which a pack is closed; what is removed for want of room is removed by packs."""
FLUSH_S = 2.0
"""How long what was prepared may wait before others can see it; a kill costs no more than that."""
REFRESH_S = 1.0
_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


@runtime_checkable
class Store(Protocol):
    """Where prepared items are kept by key."""

    refused: int
    """Items that were not kept for want of room."""

    def get(self, key: str) -> Prepared | None:
        """Return the item of that key, or None."""
        ...

    def put(self, key: str, item: Prepared, *, of: str = "") -> None:
        """Keep an item, `of` whatever people call it by."""
        ...

    def flush(self) -> None:
        """Let other processes see what was kept."""
        ...


class NoStore:
    """Keeps nothing: every item is prepared each time it is needed (`--no-cache`)."""

    refused = 0

    def get(self, key: str) -> Prepared | None:
        """Return None."""

    def put(self, key: str, item: Prepared, *, of: str = "") -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


class FeatureStore:
    """A folder of pack files, read through memory maps. Several processes may read and write it at once.

    Items of the least recently used packs give way where `limit_bytes` would be passed; those this store has used never
    do, so where they alone fill it, further items are not kept (`refused` counts them).

    Args:
        folder: where the packs are.
        limit_bytes: size of all packs at most; None: no limit.
    """

    def __init__(self, folder: Path, *, limit_bytes: int | None = None) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.refused = 0
        self._forget()

    def _forget(self) -> None:
        self._places: dict[str, Place] = {}
        self._read_to: dict[str, int] = {}
        self._maps: dict[str, Tensor] = {}
        self._used: set[str] = set()
        self._writer: PackWriter | None = None
        self._bytes = 0
        self._refreshed_s = -REFRESH_S

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process without what is open here."""
        return {"folder": self.folder, "limit_bytes": self.limit_bytes, "refused": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin anew in another process."""
        self.__dict__.update(state)
        self._forget()

    def get(self, key: str) -> Prepared | None:
        """Return the item of that key, or None; its tensors are views of a memory map, not to be written to."""
        if key not in self._places:
            self._refresh()
        place = self._places.get(key)
        if place is None:
            return None
        try:
            item = views(self._mapped(place)[place.offset : place.offset + place.size])
        except (RuntimeError, ValueError):  # gone or damaged
            del self._places[key]
            return None
        self._use(place.pack)
        return item

    def put(self, key: str, item: Prepared, *, of: str = "") -> None:
        """Keep an item.

        Raises:
            RunError: the disk is full, or the folder cannot be written to; what was kept before stays usable.
        """
        # A clone where two names share memory: safetensors refuses aliases.
        data = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in item.items()}, {"of": of})
        with self._told():
            writer = self._writer_for(len(data))
            if writer is None:
                self.refused += 1
                return
            before = writer.end
            self._places[key] = writer.append(key, data)
            self._bytes += writer.end - before
            if writer.waiting_s > FLUSH_S:
                writer.flush()

    def flush(self) -> None:
        """Let other processes see what was kept, and go on with its pack.

        Raises:
            RunError: the disk is full.
        """
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._told():
                writer.close()

    def _refresh(self) -> None:
        """Read what indexes say that was not read yet, at most once in a while."""
        if time.monotonic() - self._refreshed_s < REFRESH_S:
            return
        self._refreshed_s = time.monotonic()
        for path in sorted(self.folder.glob("*.index")):
            lines, self._read_to[path.stem] = read_lines(self.folder, path.stem, self._read_to.get(path.stem, 0))
            for line in lines:
                if line.place.size:
                    self._places[line.key] = line.place
                elif (known := self._places.get(line.key)) and known == replace(line.place, size=known.size):
                    del self._places[line.key]

    def _mapped(self, place: Place) -> Tensor:
        mapped = self._maps.get(place.pack)
        if mapped is None or len(mapped) < place.offset + place.size:
            mapped = self._maps[place.pack] = map_pack(self.folder, place.pack, place.offset + place.size)
        return mapped

    def _use(self, pack: str) -> None:
        """Note that a pack is in use, in its time of change too: the oldest gives way first."""
        if pack not in self._used:
            self._used.add(pack)
            with suppress(OSError):  # a folder that can only be read
                os.utime(index_file(self.folder, pack))

    def _writer_for(self, size: int) -> PackWriter | None:
        """Return the writer to append with, or None where there is no room within the limit."""
        if self._writer is None:
            self._bytes = sum(pack_sizes(self.folder).values())
        if self.limit_bytes is not None and self._bytes + size > self.limit_bytes:
            self._bytes -= evict(self.folder, self._bytes + size - self.limit_bytes, spare=self._used)
            if self._bytes + size > self.limit_bytes:
                return None
        pack_bytes = PACK_BYTES if self.limit_bytes is None else min(PACK_BYTES, self.limit_bytes // 8)
        if self._writer is not None and self._writer.end > pack_bytes:
            self._writer.close()
            self._writer = None
        if self._writer is None:
            self._writer = PackWriter(self.folder, room=pack_bytes)
            self._use(self._writer.name)
        return self._writer

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as cause:
            raise RunError(
                f"the cache {self.folder} could not be written: {cause.strerror or cause}",
                hint="Make room (mer cache clear), set MER_CACHE to another place, or run with --no-cache.",
            ) from cause


def views(data_N: Tensor) -> Prepared:
    """Return the tensors of a safetensors file that lies in memory as bytes, without copying them.

    Raises:
        ValueError: it is damaged.
    """
    if len(data_N) < 8:
        raise ValueError("it has no header")
    start = 8 + int.from_bytes(data_N[:8].numpy().tobytes(), "little")
    if start > len(data_N):
        raise ValueError("its header is longer than it is")
    try:
        header = json.loads(data_N[8:start].numpy().tobytes())
        header.pop("__metadata__", None)
        return {name: _view(data_N[start:], **of_one) for name, of_one in header.items()}
    except (KeyError, TypeError, AttributeError, RuntimeError) as cause:
        raise ValueError(f"its header makes no sense: {cause}") from cause


def _view(data_N: Tensor, *, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    start, stop = data_offsets
    return data_N[start:stop].view(_TYPES[dtype]).view(shape)


def pack_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each pack by its name, the least recently used first."""
    found = []
    for path in folder.glob("*.pack"):
        with suppress(FileNotFoundError):  # another process removed it just now
            status = path.stat()
            index = index_file(folder, path.stem)
            used_ns = max(status.st_mtime_ns, index.stat().st_mtime_ns if index.exists() else 0)
            found.append((used_ns, path.stem, status.st_size))
    return {name: size for _, name, size in sorted(found)}


def evict(folder: Path, num_bytes: int, *, spare: set[str]) -> int:
    """Remove packs, the least recently used first, until that many bytes are free; return how many are."""
    freed = 0
    for name, size in pack_sizes(folder).items():
        if freed >= num_bytes:
            break
        if name not in spare:
            remove_pack(folder, name)
            freed += size
    return freed


def remove_pack(folder: Path, name: str) -> None:
    """Remove a pack; who has it mapped keeps what it has."""
    with suppress(OSError):  # first the index: what it speaks of must be there
        index_file(folder, name).unlink(missing_ok=True)
        pack_file(folder, name).unlink(missing_ok=True)


def cache_root() -> Path:
    """Return the folder of everything mer keeps between runs: `MER_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("MER_CACHE") or platformdirs.user_cache_dir("mer"))


def cache_limit() -> ByteSize:
    """Return how large the cache of prepared items may grow: `MER_CACHE_LIMIT`, such as `200GB`, else 50 GB.

    Raises:
        SpecError: the variable is no size.
    """
    text = os.environ.get("MER_CACHE_LIMIT") or DEFAULT_LIMIT
    try:
        return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError as cause:
        raise SpecError(f"MER_CACHE_LIMIT is {text!r}, which is no size", hint="Write it as 200GB or 800MB.") from cause


def default_store() -> FeatureStore:
    """Return the store that all runs of a user share."""
    return FeatureStore(cache_root() / "prepared", limit_bytes=cache_limit())


def chosen_store(*, no_cache: bool) -> Store:
    """Return the store that all runs of a user share, or one that keeps nothing."""
    return NoStore() if no_cache else default_store()
