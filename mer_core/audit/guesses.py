"""How far one gets without listening: the scene and the words, beside chance.

The third baseline, the nearest transcript, is what the check of repeated transcripts looks at line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.metrics import accuracy_score, recall_score

from mer_core.audit.finding import Finding, Severity
from mer_core.audit.subject import Subject
from mer_core.baselines import BASELINES, Unavailable
from mer_core.baselines.nearest_transcript import nearest_transcript
from mer_core.baselines.scenario_majority import scenario_majority
from mer_core.data.folds import Fold
from mer_core.types import Predictions

CHECK = "guesses without sound"
SEVERE, TELLING = 0.5, 0.1
"""A guess from the scenario is severe, or a warning, from this share of the way from chance to always right (UA)."""
MOST_LEARNT = 20_000
"""Training utterances that a guess is learnt from; of more, this many are drawn: a corpus of 150,000 takes a minute."""


def check(subject: Subject) -> Iterator[Finding]:
    """Score each baseline over all folds. What the words tell is a note: words may tell an emotion. A scene may not."""
    if not subject.folds:
        return
    folds = [_thinned(fold) for fold in subject.folds]
    for name, baseline in BASELINES.items():
        if baseline is nearest_transcript:
            continue
        made = [baseline(subject.utterances, fold) for fold in folds]
        predicted = [one for one in made if isinstance(one, Predictions)]
        absent = [one for one in made if isinstance(one, Unavailable)]
        if absent:
            message = f"{name}: not computed, {absent[0].reason}."
            yield Finding(
                severity="note",
                check=CHECK,
                about=name,
                message=message,
                count=len(absent),
                total=len(made),
                unit="folds",
            )
            continue
        yield _scored(subject, name, predicted, judged=baseline is scenario_majority)


def _thinned(fold: Fold) -> Fold:
    if len(fold.train) <= MOST_LEARNT:
        return fold
    drawn = np.random.default_rng(0).choice(fold.train, MOST_LEARNT, replace=False)
    return Fold(fold.name, tuple(sorted(drawn.tolist())), fold.test)


def _scored(subject: Subject, name: str, made: Sequence[Predictions], *, judged: bool) -> Finding:
    truth = np.array([label for one in made for label in one.labels])
    guess = np.array([label for one in made for label in one.predicted])
    ua = recall_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)
    chance = 1 / len(np.unique(truth))
    most = max(np.unique(truth, return_counts=True)[1]) / len(truth)
    wa, kinds = accuracy_score(truth, guess), _by_kind(subject, made, truth, guess)
    each = "".join(f"; {kind} WA {100 * share:.1f}" for kind, share in kinds.items())
    return Finding(
        severity=_severity(ua, chance) if judged else "note",
        check=CHECK,
        about=name,
        message=f"{name}: WA {100 * wa:.1f} (most frequent class {100 * most:.1f}), "
        f"UA {100 * ua:.1f} (chance {100 * chance:.1f}){each}{_learnt(subject)}.",
        count=int((truth == guess).sum()),
        total=len(truth),
        unit="tested utterances guessed right",
        figures={"wa": float(wa), "most_frequent": float(most), "ua": float(ua), "chance": chance}
        | {f"wa_{kind}": share for kind, share in kinds.items()},
    )


def _learnt(subject: Subject) -> str:
    """Say where not all of the training side was learnt from."""
    most = max(len(fold.train) for fold in subject.folds)
    return f"; learnt from {MOST_LEARNT} of up to {most} training utterances" if most > MOST_LEARNT else ""


def _severity(ua: float, chance: float) -> Severity:
    way = (ua - chance) / (1 - chance) if chance < 1 else 0.0
    return "severe" if way >= SEVERE else "warning" if way >= TELLING else "note"


def _by_kind(subject: Subject, made: Sequence[Predictions], truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    """Return the accuracy for each kind of dialog apart, where the corpus has the field `kind`."""
    kind_of = {u.id: u.fields.get("kind", "") for u in subject.utterances}
    kinds = np.array([kind_of[id_] for one in made for id_ in one.ids])
    named = [str(name) for name in np.unique(kinds) if name]
    return {name: float(np.mean(truth[kinds == name] == guess[kinds == name])) for name in named}
