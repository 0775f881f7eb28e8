"""The contract of an evaluator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch

from mer_core.protocols import Evaluator
from mer_core.testing.contracts.base import Contract
from mer_core.testing.contracts.known_figures import KNOWN, UNDEFINED_WHEN_ABSENT, canonical, truth_of
from mer_core.types import Figure, Predictions

CLASSES = ("sad", "ang", "neu", "hap")
"""Not in alphabetical order, so that a figure that sorts them and one that does not are told apart."""
NUM = 60


class EvaluatorContract(Contract):
    """What an evaluator promises. Name it: `plugin = MyFigures`, and where need be `options`."""

    kind = "evaluator"
    protocol: ClassVar[type] = Evaluator

    def evaluate(self, predictions: Predictions) -> dict[str, Figure]:
        """Return the figures that a new evaluator gives."""
        figures: dict[str, Figure] = self.make().evaluate(predictions)
        return figures

    def test_figures_are_data(self) -> None:
        """Figures are named floats, floats by class, or C x C counts: plain Python, not text, arrays or tensors.

        Mend: float(...) for numbers, .tolist() for arrays; leave formatting to the report.
        """
        figures = self.evaluate(_chance())
        assert isinstance(figures, dict), f"evaluate returns a {type(figures).__name__}, not a dict"
        assert figures, "evaluate returns no figure"
        for name, figure in figures.items():
            assert isinstance(name, str), f"{name!r} is not a name"
            assert _is_figure(figure), f"{name} is {figure!r}: not a float, floats by class, or rows of counts"
        self.saw(", ".join(figures))

    def test_perfect_predictions(self) -> None:
        """Where every prediction is right, every figure has a value, and the known ones their best.

        Mend: look for a division by the number of errors.
        """
        figures = self.evaluate(_perfect())
        undefined = [name for name, value in _numbers(figures) if not math.isfinite(value)]
        assert not undefined, f"with perfect predictions {', '.join(undefined)} is not finite"
        self._compare(figures, _perfect())
        self.saw(_shown(figures))

    def test_chance_predictions(self) -> None:
        """Random predictions give finite figures, and other ones than perfect predictions do.

        Mend: check that the figures depend on predictions.p_NC and predictions.labels.
        """
        figures = self.evaluate(_chance())
        undefined = [name for name, value in _numbers(figures) if not math.isfinite(value)]
        assert not undefined, f"with random predictions {', '.join(undefined)} is not finite"
        assert not _equal(figures, self.evaluate(_perfect())), "random and perfect predictions give the same figures"
        self.saw(_shown(figures))

    def test_degenerate_predictions(self) -> None:
        """One class predicted for all, one utterance, no utterance, equal probabilities, an absent class: no error.

        Mend: compute every figure over predictions.classes, not over the labels that happen to occur.
        """
        for name, predictions in _degenerate().items():
            try:
                figures = self.evaluate(predictions)
            except Exception as error:  # any class of error is the finding
                raise AssertionError(f"{name}: raises {type(error).__name__}: {error}") from error
            assert figures.keys() == self.evaluate(_chance()).keys(), f"{name}: other figures than usual: {[*figures]}"
        self.saw(", ".join(_degenerate()))

    def test_order_does_not_matter(self) -> None:
        """Utterances in another order give the same figures.

        Mend: pair labels and predictions by position, and depend on nothing else of the order.
        """
        predictions = _chance()
        order = torch.randperm(NUM, generator=torch.Generator().manual_seed(5))
        turned = _make([predictions.labels[i] for i in order.tolist()], predictions.p_NC[order])
        one, two = self.evaluate(predictions), self.evaluate(turned)
        assert _equal(one, two), f"in another order {_different(one, two)}"
        self.saw("the same figures")

    def test_agrees_with_scikit_learn(self) -> None:
        """A figure with a known name is what scikit-learn computes under it.

        Mend: mind the order of the classes (predictions.classes is not sorted), and which axis is the truth; or give
        a figure of your own a name of its own.
        """
        figures = self.evaluate(_chance())
        self._compare(figures, _chance())
        known = [name for name in figures if canonical(name) in KNOWN]
        self.saw(f"known: {', '.join(known) or 'none'}")

    def test_undefined_is_nan(self) -> None:
        """What has no value is NaN: everything where there is no utterance, the recall of a class that does not occur.

        Mend: math.nan, not 0 and not 1: zero_division=numpy.nan in scikit-learn. Counts are named num_….
        """
        empty = self.evaluate(_degenerate()["no utterance"])
        valued = [n for n, v in _numbers(empty, counts=False) if not math.isnan(v) and not n.startswith("num_")]
        assert not valued, f"without any utterance {', '.join(valued)} has a value"
        absent = self.evaluate(_degenerate()["an absent class"])
        for name, figure in absent.items():
            if canonical(name) in UNDEFINED_WHEN_ABSENT and isinstance(figure, dict):
                value = figure.get(CLASSES[0])
                is_nan = value is not None and math.isnan(value)
                assert is_nan, f"{name} of a class that does not occur is {value}, not NaN"
        self.saw("NaN")

    def test_leaves_predictions_alone(self) -> None:
        """Evaluating changes nothing, and gives the same figures again.

        Mend: copy before sorting or rounding; draw nothing without a fixed seed.
        """
        predictions, evaluator = _chance(), self.make()
        first = evaluator.evaluate(predictions)
        assert torch.equal(predictions.p_NC, _chance().p_NC), "the probabilities are not what they were"
        assert list(predictions.labels) == list(_chance().labels), "the labels are not what they were"
        again = evaluator.evaluate(predictions)
        assert _equal(first, again), f"evaluated again {_different(first, again)}"
        self.saw("the same figures twice")

    def _compare(self, figures: Mapping[str, Figure], predictions: Predictions) -> None:
        for name, figure in figures.items():
            truth = truth_of(name, predictions) if canonical(name) in KNOWN else None
            if type(truth) is type(figure):  # a number named "recall" may be any mean of the recalls by class
                assert _equal({name: figure}, {name: truth}), f"{name} is {figure}, scikit-learn says {truth}"


def _make(labels: Sequence[str], p_NC: torch.Tensor) -> Predictions:
    return Predictions([f"toy-{i}" for i in range(len(labels))], list(CLASSES), list(labels), p_NC)


def _labels() -> list[str]:
    """Unequal counts, so that weighted and unweighted figures differ."""
    return [CLASSES[min(i % 7, 3)] for i in range(NUM)]


def _perfect() -> Predictions:
    right_N = torch.tensor([CLASSES.index(label) for label in _labels()])
    return _make(_labels(), 0.9 * torch.nn.functional.one_hot(right_N, 4).float() + 0.025)


def _chance() -> Predictions:
    generator = torch.Generator().manual_seed(3)
    return _make(_labels(), torch.randn(NUM, 4, generator=generator).softmax(-1))


def _degenerate() -> dict[str, Predictions]:
    chance = _chance()
    one_class = torch.tensor([[0.1, 0.7, 0.1, 0.1]]).repeat(NUM, 1)
    present = [i for i, label in enumerate(chance.labels) if label != CLASSES[0]]
    return {
        "one class for all": _make(chance.labels, one_class),
        "one utterance": _make(chance.labels[:1], chance.p_NC[:1]),
        "no utterance": _make([], torch.empty(0, 4)),
        "equal probabilities": _make(chance.labels, torch.full((NUM, 4), 0.25)),
        "an absent class": _make([chance.labels[i] for i in present], chance.p_NC[present]),
    }


def _is_figure(figure: object) -> bool:
    if isinstance(figure, dict):
        return all(isinstance(k, str) and type(v) in (float, int) for k, v in figure.items())
    if isinstance(figure, list):
        return all(isinstance(row, list) and all(type(v) is int for v in row) for row in figure)
    return type(figure) in (float, int)


def _numbers(figures: Mapping[str, Figure], *, counts: bool = True) -> Iterator[tuple[str, float]]:
    """Yield every number with its name; counts are the rows of a confusion."""
    for name, figure in figures.items():
        if isinstance(figure, dict):
            yield from ((f"{name}.{key}", value) for key, value in figure.items())
        elif isinstance(figure, list):
            yield from ((name, value) for row in figure for value in row if counts)
        else:
            yield name, figure


def _equal(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    first, second = list(_numbers(one)), list(_numbers(two))
    return len(first) == len(second) and all(
        a[0] == b[0] and (math.isclose(a[1], b[1], rel_tol=1e-5, abs_tol=1e-6) or (a[1] != a[1] and b[1] != b[1]))
        for a, b in zip(first, second, strict=True)
    )


def _different(one: Mapping[str, Figure], two: Mapping[str, Figure]) -> str:
    names = [n for n in one if n not in two or not _equal({n: one[n]}, {n: two[n]})]
    return f"{', '.join(names)} has another value"


def _shown(figures: Mapping[str, Figure]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in figures.items() if isinstance(value, float | int))
