"""Sentences say what the figures say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mer_core.statistics import Difference, Pair, compare
from mer_core.statistics.each import Sign
from mer_core.statistics.words import basis, p_value, points, sentence, sentences, signs_line

FOUND = Difference(0.012, 0.003, 0.021, 0.0046, p=0.01, p_holm=0.01, smallest=0.0129)


def pair(found, signs=(), unit="dialog"):
    return Pair("A", "B", found, found, (), signs, unit)


def said(found, num_pairs=1):
    return sentence(pair(found), "UA", found, num_pairs=num_pairs)


def test_a_difference_in_one_sentence():
    assert said(FOUND) == (
        "A beats B by 1.2 points UA, 95 % interval 0.3 to 2.1 (p 0.010); "
        "with this corpus a true difference under 1.3 would often be taken for chance."
    )


def test_the_system_ahead_is_named_first():
    turned = Difference(-0.012, -0.021, -0.003, 0.0046, p=0.01, p_holm=0.01, smallest=0.0129)
    assert said(turned).startswith("B beats A by 1.2 points UA, 95 % interval 0.3 to 2.1 (")


def test_holm_decides_over_several_pairs():
    found = Difference(0.012, 0.003, 0.021, 0.0046, p=0.04, p_holm=0.12, smallest=0.0129)
    assert said(found, 3).startswith(
        "A is 1.2 points UA ahead of B, 95 % interval 0.3 to 2.1 (p 0.040, 0.120 over 3 pairs): not told apart; "
    )


@pytest.mark.parametrize(("se", "why"), [(math.nan, "too few {}"), (0.0, "it is the same in all {}")])
@pytest.mark.parametrize("unit", ["dialog", "speaker", "utterance"])
def test_without_an_interval_the_reason_is_said(se, why, unit):
    found = Difference(0.012, math.nan, math.nan, se, p=math.nan, p_holm=math.nan, smallest=math.nan)
    told = sentence(pair(found, unit=unit), "UA", found, num_pairs=1)
    assert told == f"A is 1.2 points UA ahead of B; no interval: {why.format(unit + 's')}."


def test_equal_figures_have_no_one_ahead():
    found = Difference(0.0, -0.01, 0.01, 0.005, p=1.0, p_holm=1.0, smallest=0.01)
    assert said(found).startswith("A and B have the same UA, 95 % interval -1.0 to 1.0 (p 1.000): not told apart;")


def test_signs_are_counted():
    signs = tuple(Sign(str(f), 1, 1, 0.0, ua) for f, ua in enumerate((0.1, 0.2, -0.1, 0.0, 0.3)))
    assert signs_line(pair(FOUND, signs)) == "A is ahead of B by UA in 3 of 5 folds, behind in 1"
    several = signs + tuple(Sign(s.fold, 2, 2, 0.0, 0.1) for s in signs)
    assert signs_line(pair(FOUND, several)) == "A is ahead of B by UA in 8 of 10 folds and seeds, behind in 1"
    assert "different folds" in signs_line(pair(FOUND))
    one = tuple(Sign(str(f), 1, 1, 0.0, ua) for f, ua in enumerate((0.3, -0.1, -0.1)))
    assert signs_line(pair(FOUND, one)).endswith(
        "in 1 of 3 folds, behind in 2: few folds make the difference of the means"
    )


def test_numbers_as_they_are_written():
    assert [points(x) for x in (0.0123, -0.0004, -0.02)] == ["1.2", "0.0", "-2.0"]
    assert [p_value(p) for p in (0.0314, 0.0002, math.nan)] == ["0.031", "< 0.001", "n/a"]


def test_the_basis_says_what_was_resampled_and_when_it_is_too_little(made):
    rng = np.random.default_rng(0)
    utterances = made.corpus(rng, dialogs=10)
    system = made.system("a", utterances, [made.drawn(rng, utterances, 0.6)])
    assert basis(compare([system], resamples=10))[0] == (
        "80 utterances; intervals and p from 10 resamples of 10 dialogs within their folds"
    )
    assert basis(compare([system], resamples=10))[-1] == "Intervals are about other dialogs, not about other trainings."
    told = basis(compare([system, replace(system, name="b")], resamples=10))
    assert told[-1].endswith("other dialogs, not about other trainings: look at the signs per fold and seed.")
    few = made.system("a", utterances[:40], [made.drawn(rng, utterances[:40], 0.6)])
    assert "5 dialogs are too few for an interval: 6 are needed." in basis(compare([few], resamples=10))


def test_folds_dialogs_and_speakers_are_named_only_where_they_are_known(made):
    rng = np.random.default_rng(0)
    utterances = made.corpus(rng, dialogs=10)
    drawn = made.drawn(rng, utterances, 0.6)
    a, b = (made.system(name, utterances, [drawn], fold=lambda u: None, known=False) for name in "ab")
    compared = compare([a, b], resamples=10)
    assert basis(compared) == [
        "80 utterances; intervals and p from 10 resamples of 80 utterances",
        "Neither dialogs nor speakers are known, so utterances are taken for independent: intervals are narrower than "
        "they should be.",
        "protocol: not known (a file of predictions)",
        "Intervals are about other utterances, not about other trainings.",
    ]
    assert sentences(compared)[0] == "a and b have the same UA; no interval: it is the same in all utterances."
    assert signs_line(compared.pairs[0]) == "a - b: the folds are not known, so there is no difference per fold"


def test_each_pair_has_a_sentence_for_each_figure(made):
    rng = np.random.default_rng(1)
    utterances = made.corpus(rng)
    systems = [made.system(n, utterances, [made.drawn(rng, utterances, 0.6)]) for n in "abc"]
    found = sentences(compare(systems, resamples=50))
    assert len(found) == 6
    assert sum(" UA" in line for line in found) == 3
