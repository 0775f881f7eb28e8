"""Calibration against scikit-learn, risk and coverage against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from mer_core.diagnosis.calibration import NUM_BINS, calibration, risk_coverage

ROWS = st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=1, max_size=80)


@given(ROWS)
def test_bins_are_those_of_scikit_learn(rows):
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    found = calibration(confidence, right)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=NUM_BINS)
    assert [b.accuracy for b in found.bins] == pytest.approx(accuracies)
    assert [b.confidence for b in found.bins] == pytest.approx(confidences)
    shares = np.array([b.utterances for b in found.bins]) / len(rows)
    assert found.ece == pytest.approx(shares @ np.abs(accuracies - confidences))


def test_a_system_that_is_as_sure_as_it_is_right_has_no_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.25, 1.0, 40_000)
    right = rng.random(40_000) < confidence
    assert calibration(confidence, right).ece < 0.01
    assert calibration(np.full(1000, 0.9), np.arange(1000) < 500).ece == pytest.approx(0.4)


def test_full_confidence_is_in_the_last_bin():
    found = calibration(np.array([1.0, 0.0]), np.array([True, False]))
    assert [(b.low, b.high, b.utterances) for b in found.bins] == [(0, 1 / 15, 1), (pytest.approx(14 / 15), 1, 1)]


@given(ROWS)
def test_risk_is_the_share_of_errors_among_the_most_confident(rows):
    """By definition, for every number answered; within equal confidences the mean over their orders."""
    found = risk_coverage(np.array([c for c, _ in rows]), np.array([r for _, r in rows]))
    groups = sorted({c for c, _ in rows}, reverse=True)
    expected = [np.mean([not r for c, r in rows if c == group]) for group in groups for c, _ in rows if c == group]
    risks = [np.mean(expected[:n]) for n in range(1, len(rows) + 1)]
    assert found.aurc == pytest.approx(np.mean(risks))
    assert found.risk[-1] == pytest.approx(np.mean([not r for _, r in rows]))


def test_errors_that_are_the_least_sure_cost_nothing_until_answered():
    confidence, right = np.linspace(0.9, 0.5, 20), np.arange(20) < 15
    found = risk_coverage(confidence, right)
    at = dict(zip(found.coverage, found.risk, strict=True))
    assert (at[0.75], at[1.0]) == (0.0, 0.25)
    assert risk_coverage(confidence[::-1], right).aurc > found.aurc
