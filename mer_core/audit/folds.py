"""Folds that cannot be used, and classes that a side of a fold lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mer_core.audit.finding import Finding
from mer_core.audit.subject import Subject
from mer_core.data.folds import Fold
from mer_core.types import Utterance

CHECK = "folds"


def check(subject: Subject) -> Iterator[Finding]:
    """Find folds that cannot be trained or tested (severe), and classes that one side lacks (warning)."""
    total = len(subject.folds) + len(subject.broken)
    for name, reason in subject.broken.items():
        message = f"fold {name}: {reason}" if name else f"{reason} The checks across folds are left out."
        yield Finding(severity="severe", check=CHECK, about=name, message=message, count=1, total=total, unit="folds")
    labels = [str(u.label) for u in subject.utterances]
    for side in ("training", "test"):
        lacking = {fold.name: lost for fold in subject.folds if (lost := _lost(labels, fold, side))}
        if lacking:
            listed = "; ".join(f"fold {name}: {', '.join(lost)}" for name, lost in list(lacking.items())[:5])
            means = "cannot be recognised" if side == "training" else "do not count in the fold's UA"
            yield Finding(
                severity="warning",
                check=CHECK,
                about=side,
                message=f"folds whose {side} side lacks classes, which then {means}: {listed}"
                f"{' …' if len(lacking) > 5 else ''}",
                count=len(lacking),
                total=total,
                unit="folds",
            )


def why_broken(utterances: Sequence[Utterance], fold: Fold) -> str:
    """Return why a fold cannot be used, or nothing."""
    for side, indices in (("training", fold.train), ("test", fold.test)):
        if not indices:
            return f"it has no {side} utterances."
    labels = {utterances[i].label for i in fold.train}
    return f"training has only the class {labels.pop()}." if len(labels) < 2 else ""


def _lost(labels: Sequence[str], fold: Fold, side: str) -> list[str]:
    """Return the classes of the corpus that one side lacks."""
    return sorted(set(labels) - {labels[i] for i in (fold.train if side == "training" else fold.test)})
