"""Whether loudness or length alone tells the label: a cue of the recording, which a model takes before any emotion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mer_core.audit.finding import Finding, Severity
from mer_core.audit.sound import Sound
from mer_core.audit.subject import Subject
from mer_core.data.folds import Fold

CHECK = "cues of the recording"
FEATURES: Mapping[str, Callable[[Sound], float]] = {
    "loudness (RMS in dBFS)": lambda sound: sound.rms_dbfs,
    "duration": lambda sound: sound.duration_s,
}
SEVERE, TELLING = 0.5, 0.1
"""A cue is severe, or a warning, from this share of the way from chance to always right (UA)."""
LEVEL = 0.01
"""Level of the permutation test."""
PERMUTATIONS = 999
_LEAVES, _SMALLEST = 8, 5


@dataclass(frozen=True, slots=True)
class Told:
    """What one feature tells of the label: how many are right over all folds, UA, that of chance, its probability."""

    right: int
    ua: float
    chance: float
    p_value: float


def check(subject: Subject) -> Iterator[Finding]:
    """Cross-validate a classifier on one feature over the folds; report it where it is better than chance."""
    heard = [isinstance(sound, Sound) for sound in subject.sounds]
    folds = [Fold(f.name, *(tuple(i for i in side if heard[i]) for side in (f.train, f.test))) for f in subject.folds]
    labels = [str(u.label) for u in subject.utterances]
    usable = [fold for fold in folds if fold.test and len({labels[i] for i in fold.train}) > 1]
    if folds and not all(heard):
        yield _partly(heard, computed=bool(usable))
    if not usable:
        return
    for name, feature in FEATURES.items():
        values = np.array([feature(s) if isinstance(s, Sound) else np.nan for s in subject.sounds])
        told = telling(values, labels, usable)
        if told.p_value < LEVEL:
            yield Finding(
                severity=_severity(told),
                check=CHECK,
                about=name,
                message=f"{name} alone tells the label with UA {100 * told.ua:.1f} (chance {100 * told.chance:.1f}, "
                f"p = {told.p_value:.3f} by a permutation test). Look whether the emotion does that or the recording.",
                count=told.right,
                total=sum(len(fold.test) for fold in usable),
                unit="tested utterances guessed right",
                figures={"ua": told.ua, "chance": told.chance, "p": told.p_value},
            )


def _partly(heard: Sequence[bool], *, computed: bool) -> Finding:
    """Say that some recordings were not there to be measured, and whether cues could be looked for in the others."""
    names = " and ".join(FEATURES)
    message = (
        f"{names}: computed on the utterances whose recording can be read."
        if computed
        else f"{names}: not computed, in no fold are there recordings of two classes to train on and one to test."
    )
    return Finding(severity="note", check=CHECK, message=message, count=sum(heard), total=len(heard))


def telling(values: Float[np.ndarray, " N"], labels: Sequence[str], folds: Sequence[Fold]) -> Told:
    """Return what a tree of eight leaves on one feature reaches over the folds.

    Its probability by chance is that of as good a UA after the labels have been dealt anew within each fold.
    """
    classes, label_N = np.unique(labels, return_inverse=True)
    tables = [_table(values, label_N, fold, len(classes)) for fold in folds]
    sums_C = np.sum(tables, axis=0).sum(1)
    hits_C = np.sum([table.diagonal() for table in tables], axis=0)
    ua = float(_ua(hits_C, sums_C))
    dealt_RC = np.sum([_dealt(table, seed) for seed, table in enumerate(tables)], axis=0)
    as_good = int((_ua(dealt_RC, sums_C) >= ua - 1e-12).sum())
    return Told(int(hits_C.sum()), ua, 1 / int((sums_C > 0).sum()), (1 + as_good) / (1 + PERMUTATIONS))


def _table(
    values: Float[np.ndarray, " N"], label_N: Int[np.ndarray, " N"], fold: Fold, num_classes: int
) -> Int[np.ndarray, "C C"]:
    """Return the tested utterances by label and prediction."""
    from sklearn.tree import DecisionTreeClassifier

    train, test = list(fold.train), list(fold.test)
    tree = DecisionTreeClassifier(
        max_leaf_nodes=_LEAVES, min_samples_leaf=_SMALLEST, class_weight="balanced", random_state=0
    )
    tree.fit(values[train, None], label_N[train])
    table = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(table, (label_N[test], tree.predict(values[test, None])), 1)
    return table


def _dealt(table_CC: Int[np.ndarray, "C C"], seed: int) -> Int[np.ndarray, "R C"]:
    """Return the hits by class after each permutation of a fold's labels: tables of the same margins, at random."""
    from scipy.stats import random_table

    drawn_RCC = random_table(table_CC.sum(1), table_CC.sum(0)).rvs(PERMUTATIONS, random_state=seed)
    return np.diagonal(drawn_RCC, axis1=1, axis2=2)


def _ua(hits_C: Int[np.ndarray, "*R C"], sums_C: Int[np.ndarray, " C"]) -> Float[np.ndarray, "*R"]:
    seen = sums_C > 0
    return np.asarray((hits_C[..., seen] / sums_C[seen]).mean(-1))


def _severity(told: Told) -> Severity:
    way = (told.ua - told.chance) / (1 - told.chance) if told.chance < 1 else 0.0
    return "severe" if way >= SEVERE else "warning" if way >= TELLING else "note"
