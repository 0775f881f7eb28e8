"""Which utterances are trained on and which are tested, and the checks that make a figure mean something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mer_core.data.groups import OTHER, SCENARIO_FIELD, groups, scenario_groups
from mer_core.errors import DataError, SpecError, suggest
from mer_core.spec import ProtocolSpec
from mer_core.types import Utterance

SPLIT_FIELD = "split"
TRAIN_NAMES, TEST_NAMES = ("train", "training"), ("test", "eval")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: its name (what is left out, for example the session) and the indices of both sides."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    removed: tuple[int, ...] = ()
    """Utterances that would be trained on if they did not repeat words of the test side."""


def make_folds(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> list[Fold]:
    """Return the folds of a protocol, in the order of their names.

    `session` leaves one session out (the paper, section 3.2), `speaker` one speaker; `fixed` follows the corpus's
    own field `split` (train or test); `scenario` leaves out one session and one group of scenarios (ours); `kfold`
    tests random parts, and is the only one that lets a speaker be on both sides.

    Raises:
        DataError: the corpus lacks what the protocol needs, a side is empty, or a speaker is on both sides.
    """
    folds = split(utterances, protocol)
    for fold in folds:
        _check(utterances, fold, protocol)
    return folds


def split(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> list[Fold]:
    """Return the folds of a protocol unchecked, for who looks for what is wrong with them.

    Raises:
        DataError: the corpus lacks what the protocol needs.
    """
    if protocol.folds == "fixed":
        folds = _fixed(utterances)
    elif protocol.folds == "scenario":
        folds = _sessions_and_scenarios(utterances, protocol)
    else:
        folds = _leave_one_out(groups(utterances, protocol))
    return _without_repeats(utterances, folds) if protocol.without_repeats else folds


def pick_fold(folds: Sequence[Fold], name: str) -> list[Fold]:
    """Return the one fold of that name.

    Raises:
        SpecError: there is none.
    """
    known = [fold.name for fold in folds]
    if name not in known:
        raise SpecError(f'fold "{name}" does not exist{suggest(name, known)}. Folds: {", ".join(known)}.')
    return [fold for fold in folds if fold.name == name]


def hold_out(utterances: Sequence[Utterance], fold: Fold, protocol: ProtocolSpec) -> Fold:
    """Split a fold's training side for `select=inner`: the next group in order is held out, the test side untouched.

    Raises:
        DataError: training has fewer than two groups, or one class without the group held out.
    """
    group_N = groups(utterances, protocol)
    group = {"fixed": "speaker", "scenario": "session", "kfold": "part"}.get(protocol.folds, protocol.folds)
    names = sorted({group_N[i] for i in fold.train})
    if len(names) < 2:
        raise DataError(
            f"fold {fold.name}: training has only one {group}, nothing can be held out to select an epoch on",
            hint="Use --select last.",
        )
    held = next((name for name in names if name > fold.name), names[0])
    inner = {i: None for i in fold.train if group_N[i] == held}
    rest = tuple(i for i in fold.train if i not in inner)
    classes = {utterances[i].label for i in rest}
    if len(classes) < 2:
        raise DataError(
            f"fold {fold.name}: without {group} {held}, held out to select an epoch on, training has only the class "
            f"{next(iter(classes))}",
            hint="Use --select last.",
        )
    return Fold(held, rest, tuple(inner))


def _leave_one_out(group_N: Sequence[str]) -> list[Fold]:
    members: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(group_N):
        members[name].append(index)
    return [
        Fold(name, tuple(i for i, other in enumerate(group_N) if other != name), tuple(members[name]))
        for name in sorted(members)
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


def _sessions_and_scenarios(utterances: Sequence[Utterance], protocol: ProtocolSpec) -> list[Fold]:
    """Return a fold per session and group of scenarios, trained on neither.

    Every session of IEMOCAP plays the same scenarios: without any scenario of the test session nothing would be left
    to train on, so a session is tested in several folds, a group of its scenarios at a time.
    """
    session_N = groups(utterances, protocol)
    group_of = scenario_groups(utterances, protocol)
    group_N = [group_of[u.fields[SCENARIO_FIELD]] for u in utterances]
    pairs = list(zip(session_N, group_N, strict=True))
    return [
        Fold(
            f"{session}-{group}",
            tuple(i for i, (s, g) in enumerate(pairs) if s != session and g != group),
            tuple(i for i, pair in enumerate(pairs) if pair == (session, group)),
        )
        for session in sorted({*session_N})
        for group in sorted({*group_N})
    ]


def _without_repeats(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> list[Fold]:
    if not any(u.text for u in utterances):
        raise DataError(
            "the corpus has no words, and the protocol leaves out training utterances that repeat those of a test one",
            hint=f"Give every utterance its text, or {OTHER}.",
        )
    from mer_core.text.similarity import find_repeats  # scipy is slow to import, and few protocols ask

    repeats = find_repeats([u.text for u in utterances])
    return [_without(fold, repeats.of(fold.test).tolist()) for fold in folds]


def _without(fold: Fold, repeated_N: Sequence[bool]) -> Fold:
    kept = tuple(i for i in fold.train if not repeated_N[i])
    return Fold(fold.name, kept, fold.test, tuple(i for i in fold.train if repeated_N[i]))


def _check(utterances: Sequence[Utterance], fold: Fold, protocol: ProtocolSpec) -> None:
    if fold.removed and not fold.train:
        raise DataError(
            f"fold {fold.name}: all {len(fold.removed)} training utterances repeat words of the test side, so none is "
            "left",
            hint=f"The corpus says the same lines everywhere: {OTHER}.",
        )
    for side, indices in (("training", fold.train), ("test", fold.test)):
        if not indices:
            raise DataError(f"fold {fold.name} has no {side} utterances", hint=_empty_side(protocol))
    shared = {utterances[i].speaker for i in fold.train} & {utterances[i].speaker for i in fold.test} - {None, ""}
    if shared and protocol.folds != "kfold":
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


def _empty_side(protocol: ProtocolSpec) -> str:
    """Return what to do about a fold with an empty side."""
    if protocol.folds == "scenario":
        return "Every session must play a scenario of each group: use fewer groups (--set protocol.parts=2)."
    return f"--folds {protocol.folds} needs at least two groups; use another scheme."
