"""Tested transcripts that training has already, word for word or nearly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from mer_core.audit.finding import MOST_EXAMPLES, Finding, Severity, share
from mer_core.audit.subject import Subject, shared
from mer_core.data.folds import Fold
from mer_core.text.similarity import Repeats, find_repeats
from mer_core.text.words import MIN_JACCARD, MIN_WORDS, words

CHECK = "repeated transcripts"
FEW, MANY = 0.01, 0.05
"""Shares of the tested lines: from the first on repeats are a warning, from the second on they may be severe."""
TELLING = 0.25
"""Repeats tell the label where copying it closes this much of the distance from chance to always right …"""
LEVEL = 0.01
"""… and that is no chance: the level of a one-sided binomial test."""


@dataclass(slots=True)
class _Tally:
    """Tested lines that repeat a training line, with the guess that copies the repeats' most frequent label."""

    lines: int = 0
    repeated: list[tuple[int, Fold]] = field(default_factory=list)
    right: int = 0
    by_chance: float = 0.0


def check(subject: Subject) -> Iterator[Finding]:
    """Find tested lines of four or more words that training repeats.

    Speech repeats itself, so a few are a note. They are severe where they are many and their labels repeat as well: a
    model can then look the answer up.
    """
    spoken = [words(u.text or "") for u in subject.utterances]
    long_N = np.array([len(set(line)) >= MIN_WORDS for line in spoken], dtype=bool)
    repeats = find_repeats([u.text for u in subject.utterances])
    tally = _tally(subject, repeats, long_N)
    if not tally.repeated:
        return
    exact = shared(
        [tuple(line) if is_long else None for line, is_long in zip(spoken, long_N, strict=True)], subject.folds
    )
    count = len(tally.repeated)
    right, expected = tally.right / count, tally.by_chance / count
    yield Finding(
        severity=_severity(tally),
        check=CHECK,
        message=f"tested lines of {MIN_WORDS} or more different words are in training ({share(count, tally.lines)}"
        f"{_by_kind(subject, tally, long_N)}): {len(exact)} word for word, {count - len(exact)} nearly (Jaccard "
        f"{MIN_JACCARD:g} or more). Copying the label of their repeats is right for {share(tally.right, count)}, by "
        f"chance for {100 * expected:.1f} %. Some protocols leave such lines out of training: mer protocol list.",
        count=count,
        total=tally.lines,
        unit=f"tested lines of {MIN_WORDS} or more different words",
        figures={"word_for_word": len(exact), "nearly": count - len(exact), "copied_right": right, "chance": expected},
        examples=[_example(subject, repeats, long_N, *one) for one in tally.repeated[:MOST_EXAMPLES]],
        num_examples=count,
    )


def _tally(subject: Subject, repeats: Repeats, long_N: npt.NDArray[np.bool_]) -> _Tally:
    classes, label_N = np.unique([str(u.label) for u in subject.utterances], return_inverse=True)
    tally = _Tally()
    for fold in subject.folds:
        train, test = (np.array([i for i in side if long_N[i]], dtype=np.int64) for side in (fold.train, fold.test))
        counts_GC = np.zeros((repeats.near_GG.shape[0], len(classes)))
        np.add.at(counts_GC, (repeats.group_N[train], label_N[train]), 1)
        near_TC = (repeats.near_GG @ counts_GC)[repeats.group_N[test]]
        hit_T = near_TC.sum(1) > 0
        guess_T = near_TC[hit_T].argmax(1)
        share_C = np.bincount(label_N[list(fold.train)], minlength=len(classes)) / len(fold.train)
        tally.lines += len(test)
        tally.repeated += [(int(i), fold) for i in test[hit_T]]
        tally.right += int((guess_T == label_N[test[hit_T]]).sum())
        tally.by_chance += float(share_C[guess_T].sum())
    return tally


def _severity(tally: _Tally) -> Severity:
    count = len(tally.repeated)
    right, expected = tally.right / count, tally.by_chance / count
    if (
        count >= MANY * tally.lines
        and right - expected >= TELLING * (1 - expected)
        and binomtest(tally.right, count, expected, alternative="greater").pvalue < LEVEL
    ):
        return "severe"
    return "warning" if count >= FEW * tally.lines else "note"


def _by_kind(subject: Subject, tally: _Tally, long_N: npt.NDArray[np.bool_]) -> str:
    """Say it for each kind of dialog apart, where the corpus has the field `kind`."""
    kinds = [u.fields.get("kind", "") for u in subject.utterances]
    lines = Counter(kinds[i] for fold in subject.folds for i in fold.test if long_N[i])
    repeated = Counter(kinds[i] for i, _ in tally.repeated)
    named = sorted(filter(None, lines))
    return "".join(f"; {kind} {share(repeated[kind], lines[kind])}" for kind in named)


def _example(subject: Subject, repeats: Repeats, long_N: npt.NDArray[np.bool_], index: int, fold: Fold) -> str:
    """Return a tested utterance's id with that of the first training line it repeats."""
    like = set(repeats.near_GG[[int(repeats.group_N[index])]].indices.tolist())
    first = next(i for i in fold.train if long_N[i] and int(repeats.group_N[i]) in like)
    return f"{subject.utterances[index].id} ~ {subject.utterances[first].id}"
