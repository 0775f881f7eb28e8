"""IEMOCAP (Busso et al. 2008, Language Resources and Evaluation 42), read from the release as USC ships it."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from mer_core.config import PluginConfig
from mer_core.errors import DataError, suggest
from mer_core.types import AudioSpan, Utterance
from mer_plugins.corpora.iemocap_counts import class_counts
from mer_plugins.corpora.iemocap_format import RATER_LABELS, RAW_LABELS, Turn, parse_evaluation, parse_transcript, tidy

_EVALUATION = Path("dialog/EmoEvaluation")
_TRANSCRIPTS = Path("dialog/transcriptions")


class Iemocap:
    """The labelled utterances of IEMOCAP: by default 5,531 of four classes, happy and excited apart.

    Each utterance has its wav file (not opened here: a missing one is named when it is loaded), its words (`""` where
    the transcript is empty, None where the transcript has no line for it), its label, `speaker` (session and who
    speaks, `Ses01F`), `session` (`"1"`), and the fields `dialog`, `scenario` (what is played, the same in every
    session: `impro03`, `script01_1`), `kind` (`improvised` or `scripted`), `raw_label`, `start_s`, `end_s` (in the
    dialog), `valence`, `activation`, `dominance` (1 to 5), and `raters`: the categories that each outside rater
    chose, joined by `/`, the raters joined by `;`.

    Source: C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan,
    "IEMOCAP: interactive emotional dyadic motion capture database", Language Resources and Evaluation 42, 2008.

    Differs from the paper: four classes by default, happy and excited as one; tags such as `[LAUGHTER]` are taken out
    of the words; motion capture and video are not read.
    """

    class Config(PluginConfig):
        """Options of the reader."""

        path: Path
        """The folder that holds Session1 to Session5."""
        labels: dict[str, str] = Field(
            default={"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu", "sad": "sad"}, min_length=1
        )
        """From the label in the corpus to the class it counts as; utterances with any other label are left out."""
        keep_tags: bool = False
        """Keep `[LAUGHTER]` and its like in the text. They are heard, not said, and nearly give the label away."""

        @field_validator("labels")
        @classmethod
        def _known(cls, labels: dict[str, str]) -> dict[str, str]:
            for name in labels:
                if name not in RAW_LABELS:
                    known = ", ".join(RAW_LABELS)
                    raise ValueError(f'"{name}" is no label of IEMOCAP{suggest(name, RAW_LABELS)}. Known: {known}')
            return labels

    def __init__(self, config: Config) -> None:
        self.config = config
        self.path = config.path.expanduser()

    @property
    def class_of(self) -> dict[str, str]:
        """From a category of the raters (`Neutral state`) to the class that its label (`neu`) counts as."""
        labels = self.config.labels
        return {category: labels[label] for category, label in RATER_LABELS.items() if label in labels}

    def read(self) -> list[Utterance]:
        """Return the utterances sorted by id.

        Raises:
            DataError: no such directory, not IEMOCAP, or a file of it is missing, damaged or there twice.
        """
        found: dict[str, Utterance] = {}
        for session in _sessions(self.path):
            for evaluation in _evaluations(session):
                for utterance in self._dialog(session, evaluation):
                    if utterance.id in found:
                        raise DataError(
                            f"utterance {utterance.id} appears twice, the second time in {evaluation}",
                            hint="Remove the copied file.",
                        )
                    found[utterance.id] = utterance
        return [found[name] for name in sorted(found)]

    def published_counts(self) -> dict[str, dict[str, int]]:
        """Return the utterances of the full release by session and class; `{}` where a label without counts is used."""
        return class_counts(self.config.labels)

    def _dialog(self, session: Path, evaluation: Path) -> list[Utterance]:
        words = _transcript(session / _TRANSCRIPTS / evaluation.name)
        turns = parse_evaluation(_decode(evaluation), str(evaluation))
        return [
            self._utterance(session, turn, words.get(turn.id)) for turn in turns if turn.label in self.config.labels
        ]

    def _utterance(self, session: Path, turn: Turn, words: str | None) -> Utterance:
        return Utterance(
            id=turn.id,
            audio=AudioSpan(session / "sentences" / "wav" / turn.dialog / f"{turn.id}.wav"),
            text=None if words is None else tidy(words, keep_tags=self.config.keep_tags),
            label=self.config.labels[turn.label],
            speaker=turn.speaker,
            session=turn.session,
            fields=_fields(turn),
        )


def _fields(turn: Turn) -> dict[str, str]:
    valence, activation, dominance = turn.ratings
    return {
        "dialog": turn.dialog,
        "scenario": turn.scenario,
        "kind": "improvised" if turn.scenario.startswith("impro") else "scripted",
        "raw_label": turn.label,
        "start_s": turn.start_s,
        "end_s": turn.end_s,
        "valence": valence,
        "activation": activation,
        "dominance": dominance,
        "raters": turn.raters,
    }


def _evaluations(session: Path) -> list[Path]:
    """Return the evaluation files: not those in sub-folders (one rater each), not the `._*` of macOS copies."""
    files = (session / _EVALUATION).glob("*.txt")
    return sorted(file for file in files if file.is_file() and not file.name.startswith("."))


def _transcript(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise DataError(
            f"the dialog has ratings but no transcript: {path} does not exist",
            hint="The copy of IEMOCAP is incomplete: copy dialog/transcriptions again from the release.",
        )
    return parse_transcript(_decode(path))


def _decode(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # a copy that went through a Windows editor
        text = content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n")


def _sessions(path: Path) -> list[Path]:
    """Return the session folders below `path`, each with evaluation files."""
    if not path.is_dir():
        state = "is a file" if path.exists() else "does not exist"
        raise DataError(
            f"no IEMOCAP directory: {path} {state}", hint="Name the unpacked folder that holds Session1 to Session5."
        )
    sessions = _session_folders(path)
    if not sessions:
        raise DataError(f"{path} is not IEMOCAP: looked for Session1/{_EVALUATION}/*.txt", hint=_nearby(path))
    for session in sessions:
        if not _evaluations(session):
            raise DataError(
                f"{session} is not a session of IEMOCAP: looked for {_EVALUATION}/*.txt",
                hint="The copy of IEMOCAP is incomplete: copy the session again from the release.",
            )
    return sessions


def _session_folders(path: Path) -> list[Path]:
    return sorted(
        child for child in path.glob("Session*") if re.fullmatch(r"Session\d+", child.name) and child.is_dir()
    )


def _nearby(path: Path) -> str:
    """Return a hint that names the right folder where it lies just above or below `path`."""
    here = path.resolve()
    for folder in [*sorted(here.glob("*/")), *list(here.parents)[:5]]:
        if any(map(_evaluations, _session_folders(folder))):
            return f"Did you mean {folder}? Name the folder that holds Session1 to Session5."
    return "Name the folder that holds Session1 to Session5; it is called IEMOCAP_full_release when unpacked."
