"""How far a figure, or a difference of two, is from sure.

Intervals are estimate +- t * standard error. The standard error is that of the resampled figures; t has as many degrees
of freedom as there are groups beyond one per stratum (A. C. Cameron, J. B. Gelbach and D. L. Miller, "Bootstrap-based
improvements for inference with clustered errors", Rev. Econ. Stat. 90, 2008: without it few groups seem more certain
than they are). `benchmarks/false_positives.py` checks what this promises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import special

LEVEL = 0.95
ALPHA = 1 - LEVEL
POWER = 0.8
NOTHING = 1e-12  # what is left of nothing after sums of floats
MIN_GROUPS = 6
"""With fewer groups not even a test that swaps two systems in every one of them could reach 5 %: 2 / 2^5 = 0.06."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its standard error and 95 % interval, as shares.

    With too few groups all but the estimate are NaN. Where no group differs from another the standard error is 0 and
    the ends are NaN: that nothing varied is no proof that nothing would.
    """

    estimate: float
    low: float
    high: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Interval):
    """The difference of a figure between two systems.

    Args:
        p: how often equal systems would differ as much or more.
        p_holm: the same, corrected for the number of pairs compared.
        smallest: the true difference that would be found four times in five (power 0.8 at the 5 % level).
    """

    p: float
    p_holm: float
    smallest: float

    @property
    def told_apart(self) -> bool:
        """Whether the systems differ at the 5 % level, over all pairs."""
        return self.p_holm < ALPHA


def interval(
    estimate: float, resampled_R: Float[ndarray, " R"], *, groups: int, strata: int, bounds: tuple[float, float]
) -> Interval:
    """Return the interval of an estimate; its ends stay within `bounds`."""
    se = _se(resampled_R, groups)
    half = _quantile(1 - ALPHA / 2, groups - strata) * se if se > 0 else math.nan
    low, high = np.clip([estimate - half, estimate + half], *bounds)
    return Interval(float(estimate), float(low), float(high), se)


def difference(estimate: float, resampled_R: Float[ndarray, " R"], *, groups: int, strata: int) -> Difference:
    """Return the difference of two figures, uncorrected for other pairs."""
    whole = interval(estimate, resampled_R, groups=groups, strata=strata, bounds=(-1.0, 1.0))
    df = groups - strata
    p = _p(whole, groups, df)
    smallest = (_quantile(1 - ALPHA / 2, df) + _quantile(POWER, df)) * whole.se
    return Difference(whole.estimate, whole.low, whole.high, whole.se, p=p, p_holm=p, smallest=smallest)


def _se(resampled_R: Float[ndarray, " R"], groups: int) -> float:
    if groups < MIN_GROUPS:
        return math.nan
    se = float(resampled_R.std(ddof=1))
    return se if se > NOTHING else 0.0


def _quantile(q: float, df: int) -> float:
    """Return the quantile of Student's t."""
    return float(special.stdtrit(df, q))


def _p(whole: Interval, groups: int, df: int) -> float:
    """Return the two-sided p, never below what swapping the systems in every group could show."""
    if math.isnan(whole.se):
        return math.nan
    if whole.se == 0:
        return 2.0 ** (1 - groups) if abs(whole.estimate) > NOTHING else 1.0
    return max(2 * float(special.stdtr(df, -abs(whole.estimate) / whole.se)), 2.0 ** (1 - groups))
