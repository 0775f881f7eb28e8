"""The demo corpus on disk, in the layout of the IEMOCAP release with the oddities that a reader meets there (ours)."""

from __future__ import annotations

import csv
import glob
import json
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from mer_core.errors import DataError
from mer_plugins.corpora.demo_script import Line
from mer_plugins.corpora.demo_text import evaluation, rater_files, transcript
from mer_plugins.corpora.espeak import speak

FORMAT = 1
"""To be raised when what is written for the same lines changes: layout, resampling, the definition of a voice."""
SAMPLE_RATE_HZ = 16000
STRATA = "strata.csv"
CONTENTS = "contents.json"
_APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "  # how a macOS copy begins its ._ files
_STALE_S = 24 * 3600
_ANOTHER_PLACE = "Name a folder that is new or empty: --data demo:DIR"


def write_tree(lines: Sequence[Line], folder: Path, *, key: str) -> None:
    """Speak and write the lines aside and rename the whole tree to `folder`, which then is there in full or not at all.

    Two processes may do so at once: the first to finish wins, and the other's tree would have been the same.

    Args:
        lines: what is said, in the order of sessions, dialogs and time.
        folder: where the tree goes; absent or empty.
        key: what the tree is made from; `check_tree` asks for it again.

    Raises:
        DataError: it cannot be written there, for example because the disk is full.
        PluginError: eSpeak NG is not installed.
    """
    partial = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        partial.mkdir(parents=True)
        _remove_stale(folder)
        _write_all(lines, partial)
        _write_contents(partial, key)
        _rename(partial, folder)
    except (OSError, soundfile.LibsndfileError) as error:
        raise DataError(
            f"the demo corpus cannot be written to {folder}: {error}",
            hint="It needs about 60 MB. Free some space, or name another place: MER_CACHE=DIR or --data demo:DIR",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_tree(folder: Path, *, key: str) -> None:
    """Return if `folder` is the tree that `write_tree` made from `key`, with every file in its full length.

    Raises:
        DataError: it is not, or no longer.
    """
    made_from, expected = _contents(folder)
    if made_from != key:
        raise DataError(
            f"{folder} holds another demo corpus: it was made from {made_from}, not {key}", hint=_ANOTHER_PLACE
        )
    sizes = dict(_sizes(folder))
    for name, size in expected.items():
        if sizes.get(name) != size:
            state = "is missing" if name not in sizes else f"has {sizes[name]} bytes, not {size}"
            raise DataError(
                f"the demo corpus in {folder} is damaged: {name} {state}",
                hint="Remove that folder, and the corpus is made again.",
            )


def _contents(folder: Path) -> tuple[str, dict[str, int]]:
    """Return what the tree was made from, and the size of each of its files in bytes."""
    try:
        contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        return contents["key"], contents["bytes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is not a demo corpus: it has no readable {CONTENTS}", hint=_ANOTHER_PLACE) from error


def _write_all(lines: Sequence[Line], root: Path) -> None:
    for dialog, turns in groupby(lines, key=lambda line: line.dialog):
        _write_dialog(dialog, list(turns), root)
    with (root / STRATA).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("id", "stratum", "words", "voice", "label"))
        four_classes = (line for line in lines if line.cell.stratum != "other")
        rows.writerows((x.id, x.cell.stratum, x.cell.words, x.cell.voice, x.cell.label) for x in four_classes)


def _write_dialog(dialog: str, turns: Sequence[Line], root: Path) -> None:
    session = root / f"Session{turns[0].session}"
    recordings = session / "sentences" / "wav" / dialog
    recordings.mkdir(parents=True)
    spans, clock_s = list[tuple[float, float]](), 5.0
    for line in turns:
        wave = _spoken(line)
        soundfile.write(recordings / f"{line.id}.wav", wave, SAMPLE_RATE_HZ, subtype="PCM_16")
        start_s = clock_s + line.pause_s
        clock_s = start_s + len(wave) / SAMPLE_RATE_HZ
        spans.append((start_s, clock_s))
    texts = {f"EmoEvaluation/{dialog}.txt": evaluation(turns, spans)}
    texts |= {f"transcriptions/{dialog}.txt": transcript(turns, spans)}
    texts |= {f"EmoEvaluation/{name}": text for name, text in rater_files(turns, spans).items()}
    for name, text in texts.items():
        _write_text(session / "dialog" / name, text)
    for folder in ("EmoEvaluation", "transcriptions"):
        (session / "dialog" / folder / f"._{dialog}.txt").write_bytes(_APPLE_DOUBLE)


def _spoken(line: Line) -> npt.NDArray[np.int16]:
    """Return [samples] at 16 kHz."""
    from scipy.signal import resample_poly

    how = line.prosody
    wave, rate_hz = speak(
        line.spoken,
        voice=line.speaker,
        rate_wpm=how.rate_wpm,
        pitch=how.pitch,
        pitch_range=how.pitch_range,
        volume=how.volume,
    )
    resampled = resample_poly(wave.astype(np.float64), SAMPLE_RATE_HZ, rate_hz)
    return np.clip(np.rint(resampled * 32767.0), -32768, 32767).astype(np.int16)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_contents(root: Path, key: str) -> None:
    contents = {"key": key, "bytes": dict(sorted(_sizes(root)))}
    _write_text(root / CONTENTS, json.dumps(contents, indent=0) + "\n")


def _sizes(root: Path) -> Iterator[tuple[str, int]]:
    for path in root.rglob("*"):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path.stat().st_size


def _rename(partial: Path, folder: Path) -> None:
    try:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        partial.rename(folder)
    except OSError:
        if not (folder / CONTENTS).is_file():  # else another process was faster
            raise


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left beside `folder`; a living one is never a day old."""
    for partial in folder.parent.glob(f".{glob.escape(folder.name)}.*.partial"):
        if time.time() - partial.stat().st_mtime > _STALE_S:
            shutil.rmtree(partial, ignore_errors=True)
