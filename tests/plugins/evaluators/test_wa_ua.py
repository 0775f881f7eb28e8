import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from mer_core.types import Predictions
from mer_plugins.evaluators.wa_ua import WeightedUnweighted

CLASSES = ["ang", "hap", "neu", "sad"]


def predictions(true, predicted, classes=CLASSES):
    """Predictions whose most probable class is the one given."""
    p_NC = torch.full((len(true), len(classes)), 0.1)
    for row, name in enumerate(predicted):
        p_NC[row, classes.index(name)] = 0.7
    return Predictions([f"u{i}" for i in range(len(true))], classes, true, p_NC)


def evaluate(true, predicted, classes=CLASSES):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return WeightedUnweighted(WeightedUnweighted.Config()).evaluate(predictions(true, predicted, classes))


rows = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40)


@given(rows)
def test_figures_are_scikit_learns(pairs):
    true, predicted = map(list, zip(*pairs, strict=True))
    figures = evaluate(true, predicted)
    occurring = sorted(set(true))
    assert figures["wa"] == pytest.approx(metrics.accuracy_score(true, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where predictions hold classes that do not occur
        assert figures["ua"] == pytest.approx(metrics.balanced_accuracy_score(true, predicted))
    report = metrics.classification_report(true, predicted, labels=occurring, output_dict=True, zero_division=0)
    assert figures["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    for name in CLASSES:
        expected = report[name]["recall"] if name in occurring else math.nan
        assert figures["recall"][name] == pytest.approx(expected, nan_ok=True)
    assert figures["confusion"] == metrics.confusion_matrix(true, predicted, labels=CLASSES).tolist()


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_utterances_does_not_matter(pairs, rng):
    mixed = pairs.copy()
    rng.shuffle(mixed)
    some, other = (evaluate(*map(list, zip(*p, strict=True))) for p in (pairs, mixed))
    assert some["confusion"] == other["confusion"]
    for name in ("wa", "ua", "macro_f1"):
        assert some[name] == pytest.approx(other[name])


def test_by_hand():
    figures = evaluate(["ang", "ang", "ang", "sad"], ["ang", "ang", "hap", "sad"])
    assert figures["wa"] == 0.75
    assert figures["ua"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["macro_f1"] == pytest.approx((0.8 + 1.0) / 2)
    assert figures["recall"] == pytest.approx({"ang": 2 / 3, "hap": math.nan, "neu": math.nan, "sad": 1.0}, nan_ok=True)
    assert figures["confusion"] == [[2, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_without_utterances_everything_is_undefined():
    figures = evaluate([], [])
    assert all(math.isnan(figures[name]) for name in ("wa", "ua", "macro_f1"))
    assert all(math.isnan(value) for value in figures["recall"].values())
    assert figures["confusion"] == np.zeros((4, 4)).tolist()


def test_figures_are_plain_numbers():
    figures = evaluate(["ang", "sad"], ["ang", "ang"])
    assert all(type(figures[name]) is float for name in ("wa", "ua", "macro_f1"))
    assert all(type(value) is float for value in figures["recall"].values())
    assert type(figures["confusion"][0][0]) is int


def test_classes_in_another_order_and_two_of_them():
    figures = evaluate(["sad", "ang", "ang"], ["ang", "ang", "sad"], ["sad", "ang"])
    assert figures["confusion"] == [[0, 1], [1, 1]]
    assert figures["recall"] == {"sad": 0.0, "ang": 0.5}
