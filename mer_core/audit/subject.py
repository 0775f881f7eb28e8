"""What is audited: utterances, the folds they are dealt to, and what was measured on their recordings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mer_core.audit.finding import Finding, Severity, some
from mer_core.audit.sound import Measured
from mer_core.data.folds import Fold
from mer_core.types import Utterance

Counts = Mapping[str, Mapping[str, int]]
"""Utterances by session and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The corpus as a run would use it.

    Args:
        utterances: those that are trained on and tested, labelled.
        folds: the folds that can be used: both sides have utterances, the training side two classes or more.
        broken: why the others cannot be used, by name; by `""` why there is none at all.
        sounds: what was measured on each utterance's recording, in their order.
        listed: all that the corpus lists; more than `utterances` where only a part of it is used.
        published: the counts of the complete corpus; empty where they are not known.
    """

    utterances: Sequence[Utterance]
    folds: Sequence[Fold]
    broken: Mapping[str, str] = field(default_factory=dict)
    sounds: Sequence[Measured]
    listed: Sequence[Utterance]
    published: Counts = field(default_factory=dict)

    def finding(self, check: str, severity: Severity, message: str, indices: Sequence[int]) -> Finding:
        """Return what a check found of the utterances at `indices`."""
        return Finding(
            severity=severity,
            check=check,
            message=message,
            count=len(indices),
            total=len(self.utterances),
            examples=some(self.ids(indices)),
            num_examples=len(indices),
        )

    def ids(self, indices: Sequence[int] | npt.NDArray[np.int64]) -> list[str]:
        """Return the ids of the utterances at `indices`."""
        return [self.utterances[i].id for i in indices]

    @property
    def num_tested(self) -> int:
        """How many utterances are tested in one fold or more."""
        return len({i for fold in self.folds for i in fold.test})


def shared(keys: Sequence[Hashable | None], folds: Sequence[Fold]) -> dict[int, int]:
    """Return the tested utterances whose key a training utterance of the same fold has, each with the first such one.

    Args:
        keys: one per utterance; None is nobody's.
        folds: the two sides, as indices into `keys`.
    """
    numbers: dict[Hashable, int] = {}
    code_N = np.array([-1 if key is None else numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
    found: dict[int, int] = {}
    for fold in folds:
        train, test = np.array(fold.train, dtype=np.int64), np.array(fold.test, dtype=np.int64)
        train, test = train[code_N[train] >= 0], test[code_N[test] >= 0]
        first = np.full(len(numbers), -1)
        first[code_N[train[::-1]]] = train[::-1]
        hit = test[first[code_N[test]] >= 0]
        found.update(zip(hit.tolist(), first[code_N[hit]].tolist(), strict=True))
    return found
