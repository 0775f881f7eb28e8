"""Systems side by side on the same utterances: who was right where, in which fold, and what belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mer_core.errors import DataError
from mer_core.statistics.systems import System, Trial
from mer_core.types import Utterance


@dataclass(frozen=True, slots=True)
class Panel:
    """S systems on N utterances.

    Args:
        names: of the systems.
        classes: labels that occur.
        unit: what is resampled: `dialog`, `speaker` or `utterance`.
        labels_N: true classes, by number.
        groups_N: the unit of each utterance, by number.
        folds_SN: in which fold each system was tested on it, by number.
        folds: for each system the names of its folds, in order of their number; None: nobody said them.
        seeds: for each system its seeds.
        right_SKN: for each system K x N, whether it was right with its k-th seed.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    unit: str
    labels_N: Int[ndarray, " N"]
    groups_N: Int[ndarray, " N"]
    folds_SN: Int[ndarray, "S N"]
    folds: tuple[tuple[str | None, ...], ...]
    seeds: tuple[tuple[int | None, ...], ...]
    right_SKN: tuple[Float[ndarray, "_ N"], ...]

    @property
    def num_groups(self) -> int:
        """G, how many units there are."""
        return int(self.groups_N.max()) + 1

    @property
    def folds_known(self) -> bool:
        """Whether somebody said which fold each utterance was tested in."""
        return all(None not in names for names in self.folds)


def make_panel(systems: Sequence[System]) -> Panel:
    """Put systems side by side. A system that knows no folds takes those of the first that does.

    Raises:
        DataError: utterances, labels or classes differ, or an utterance is missing for a seed or is there twice.
    """
    first, *others = systems
    for system in systems:
        _check_itself(system)
    for other in others:
        _check_alike(first, other)
    _check_classes(systems)
    labels = _labels(first)
    ids, classes = sorted(labels), tuple(sorted(set(labels.values())))
    unit, group_of = grouping(next((s.utterances for s in systems if s.utterances), {}), ids)
    with_folds = next((s for s in systems if s.trials[0].fold is not None), first)
    folds = [_folds(s if s.trials[0].fold is not None else with_folds) for s in systems]
    fold_names = tuple(tuple(dict.fromkeys(fold_of.values())) for fold_of in folds)
    return Panel(
        names=tuple(system.name for system in systems),
        classes=classes,
        unit=unit,
        labels_N=_numbered([labels[id_] for id_ in ids], classes),
        groups_N=_numbered(group_of, sorted(set(group_of))),
        folds_SN=np.stack(
            [_numbered([of[id_] for id_ in ids], names) for of, names in zip(folds, fold_names, strict=True)]
        ),
        folds=fold_names,
        seeds=tuple(tuple(system.seeds) for system in systems),
        right_SKN=tuple(_right(system, ids) for system in systems),
    )


def grouping(utterances: Mapping[str, Utterance], ids: Sequence[str]) -> tuple[str, list[str]]:
    """Return what is resampled as one, and the name of each utterance's unit.

    The dialog where every utterance has one, else the speaker, else each utterance by itself: utterances of one
    dialog share speakers, topic and mood, so they are right or wrong together.
    """
    known = [utterances.get(id_) for id_ in ids]
    if all(u is not None and u.fields.get("dialog") for u in known):
        return "dialog", [f"{u.session or ''}/{u.fields['dialog']}" for u in known if u is not None]
    if all(u is not None and u.speaker for u in known):
        return "speaker", [str(u.speaker) for u in known if u is not None]
    return "utterance", list(ids)


def _numbered(names: Sequence[str | None], order: Sequence[str | None]) -> Int[ndarray, " N"]:
    number = {name: i for i, name in enumerate(order)}
    return np.array([number[name] for name in names])


def _labels(system: System) -> dict[str, str]:
    return {
        id_: label
        for trial in system.trials
        for id_, label in zip(trial.predictions.ids, trial.predictions.labels, strict=True)
    }


def _folds(system: System) -> dict[str, str | None]:
    return {id_: trial.fold for trial in system.trials for id_ in trial.predictions.ids}


def _right(system: System, ids: Sequence[str]) -> Float[ndarray, "K N"]:
    place = {id_: i for i, id_ in enumerate(ids)}
    row = {seed: k for k, seed in enumerate(system.seeds)}
    right_KN = np.zeros((len(row), len(ids)))
    for trial in system.trials:
        columns = [place[id_] for id_ in trial.predictions.ids]
        right_KN[row[trial.seed], columns] = _hits(trial)
    return right_KN


def _hits(trial: Trial) -> list[bool]:
    p = trial.predictions
    return [label == predicted for label, predicted in zip(p.labels, p.predicted, strict=True)]


def _check_itself(system: System) -> None:
    ids = {seed: Counter[str]() for seed in system.seeds}
    for trial in system.trials:
        ids[trial.seed].update(trial.predictions.ids)
    everything = _labels(system).keys()
    for seed, counts in ids.items():
        where = system.name if seed is None else f"{system.name}, seed {seed}"
        twice = [id_ for id_, count in counts.items() if count > 1]
        if twice:
            raise DataError(
                f"{where}: {len(twice)} utterances are predicted more than once, for example {twice[0]}",
                hint="Each is tested in one fold: were prediction files changed? Run those folds again.",
            )
        missing = sorted(everything - counts.keys())
        if missing:
            raise DataError(
                f"{where}: {len(missing)} utterances are missing that other seeds have, for example {missing[0]}",
                hint="Were prediction files changed? Run those folds again.",
            )


def _check_alike(first: System, other: System) -> None:
    a, b = _labels(first), _labels(other)
    for one, two, names in ((a, b, (first.name, other.name)), (b, a, (other.name, first.name))):
        extra = sorted(one.keys() - two.keys())
        if extra:
            raise DataError(
                f"{len(extra)} of {len(one)} utterances of {names[0]} are not in {names[1]}, for example {extra[0]}",
                hint="Compare systems on the same utterances: the same corpus, folds and options that leave some out.",
            )
    differing = sorted(id_ for id_ in a if a[id_] != b[id_])
    if differing:
        id_ = differing[0]
        raise DataError(
            f"{len(differing)} of {len(a)} utterances are labelled otherwise in {other.name} than in {first.name}, "
            f"for example {id_}: {b[id_]} there, {a[id_]} here",
            hint="Use the same label map for both; class names must be the same, letter for letter."
            if _mapped(a, b, differing) or _mapped(b, a, differing)
            else "Mend the labels of these utterances: others of the same classes are labelled alike.",
        )


def _mapped(one: Mapping[str, str], other: Mapping[str, str], differing: Sequence[str]) -> bool:
    """Tell whether whole classes of `one` are called otherwise in `other`, as another label map would."""
    renamed = {one[id_] for id_ in differing}
    return all(label not in renamed or label != other[id_] for id_, label in one.items())


def _check_classes(systems: Sequence[System]) -> None:
    """Refuse predictions of classes that no run among the systems knows: most likely they are spelt otherwise."""
    known = {name for system in systems if system.info for t in system.trials for name in t.predictions.classes}
    for system in systems if known else ():
        unknown = sorted({name for trial in system.trials for name in trial.predictions.predicted} - known)
        if unknown:
            raise DataError(
                f"{system.name} predicts {', '.join(unknown)}, which the others do not know. "
                f"Classes: {', '.join(sorted(known))}.",
                hint="Class names must be the same, letter for letter.",
            )
