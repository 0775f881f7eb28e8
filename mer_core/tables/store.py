"""Where the rows of tables are kept: one run directory for each pipeline, shared by every table that has it.

Any number of processes may work on one store. Who opens rows or makes tables holds the lock of the store; who trains a
cell holds the lock of that cell. Locks are the operating system's, so they end with their process, however it dies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mer_core.errors import RunError
from mer_core.files import read_json, write_json
from mer_core.listing import write_listing
from mer_core.rundir import RUN_FILE, Cell, RunDir
from mer_core.types import Utterance

TABLE_FILE = "table.json"
_DECIDING = ("spec", "corpus", "folds_hash")
"""What of run.json decides the predictions of a seed."""


@dataclass(frozen=True, slots=True)
class TableStore:
    """A folder of tables and their rows."""

    path: Path

    @property
    def rows(self) -> Path:
        """The folder of the run directories."""
        return self.path / "rows"

    def folder(self, info: Mapping[str, Any]) -> Path:
        """Return the run directory of a row: named by its parts, and by a hash of all that decides its predictions.

        Args:
            info: as run.json has it.
        """
        spec = info["spec"] | {"summary": "", "protocol": info["spec"]["protocol"] | {"use": "", "summary": ""}}
        parts = [*sorted(spec["encoders"]), spec["fusion"]["use"], *(task["use"] for task in spec["aux"])]
        deciding = {key: info[key] for key in _DECIDING} | {"spec": spec}
        digest = hashlib.blake2b(json.dumps(deciding, sort_keys=True).encode(), digest_size=5).hexdigest()
        return self.rows / "-".join([*parts, digest])

    def open_row(self, info: dict[str, Any], utterances: Sequence[Utterance]) -> RunDir:
        """Return the run directory of a row, made where it is not there, its seeds those of `info`.

        Only who holds the store's lock may call this.
        """
        run = RunDir(self.folder(info))
        with suppress(RunError):  # of a process that was killed before it wrote the file
            info = read_json(run.path / RUN_FILE) | {"seeds": info["seeds"]}
        write_json(run.path / RUN_FILE, info)
        write_listing(run.utterances, utterances)
        return run

    def table(self, name: str) -> Path:
        """Return the file that holds all of a table."""
        return self.path / f"table-{name}" / TABLE_FILE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the store, waiting for it."""
        with _lock(self.path / ".lock"):
            yield


@contextmanager
def cell_locked(cell: Cell, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a cell, and yield whether it is held: without `wait`, another process may have it."""
    lock = _lock(cell.folder.with_name(f".{cell.folder.name}.lock"))
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)
