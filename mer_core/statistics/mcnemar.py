"""McNemar's test: which of two systems is right where the other is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats


@dataclass(frozen=True, slots=True)
class McNemar:
    """Whether two systems are right equally often, utterance by utterance, all folds together.

    It takes utterances for independent. Those of one dialog are not, so its p is smaller than it should be: it is
    here because it is what papers print.

    Args:
        seed_a: the seed of the first system (None: not known), `seed_b` that of the second.
        only_a: utterances that only the first has right, `only_b` that only the second has.
        p_exact: two-sided, exact binomial.
        p_mid: the mid-p value, which is less cautious (M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test
            for binary matched-pairs data", BMC Med. Res. Methodol. 13, 2013).
    """

    seed_a: int | None
    seed_b: int | None
    only_a: int
    only_b: int
    p_exact: float
    p_mid: float


def mcnemar(
    right_a_N: Float[ndarray, " N"],
    right_b_N: Float[ndarray, " N"],
    *,
    seed_a: int | None = None,
    seed_b: int | None = None,
) -> McNemar:
    """Compare who was right (1) or wrong (0)."""
    from statsmodels.stats.contingency_tables import mcnemar as exact

    a, b = right_a_N > 0, right_b_N > 0
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    p_exact = float(exact([[0, only_a], [only_b, 0]], exact=True).pvalue)
    discordant = stats.binom(only_a + only_b, 0.5)
    p_mid = 2 * discordant.cdf(min(only_a, only_b) - 1) + discordant.pmf(min(only_a, only_b))
    return McNemar(seed_a, seed_b, only_a, only_b, p_exact, min(1.0, float(p_mid)))
