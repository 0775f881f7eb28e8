"""Whether probabilities mean what they say, and what is gained by abstaining."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

NUM_BINS = 15
COVERAGES = tuple(k / 20 for k in range(1, 21))


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of similar confidence (the probability of the class chosen): its range, how many, how many right."""

    low: float
    high: float
    utterances: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error and the bins it is made of; empty bins are left out.

    Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    section 2: 15 bins of equal width.
    """

    ece: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The share of errors among the most confident predictions, for a share of utterances that are answered.

    `aurc` is the mean risk over all coverages (Y. Geifman, G. Uziel and R. El-Yaniv, "Bias-reduced uncertainty
    estimation for deep neural classifiers", ICLR 2019); `coverage` and `risk` are points of the curve.
    """

    aurc: float
    coverage: tuple[float, ...]
    risk: tuple[float, ...]


def calibration(confidence_N: Float[ndarray, " N"], right_N: Bool[ndarray, " N"]) -> Calibration:
    """Return the calibration of predictions with these confidences."""
    edges = np.linspace(0, 1, NUM_BINS + 1)
    bin_N = np.clip(np.digitize(confidence_N, edges[1:-1], right=True), 0, NUM_BINS - 1)
    bins = tuple(
        Bin(
            float(edges[k]),
            float(edges[k + 1]),
            int((bin_N == k).sum()),
            float(confidence_N[bin_N == k].mean()),
            float(right_N[bin_N == k].mean()),
        )
        for k in np.unique(bin_N)
    )
    return Calibration(sum(b.utterances * abs(b.accuracy - b.confidence) for b in bins) / len(confidence_N), bins)


def risk_coverage(confidence_N: Float[ndarray, " N"], right_N: Bool[ndarray, " N"]) -> RiskCoverage:
    """Return the risk when the least confident are not answered. Equal confidences share their errors equally."""
    _, level_N, size_L = np.unique(-confidence_N, return_inverse=True, return_counts=True)
    mean_error_L = np.bincount(level_N, weights=~right_N) / size_L
    answered_N = np.arange(1, len(confidence_N) + 1)
    risk_N = np.cumsum(mean_error_L[np.sort(level_N)]) / answered_N
    places = [max(1, round(c * len(risk_N))) - 1 for c in COVERAGES]
    return RiskCoverage(float(risk_N.mean()), COVERAGES, tuple(float(risk_N[i]) for i in places))
