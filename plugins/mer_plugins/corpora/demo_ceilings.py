"""The best accuracy that any system can reach on a design of words, voices and labels: counted exactly (ours)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np

from mer_plugins.corpora.demo_design import Cell

_Key = tuple[str, str, str]
"""An answer, 0 or 1: (words, voice, label). Or a score: ("f", words, label), ("g", voice, label)."""
_Rule = tuple[dict[_Key, float], float]
"""A row of the integer program, and the least value it may have."""
_BOUND = 20.0  # of a score, where a margin is 1; for the designs we have, larger scores win nothing


def ceilings(design: Sequence[Cell]) -> dict[str, float]:
    """Return the best reachable accuracy on `design`, by what a system may look at, as shares of 1.

    `text only` knows the group of the words, `audio only` the voice type, `full` both. `additive` knows both and
    takes the label with the highest f(words, label) + g(voice, label), for the best f and g there are: as much as a
    classifier of two separate views can do without letting one view change what the other means.
    """
    right = {
        "text only": _best_guess((cell.words, cell.label) for cell in design),
        "audio only": _best_guess((cell.voice, cell.label) for cell in design),
        "additive": _best_sum(Counter((cell.words, cell.voice, cell.label) for cell in design)),
        "full": _best_guess(((cell.words, cell.voice), cell.label) for cell in design),
    }
    return {name: count / len(design) for name, count in right.items()}


def _best_guess(pairs: Iterable[tuple[Hashable, str]]) -> int:
    """Return how many labels are right when all that is seen alike is answered by its most frequent label."""
    best: dict[Hashable, int] = {}
    for (seen, _), count in Counter(pairs).items():
        best[seen] = max(best.get(seen, 0), count)
    return sum(best.values())


def _best_sum(joint: Counter[_Key]) -> int:
    """Return how many labels are right under the best additive scores: an integer program, solved exactly."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    answers = list(joint)
    rules = [*_margins(answers), *_one_answer_each(answers)]
    columns = [*answers, *sorted({key for row, _ in rules for key in row} - set(answers))]
    is_answer = np.arange(len(columns)) < len(answers)
    solved = milp(
        np.array([-float(joint[column]) for column in columns]),
        integrality=is_answer.astype(int),
        bounds=Bounds(np.where(is_answer, 0.0, -_BOUND), np.where(is_answer, 1.0, _BOUND)),
        constraints=LinearConstraint(
            np.array([[row.get(column, 0.0) for column in columns] for row, _ in rules]),
            np.array([lowest for _, lowest in rules]),
        ),
    )
    assert solved.fun is not None, solved.message  # no answer at all is always allowed
    return round(-solved.fun)


def _margins(answers: Sequence[_Key]) -> Iterator[_Rule]:
    """Yield: if a pair is answered by a label, then its score exceeds that of every other label by at least 1."""
    slack = 4 * _BOUND + 1
    for words, voice, label in answers:
        for other in {other for _, _, other in answers} - {label}:
            row = {("f", words, label): 1.0, ("g", voice, label): 1.0, ("f", words, other): -1.0}
            yield {**row, ("g", voice, other): -1.0, (words, voice, label): -slack}, 1.0 - slack


def _one_answer_each(answers: Sequence[_Key]) -> Iterator[_Rule]:
    for pair in {answer[:2] for answer in answers}:
        yield {answer: -1.0 for answer in answers if answer[:2] == pair}, -1.0
