"""McNemar and Holm against scipy and their own definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mer_core.statistics.mcnemar import mcnemar
from mer_core.statistics.multiple import holm

BITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(BITS)
def test_mcnemar_is_the_binomial_test_of_scipy(bits):
    a, b = np.array(bits, dtype=float).T
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (bits.count((True, False)), bits.count((False, True)))
    n = found.only_a + found.only_b
    assert found.p_exact == pytest.approx(stats.binomtest(found.only_a, n, 0.5).pvalue if n else 1.0)


@given(BITS)
def test_mid_p_counts_the_observed_table_half(bits):
    a, b = np.array(bits, dtype=float).T
    found = mcnemar(a, b)
    n, k = found.only_a + found.only_b, min(found.only_a, found.only_b)
    tail = sum(math.comb(n, i) for i in range(k)) + math.comb(n, k) / 2
    assert found.p_mid == pytest.approx(min(1.0, 2 * tail / 2**n))
    assert found.p_mid <= found.p_exact


@settings(max_examples=5)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_by_its_definition(p_values):
    """Each p times how many are not smaller; never below that of a smaller one; ties apart."""
    found, highest = holm(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        assert found[i] == pytest.approx(highest)


def test_what_is_not_known_is_not_counted():
    found = holm([0.01, math.nan, 0.04])
    assert found[0] == pytest.approx(0.02)
    assert math.isnan(found[1])
    assert found[2] == pytest.approx(0.04)
