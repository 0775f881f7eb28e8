"""The layout of a run directory. Imports no torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mer_core.errors import RunError
from mer_core.files import read_json, write_json

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Cell:
    """One fold trained with one seed."""

    seed: int
    fold: str
    folder: Path

    @property
    def predictions(self) -> Path:
        """Predictions of the test fold: written last, so its presence means that the cell is done."""
        return self.folder / "predictions.csv"

    @property
    def selected_on_test(self) -> Path:
        """Predictions of the epoch that is best on the test fold: what selecting on test would have claimed."""
        return self.folder / "selected-on-test.csv"

    @property
    def weights(self) -> Path:
        """Weights of the selected epoch."""
        return self.folder / "weights.safetensors"

    @property
    def history(self) -> Path:
        """Losses of every epoch, WA and UA on test after each, which epoch was selected, digests of predictions."""
        return self.folder / "history.json"


@dataclass(frozen=True, slots=True)
class RunDir:
    """A run directory: `run.json`, `utterances.jsonl`, `report.json`, and one folder per seed and fold."""

    path: Path

    @property
    def utterances(self) -> Path:
        """Every utterance of the run; `mer_core.listing` reads it."""
        return self.path / "utterances.jsonl"

    @property
    def report(self) -> Path:
        """All figures, made from the predictions."""
        return self.path / "report.json"

    def cell(self, seed: int, fold: str) -> Cell:
        """Return the place of one seed and fold."""
        return Cell(seed, fold, self.path / f"seed-{seed}" / f"fold-{fold}")

    def info(self) -> dict[str, Any]:
        """Return run.json: the resolved spec, classes, folds, seeds and provenance.

        Raises:
            RunError: it is missing or damaged.
        """
        if not (self.path / RUN_FILE).is_file():
            self._say_what_it_is()
        info: dict[str, Any] = read_json(self.path / RUN_FILE)
        return info

    def _say_what_it_is(self) -> None:
        """Raise where the place is something else that one may take for a run directory."""
        if self.path.is_file():
            raise RunError(
                f"{self.path} is a file, not a run directory",
                hint="Name a directory that mer run wrote; mer compare also takes predictions in a .csv file.",
            )
        for place in (self.path, self.path / "rows", self.path.parent / "rows"):
            if runs := sorted(place.glob(f"*/{RUN_FILE}")):
                raise RunError(
                    f"{self.path} is not a run directory, {place} has some", hint=f"For example {runs[0].parent}."
                )

    def cells(self) -> Iterator[Cell]:
        """Yield the cells that the run was to have, done or not."""
        info = self.info()
        for seed in info["seeds"]:
            for fold in info["folds"]:
                yield self.cell(seed, fold)


def default_folder(name: str, root: Path = Path("runs")) -> Path:
    """Return a new folder for a run of that name, with the time in it."""
    return root / f"{datetime.now():%Y-%m-%d-%H%M%S}-{name}"


def find_run(
    spec: dict[str, Any], seeds: Sequence[int], only_fold: str | None = None, root: Path = Path("runs")
) -> Path:
    """Return the newest run directory below `root` that was started with this spec, these seeds and this fold.

    Raises:
        RunError: there is none.
    """
    files = sorted(root.glob(f"*/{RUN_FILE}"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files:
        info = RunDir(file.parent).info()
        same = _plain(info.get("spec")) == _plain(spec) and _plain(info.get("seeds")) == list(seeds)
        if same and (only_fold is None or info.get("folds") == [only_fold]):
            return file.parent
    raise RunError(
        f"no run under {root} was started with these options, so there is none to go on with",
        hint="Name its directory with --out DIR, or start anew without --resume.",
    )


def open_run(path: Path, info: dict[str, Any], *, resume: bool, force: bool) -> RunDir:
    """Start a run directory, or go on with one that was started with the same spec and data.

    Raises:
        RunError: it exists and neither `resume` nor `force` is given; or it is of another run; or it is no run
            directory at all, which is never removed.
    """
    check_place(path, resume=resume, force=force)
    run = RunDir(path)
    if _is_run(path):
        if resume:
            _check_same(run.info(), info, path)
            return run
        shutil.rmtree(path)
    write_json(path / RUN_FILE, info)
    return run


def check_place(path: Path, *, resume: bool, force: bool) -> None:
    """Check that `open_run` may write to `path`, before the work that comes first. See there for what is raised."""
    if _is_run(path):
        if not (resume or force):
            raise RunError(
                f"{path} exists", hint="Go on with it: --resume. Replace it: --force. Or choose another: --out DIR."
            )
    elif path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise RunError(f"{path} exists and is not a run directory", hint="Choose another place with --out.")


def _is_run(path: Path) -> bool:
    """Tell whether a directory is a run's: other programs have a run.json too, and nothing of theirs is removed."""
    try:
        info = read_json(path / RUN_FILE)
    except (RunError, OSError):
        return False
    return isinstance(info, dict) and {"spec", "classes", "seeds", "folds"} <= info.keys()


def _check_same(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Compare what decides the result; versions and machine may differ."""
    keys = ("spec", "seeds", "folds", "corpus", "folds_hash")
    differing = [line for key in keys for line in _differences(_plain(before.get(key)), _plain(now.get(key)), key)]
    if differing:
        raise RunError(
            f"{path} was started with other settings\n" + "\n".join(f"  {line}" for line in differing),
            hint="Resume with the options it was started with, or choose another place with --out.",
        )


def _differences(before: object, now: object, path: str) -> Iterator[str]:
    """Yield a line for each value that differs, with its dotted path."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{path}.{key}")
    elif before != now:
        yield f"{path.removeprefix('spec.')}: {before} before, {now} now"


def _plain(value: Any) -> Any:
    """Return the value as it would be read back, tuples as lists."""
    return json.loads(json.dumps(value))
