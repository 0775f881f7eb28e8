"""Which utterances are trained on and which are tested, and the checks that make a figure mean something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mer_core.choices import FoldScheme
from mer_core.errors import DataError, SpecError, suggest
from mer_core.types import Utterance

SPLIT_FIELD = "split"
TRAIN_NAMES, TEST_NAMES = ("train", "training"), ("test", "eval")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: its name (the session or speaker left out) and the indices of both sides."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def make_folds(utterances: Sequence[Utterance], scheme: FoldScheme) -> list[Fold]:
    """Return the folds of a scheme, in the order of their names.

    `session` leaves one session out (the paper, section 3.2), `speaker` one speaker; `fixed` follows the corpus's
    own field `split` (train or test).

    Raises:
        DataError: the corpus lacks what the scheme needs, a side is empty, or a speaker is on both sides.
    """
    folds = split(utterances, scheme)
    for fold in folds:
        _check(utterances, fold, scheme)
    return folds


def split(utterances: Sequence[Utterance], scheme: FoldScheme) -> list[Fold]:
    """Return the folds of a scheme unchecked, for who looks for what is wrong with them.

    Raises:
        DataError: the corpus lacks what the scheme needs.
    """
    return _fixed(utterances) if scheme == "fixed" else _leave_one_out(utterances, scheme)


def pick_fold(folds: Sequence[Fold], name: str) -> list[Fold]:
    """Return the one fold of that name.

    Raises:
        SpecError: there is none.
    """
    known = [fold.name for fold in folds]
    if name not in known:
        raise SpecError(f'fold "{name}" does not exist{suggest(name, known)}. Folds: {", ".join(known)}.')
    return [fold for fold in folds if fold.name == name]


def hold_out(utterances: Sequence[Utterance], fold: Fold, scheme: FoldScheme) -> Fold:
    """Split a fold's training side for `select=inner`: the next group in order is held out, the test side untouched.

    Raises:
        DataError: training has fewer than two groups, or one class without the group held out.
    """
    group = "speaker" if scheme == "fixed" else scheme
    names = sorted({_group(utterances[i], group) for i in fold.train})
    if len(names) < 2:
        raise DataError(
            f"fold {fold.name}: training has only one {group}, nothing can be held out to select an epoch on",
            hint="Use --select last.",
        )
    held = next((name for name in names if name > fold.name), names[0])
    inner = {i: None for i in fold.train if _group(utterances[i], group) == held}
    rest = tuple(i for i in fold.train if i not in inner)
    classes = {utterances[i].label for i in rest}
    if len(classes) < 2:
        raise DataError(
            f"fold {fold.name}: without {group} {held}, held out to select an epoch on, training has only the class "
            f"{next(iter(classes))}",
            hint="Use --select last.",
        )
    return Fold(held, rest, tuple(inner))


def _leave_one_out(utterances: Sequence[Utterance], scheme: FoldScheme) -> list[Fold]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        groups[_group(utterance, scheme)].append(index)
    everything = range(len(utterances))
    return [
        Fold(name, tuple(i for i in everything if _group(utterances[i], scheme) != name), tuple(groups[name]))
        for name in sorted(groups)
    ]


def _fixed(utterances: Sequence[Utterance]) -> list[Fold]:
    sides = [utterance.fields.get(SPLIT_FIELD, "").lower() for utterance in utterances]
    if not any(sides):
        raise DataError(
            "the corpus has no field `split`, which --folds fixed follows",
            hint="Add a column split (train or test) to the manifest, or use --folds session or speaker.",
        )
    train = tuple(i for i, side in enumerate(sides) if side in TRAIN_NAMES)
    return [Fold("fixed", train, tuple(i for i, side in enumerate(sides) if side in TEST_NAMES))]


def _group(utterance: Utterance, scheme: str) -> str:
    name = utterance.session if scheme == "session" else utterance.speaker
    if not name:
        others = "speaker or fixed" if scheme == "session" else "session or fixed"
        raise DataError(
            f"utterance {utterance.id} has no {scheme}, which --folds {scheme} follows",
            hint=f"Give every utterance a {scheme}, or use --folds {others}.",
        )
    return name


def _check(utterances: Sequence[Utterance], fold: Fold, scheme: FoldScheme) -> None:
    for side, indices in (("training", fold.train), ("test", fold.test)):
        if not indices:
            raise DataError(
                f"fold {fold.name} has no {side} utterances",
                hint=f"--folds {scheme} needs at least two groups; use another scheme.",
            )
    shared = {utterances[i].speaker for i in fold.train} & {utterances[i].speaker for i in fold.test} - {None, ""}
    if shared:
        names = ", ".join(sorted(str(name) for name in shared)[:5])
        raise DataError(
            f"fold {fold.name}: {len(shared)} speaker(s) are on both sides: {names}. Such a figure says little about "
            "a new speaker.",
            hint="Use --folds speaker, or correct the sessions or splits of the corpus.",
        )
    seen = {utterances[i].label for i in fold.train}
    if len(seen) < 2:
        raise DataError(
            f"fold {fold.name}: training has only the class {next(iter(seen))}",
            hint="A recogniser needs at least two classes; look at the labels of the corpus.",
        )
