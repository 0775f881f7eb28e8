"""Utterances in groups that a reader asks about: speaker, length, agreement of raters, and what else a corpus knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import soundfile

from mer_core.data.votes import RATERS
from mer_core.types import Utterance

MOST_VALUES = 12
"""A field with more values than this is no grouping."""


def slices(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """Return for each grouping the group of every utterance.

    `speaker`, `num_words` and `duration_s` (in thirds; where all recordings are at hand, for the latter),
    `agreement` (of the raters), and every field of the corpus that has 2 to 12 values, such as `sex` or `kind`.
    What the corpus lacks is not there.
    """
    found: dict[str, list[str] | None] = {
        "speaker": _each(utterances, lambda u: u.speaker),
        "num_words": _thirds([len((u.text or "").split()) for u in utterances]),
        "duration_s": _thirds([_seconds(u) for u in utterances]),
        "agreement": _each(utterances, _agreement),
    }
    names = sorted({name for u in utterances for name in u.fields} - {RATERS})
    found |= {name: _each(utterances, _field(name)) for name in names}
    return {name: groups for name, groups in found.items() if groups and _is_grouping(name, groups)}


def _is_grouping(name: str, groups: Sequence[str]) -> bool:
    return len(set(groups)) >= 2 and (name == "speaker" or len(set(groups)) <= MOST_VALUES)


def _each(utterances: Sequence[Utterance], of: Callable[[Utterance], str | None]) -> list[str] | None:
    """Return the group of each utterance, or None where one has none."""
    groups = [of(u) for u in utterances]
    return [g for g in groups if g] if all(groups) else None


def _field(name: str) -> Callable[[Utterance], str | None]:
    return lambda utterance: utterance.fields.get(name)


def _seconds(utterance: Utterance) -> float | None:
    span = utterance.audio
    if span is None:
        return None
    try:
        end_s = soundfile.info(span.path).duration if span.end_s is None else span.end_s
    except soundfile.LibsndfileError:  # it may be elsewhere by now
        return None
    return round(end_s - span.start_s, 2)


def _thirds(values: Sequence[float | int | None]) -> list[str] | None:
    """Return the third of each value, named by its range; equal values are never parted."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return None
    edges = np.unique(np.quantile(known, [1 / 3, 2 / 3], method="lower"))
    place = np.searchsorted(edges, known, side="left")
    ends = {int(k): [v for v, at in zip(known, place, strict=True) if at == k] for k in np.unique(place)}
    names = {k: _range(min(own), max(own)) for k, own in ends.items()}
    return [names[int(k)] for k in place]


def _range(low: float | int, high: float | int) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _agreement(utterance: Utterance) -> str | None:
    """Return how many of the raters chose the category that most chose."""
    raters = [set(rater.split("/")) for rater in utterance.fields.get(RATERS, "").split(";") if rater]
    if not raters:
        return None
    most = max(Counter(category for rater in raters for category in rater).values())
    return f"{most} of {len(raters)} raters"
