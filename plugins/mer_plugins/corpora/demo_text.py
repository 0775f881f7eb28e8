"""The text files of the demo corpus, in the form of the IEMOCAP release (ours; no line of IEMOCAP is in them)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mer_plugins.corpora.demo_script import Line

Spans = Sequence[tuple[float, float]]
"""Start and end of each line in its dialog, in seconds."""

_HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
_CATEGORY = {
    "ang": "Anger",
    "hap": "Happiness",
    "exc": "Excited",
    "neu": "Neutral state",
    "sad": "Sadness",
    "fru": "Frustration",
    "sur": "Surprise",
    "fea": "Fear",
    "dis": "Disgust",
    "oth": "Other",
    "xxx": "Neutral state; Frustration",
}
_RATINGS = {"ang": (1, 4, 4), "hap": (4, 3, 3), "exc": (5, 4, 3), "neu": (3, 2, 3), "sad": (2, 2, 2)}
"""Valence, activation, dominance, 1 to 5: plausible values; nothing is made of them."""


def evaluation(turns: Sequence[Line], spans: Spans) -> str:
    """Return the file of `dialog/EmoEvaluation`: a block per utterance with its label and what each rater said."""
    blocks = ("\n".join(_block(line, *span)) for line, span in zip(turns, spans, strict=True))
    return f"{_HEADER}\n\n" + "\n\n".join(blocks) + "\n\n"


def _block(line: Line, start_s: float, end_s: float) -> Iterator[str]:
    v, a, d = _vad(line)
    category, actor = _CATEGORY[line.raw_label], line.speaker.gender
    yield f"[{start_s:.4f} - {end_s:.4f}]\t{line.id}\t{line.raw_label}\t[{v:.4f}, {a:.4f}, {d:.4f}]"
    yield f"C-E1:\t{category};\t()"
    yield f"C-E2:\t{category}; Other;\t(a second choice)"
    yield f"C-{actor}1:\t{category};\t()"
    yield f"A-E1:\tval {v}; act {a}; dom  {d};\t()"
    yield f"A-{actor}1:\tval {v}; act {a}; dom  {d};\t()"


def _vad(line: Line) -> tuple[int, int, int]:
    return _RATINGS.get(line.raw_label, (3, 3, 3))


def transcript(turns: Sequence[Line], spans: Spans) -> str:
    """Return the file of `dialog/transcriptions`, with times that differ from the evaluation's in the fourth decimal.

    Between the utterances stand lines that nobody rated: by an unknown speaker (`XX`), and bare `M:` and `F:` lines.
    """
    lines = [
        f"{line.id} [{start_s + 1e-4:08.4f}-{end_s + 1e-4:08.4f}]: {line.transcript}"
        for line, (start_s, end_s) in zip(turns, spans, strict=True)
    ]
    dialog, before_s = turns[0].dialog, spans[0][0]
    lines.insert(0, f"{dialog}_MXX0 [{0:08.4f}-{before_s:08.4f}]: Somebody said: yes.")
    lines.insert(2, "F: [BREATHING]")
    lines.append("M: Thank you.")
    return "\n".join(lines) + "\n"


def rater_files(turns: Sequence[Line], spans: Spans) -> dict[str, str]:
    """Return the files below the evaluation's sub-folders, by path: one rater's view, which a reader must not count."""
    dialog = turns[0].dialog
    categories = "".join(f"{line.id} :{_CATEGORY[line.raw_label]}; ()\n" for line in turns)
    attributes = "".join("{} :act  {}; :val  {}; ()\n".format(line.id, *_vad(line)[:2]) for line in turns)
    return {
        f"Categorical/{dialog}_e1_cat.txt": categories,
        f"Attribute/{dialog}_e1_atr.txt": attributes,
        f"Self-evaluation/{dialog}_f.txt": evaluation(turns[:1], spans[:1]),
    }
