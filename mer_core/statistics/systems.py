"""Systems to compare: what each predicted for which utterances, in which fold and with which seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mer_core.errors import DataError
from mer_core.types import Predictions, Utterance


@dataclass(frozen=True, slots=True)
class Trial:
    """The predictions of one trained model. `seed` and `fold` are None where nobody said them."""

    seed: int | None
    fold: str | None
    predictions: Predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A system's predictions, every utterance once per seed.

    Args:
        name: what it is called.
        trials: one per seed and fold.
        utterances: by id, where they are known: dialogs and speakers come from here.
        info: run.json of the run it comes from; empty for a file of other people's predictions.
        warnings: what must stand beside every figure of it.
    """

    name: str
    trials: tuple[Trial, ...]
    utterances: Mapping[str, Utterance] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def seeds(self) -> list[int | None]:
        """The seeds, in order."""
        return sorted({trial.seed for trial in self.trials}, key=lambda seed: (seed is not None, seed))


def part_of(system: System, keep: Callable[[Utterance], bool]) -> System:
    """Return the system on the utterances that are kept; folds without any are gone.

    Raises:
        DataError: none is kept.
    """
    kept = tuple(trial for trial in (_part(trial, system, keep) for trial in system.trials) if trial.predictions.ids)
    if not kept:
        raise DataError(f"{system.name}: no utterance is left of those that were asked for")
    return replace(system, trials=kept)


def _part(trial: Trial, system: System, keep: Callable[[Utterance], bool]) -> Trial:
    old = trial.predictions
    rows = [row for row, id_ in enumerate(old.ids) if keep(system.utterances[id_])]
    new = Predictions([old.ids[i] for i in rows], old.classes, [old.labels[i] for i in rows], old.p_NC[rows])
    return replace(trial, predictions=new)
