"""The text files of the IEMOCAP release, line by line; no file is opened here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mer_core.errors import DataError

RAW_LABELS = ("neu", "hap", "exc", "ang", "sad", "fru", "sur", "fea", "dis", "oth", "xxx")
RATER_LABELS = {
    "Neutral state": "neu",
    "Happiness": "hap",
    "Excited": "exc",
    "Anger": "ang",
    "Sadness": "sad",
    "Frustration": "fru",
    "Surprise": "sur",
    "Fear": "fea",
    "Disgust": "dis",
    "Other": "oth",
}
"""From what a rater chose to the label of the same name."""

_TURN = re.compile(r"\[\s*(-?[\d.]+)\s*-\s*(-?[\d.]+)\s*\]\s+(\S+)\s+(\S+)\s+\[([^\]]*)\]\s*")
_ID = re.compile(r"Ses(\d\d)[FM]_(\S+)_([FM])\d+")
_SPOKEN = re.compile(r"(\S+)\s*\[[^\]]*\]:(.*)", re.DOTALL)
_RATER = re.compile(r"C-E\d+\s*:([^(]*)")
_TAG = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Turn:
    """One block of an evaluation file; times in seconds and ratings (1 to 5) stay the text they were."""

    id: str
    start_s: str
    end_s: str
    label: str
    ratings: tuple[str, ...]
    """Valence, activation, dominance: means over the raters."""
    raters: str
    """Outside raters in the order of the file, joined by `;`; the categories of one rater are joined by `/`."""

    @property
    def session(self) -> str:
        """`"1"` for `Ses01F_impro01_M000`."""
        return str(int(self.id[3:5]))

    @property
    def speaker(self) -> str:
        """`"Ses01M"` for `Ses01F_impro01_M000`: the first letter says who wears the markers, the last who speaks."""
        return self.id[:5] + self.id.rpartition("_")[2][0]

    @property
    def dialog(self) -> str:
        """`"Ses01F_impro01"` for `Ses01F_impro01_M000`."""
        return self.id.rpartition("_")[0]

    @property
    def scenario(self) -> str:
        """What is played, the same in every session: `"script01_1"` for the dialog `Ses05M_script01_1b`."""
        return self.dialog.partition("_")[2].rstrip("abcdefghijklmnopqrstuvwxyz")


def parse_evaluation(text: str, place: str) -> list[Turn]:
    """Return the turns of an evaluation file, without those whose id holds XX (nobody knows who speaks).

    Raises:
        DataError: a turn is malformed, or there is none; `place` names the file.
    """
    turns: list[Turn] = []
    blocks = list(_blocks(text, place))
    if not blocks:
        raise DataError(
            f"{place} holds no utterance: no line of the form [START - END] ID LABEL [V, A, D]",
            hint="The file is damaged or not part of IEMOCAP: copy it again from the release.",
        )
    for head, rest in blocks:
        start_s, end_s, turn_id, label, ratings = head.groups()
        if "XX" not in turn_id:
            vad = tuple(value.strip() for value in ratings.split(","))
            turns.append(Turn(turn_id, start_s, end_s, label, vad, _raters(rest)))
    return turns


def _blocks(text: str, place: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield the first line of each block, matched, with the lines that follow it."""
    head, rest = None, list[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("["):
            rest.append(line)
            continue
        if head:
            yield head, rest
        head, rest = _TURN.fullmatch(line), []
        if not head or not _is_utterance(head[3]) or head[5].count(",") != 2:
            raise DataError(
                f"{place}, line {number}: not a turn of IEMOCAP: {line.strip()[:80]!r}",
                hint="A turn is [START - END] ID LABEL [V, A, D]: copy the file again from the release.",
            )
    if head:
        yield head, rest


def _is_utterance(name: str) -> bool:
    return "XX" in name or _ID.fullmatch(name) is not None


def _raters(lines: list[str]) -> str:
    found = (match for line in lines if (match := _RATER.match(line)))
    return ";".join("/".join(part.strip() for part in match[1].split(";") if part.strip()) for match in found)


def parse_transcript(text: str) -> dict[str, str]:
    """Return what each utterance says, as written; XX ids, bare `M:` and `F:` lines and remarks are left out.

    A line is `ID [START-END]: words`; the words may hold colons and brackets, or be empty. The times differ from
    those of the evaluation file and are ignored.
    """
    matches = (_SPOKEN.fullmatch(line) for line in text.split("\n"))
    return {match[1]: match[2] for match in matches if match and _ID.fullmatch(match[1])}


def tidy(text: str, *, keep_tags: bool) -> str:
    """Fold white space; drop bracketed tags such as `[LAUGHTER]` unless `keep_tags`. The result may be empty."""
    return " ".join((text if keep_tags else _TAG.sub(" ", text)).split())
