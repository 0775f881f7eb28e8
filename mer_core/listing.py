"""The utterances of a run, kept beside its predictions: what statistics group by and pages show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mer_core.errors import RunError
from mer_core.files import write_text
from mer_core.types import AudioSpan, Utterance


def write_listing(path: Path, utterances: Sequence[Utterance]) -> None:
    """Write one JSON object a line, in the order of the corpus."""
    write_text(path, "".join(json.dumps(_row(u), ensure_ascii=False) + "\n" for u in utterances))


def read_listing(path: Path) -> list[Utterance]:
    """Read what `write_listing` wrote. Recordings are named, not opened: they may be elsewhere by now.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        return list(_utterances(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunError(f"{path} is missing", hint="Was this run made by an older mer? Run it again.") from None
    except (ValueError, KeyError, TypeError) as cause:
        raise RunError(f"{path} is damaged: {cause}", hint="Run it again with --force.") from cause


def _utterances(text: str) -> Iterator[Utterance]:
    for line in filter(None, text.split("\n")):  # not splitlines: words may hold other line ends
        row: dict[str, Any] = json.loads(line)
        audio = row.pop("audio")
        span = AudioSpan(Path(audio["path"]), audio["start_s"], audio["end_s"]) if audio else None
        yield Utterance(**row, audio=span)


def _row(u: Utterance) -> dict[str, object]:
    span = u.audio and {"path": str(u.audio.path), "start_s": u.audio.start_s, "end_s": u.audio.end_s}
    return {
        "id": u.id,
        "label": u.label,
        "speaker": u.speaker,
        "session": u.session,
        "text": u.text,
        "audio": span,
        "fields": dict(u.fields),
    }
