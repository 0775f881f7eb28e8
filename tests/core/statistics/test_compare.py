"""The figures of a comparison: those of the run's table, and intervals that independent references confirm."""

import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from mer_core.errors import DataError
from mer_core.statistics import compare, compare_pair, corrected, intervals_of, part_of


def means_of_cells(system):
    """Return accuracy and balanced accuracy by scikit-learn, averaged over seeds and folds."""
    pairs = [(t.predictions.labels, t.predictions.predicted) for t in system.trials]
    return np.mean([(accuracy_score(*pair), balanced_accuracy_score(*pair)) for pair in pairs], axis=0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4))
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_estimates_are_those_of_the_runs_table(made, seed, seeds, folds):
    rng = np.random.default_rng(seed)
    utterances = made.corpus(rng, dialogs=8, folds=folds, each=5)
    a, b = (
        made.system(name, utterances, [made.drawn(rng, utterances, 0.6) for _ in range(seeds)]) for name in ("a", "b")
    )
    compared = compare([a, b], resamples=10)
    for figures, system in zip(compared.systems, (a, b), strict=True):
        assert (figures.wa.estimate, figures.ua.estimate) == pytest.approx(means_of_cells(system))
    pair = compared.pairs[0]
    assert (pair.wa.estimate, pair.ua.estimate) == pytest.approx(means_of_cells(a) - means_of_cells(b))


def test_the_estimate_is_the_number_of_the_table_though_folds_differ_in_size(made):
    """Three of four right in a fold of 4, none in a fold of 1: 37.5, not the 60 of all utterances together."""
    utterances = [replace(u, label="sad") for u in made.corpus(np.random.default_rng(0), dialogs=2, folds=2, each=4)]
    utterances = utterances[:5]
    system = made.system("a", utterances, [["sad", "sad", "sad", "ang", "ang"]])
    assert intervals_of(system).wa.estimate == pytest.approx(0.375)


def test_standard_error_is_that_of_cluster_robust_regression(made):
    """Dialogs of equal size in one fold: WA is a mean, and statsmodels knows the variance of a clustered mean."""
    rng = np.random.default_rng(1)
    utterances = made.corpus(rng, dialogs=40, folds=1, each=10)
    a, b = (
        made.system(name, utterances, [made.drawn(rng, utterances, accuracy, spread=0.2)])
        for name, accuracy in (("a", 0.7), ("b", 0.6))
    )
    right = [
        np.array([u.label == t for u, t in zip(utterances, s.trials[0].predictions.predicted, strict=True)])
        for s in (a, b)
    ]
    gap = right[0].astype(float) - right[1]
    dialogs = np.repeat(np.arange(40), 10)
    reference = sm.OLS(gap, np.ones(len(gap))).fit(cov_type="cluster", cov_kwds={"groups": dialogs}, use_t=True)
    pair = compare_pair(a, b)
    assert pair.wa.estimate == pytest.approx(reference.params[0])
    assert pair.wa.se == pytest.approx(reference.bse[0], rel=0.03)
    assert (pair.wa.low, pair.wa.high) == pytest.approx(reference.conf_int()[0], abs=0.003)
    assert pair.wa.p == pytest.approx(reference.pvalues[0], rel=0.1)
    unclustered = gap.std() / math.sqrt(len(gap))
    assert pair.wa.se > 1.15 * unclustered  # else the test could not tell the two apart


def test_standard_error_of_ua_is_that_of_scipys_bootstrap(made):
    """One fold; scipy draws n dialogs where we draw n - 1."""
    rng = np.random.default_rng(2)
    utterances = made.corpus(rng, dialogs=25, folds=1, each=12)
    predicted = made.drawn(rng, utterances, 0.6, spread=0.2)
    labels = np.array([u.label for u in utterances]).reshape(25, 12)
    right = labels == np.array(predicted).reshape(25, 12)

    def ua(dialogs):
        own, hits = labels[dialogs].ravel(), right[dialogs].ravel()
        return np.mean([hits[own == name].mean() for name in np.unique(own)])

    reference = stats.bootstrap((np.arange(25),), ua, vectorized=False, n_resamples=1500, method="percentile", rng=rng)
    found = intervals_of(made.system("a", utterances, [predicted])).ua
    assert found.se == pytest.approx(reference.standard_error * math.sqrt(25 / 24), rel=0.08)


def test_folds_keep_their_dialogs(made):
    """Folds that differ, dialogs within each that do not: nothing varies, and nothing is claimed."""
    utterances = [replace(u, label="sad") for u in made.corpus(np.random.default_rng(0), dialogs=20, folds=2, each=4)]
    predicted = ["sad" if u.session == "1" or u.id.endswith("00") else "ang" for u in utterances]
    found = intervals_of(made.system("a", utterances, [predicted])).wa
    assert (found.estimate, found.se) == (0.625, 0.0)
    assert math.isnan(found.low)


def test_where_a_fold_is_one_group_folds_are_resampled(made):
    """Leave one speaker out without dialogs: the standard error is that of the mean of the speakers' figures."""
    rng = np.random.default_rng(3)
    utterances = [replace(u, fields={}, speaker=u.fields["dialog"]) for u in made.corpus(rng, dialogs=12, each=20)]
    dialogs = made.corpus(rng, dialogs=12, each=20)
    system = made.system("a", utterances, [made.drawn(rng, dialogs, 0.6, spread=0.2)], fold=lambda u: u.speaker)
    by_speaker = [accuracy_score(t.predictions.labels, t.predictions.predicted) for t in system.trials]
    compared = compare([system])
    assert (compared.unit, compared.groups) == ("speaker", 12)
    assert compared.systems[0].wa.se == pytest.approx(stats.sem(by_speaker), rel=0.03)


def test_dialogs_of_two_speakers_are_resampled_within_the_session(made):
    """Leave one speaker out with dialogs: both folds of a session share its dialogs."""
    rng = np.random.default_rng(4)
    utterances = made.corpus(rng, dialogs=20, folds=2, each=8)
    predicted = ["ang" if u.session == "1" else u.label for u in utterances]
    utterances = [replace(u, label="ang") if u.session == "1" else u for u in utterances]
    found = compare([made.system("a", utterances, [predicted], fold=lambda u: u.speaker)])
    assert found.unit == "dialog"
    assert (found.systems[0].wa.estimate, found.systems[0].wa.se) == pytest.approx((1.0, 0.0))


def test_seeds_are_averaged_within_an_utterance(made):
    """The same predictions with three seeds are no more certain than with one."""
    rng = np.random.default_rng(5)
    utterances = made.corpus(rng)
    predicted = made.drawn(rng, utterances, 0.6)
    one, three = (intervals_of(made.system("a", utterances, [predicted] * seeds)) for seeds in (1, 3))
    assert three.ua.se == pytest.approx(one.ua.se)


def test_equal_systems_do_not_differ(made):
    rng = np.random.default_rng(6)
    utterances = made.corpus(rng)
    predicted = made.drawn(rng, utterances, 0.6)
    pair = compare_pair(*(made.system(name, utterances, [predicted]) for name in ("a", "b")))
    assert (pair.ua.estimate, pair.ua.se, pair.ua.p, pair.ua.smallest) == (0, 0, 1, 0)
    assert not pair.ua.told_apart
    assert pair.mcnemar[0].p_exact == 1


def test_the_order_of_systems_turns_the_sign_and_nothing_else(made):
    rng = np.random.default_rng(7)
    utterances = made.corpus(rng)
    a, b = (made.system(n, utterances, [made.drawn(rng, utterances, p)]) for n, p in (("a", 0.7), ("b", 0.6)))
    there, back = compare_pair(a, b), compare_pair(b, a)
    assert (there.ua.estimate, there.ua.low) == pytest.approx((-back.ua.estimate, -back.ua.high))
    assert there.ua.p == pytest.approx(back.ua.p)
    assert [s.ua for s in there.signs] == pytest.approx([-s.ua for s in back.signs])


def test_smallest_difference_is_found_four_times_in_five(made):
    """By simulation of the estimate: normal with the standard error, tested at 5 %."""
    rng = np.random.default_rng(8)
    utterances = made.corpus(rng, dialogs=150)
    a, b = (made.system(n, utterances, [made.drawn(rng, utterances, 0.6)]) for n in ("a", "b"))
    pair = compare_pair(a, b)
    draws = rng.normal(pair.ua.smallest, pair.ua.se, 20_000)
    found = np.mean(2 * stats.t.sf(np.abs(draws) / pair.ua.se, df=145) < 0.05)
    assert found == pytest.approx(0.8, abs=0.015)


def test_holm_is_over_the_pairs_given(made):
    rng = np.random.default_rng(9)
    utterances = made.corpus(rng)
    systems = [
        made.system(n, utterances, [made.drawn(rng, utterances, p)])
        for n, p in zip("abc", (0.6, 0.62, 0.75), strict=True)
    ]
    compared = compare(systems)
    assert [(p.a, p.b) for p in compared.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    by_p = sorted(compared.pairs, key=lambda pair: pair.ua.p)
    assert by_p[0].ua.p_holm == pytest.approx(min(1, 3 * by_p[0].ua.p))
    assert by_p[2].ua.p_holm >= by_p[1].ua.p_holm
    assert corrected(compared.pairs[:1])[0].ua.p_holm == compared.pairs[0].ua.p


def test_signs_are_the_differences_of_each_fold_and_seed(made):
    rng = np.random.default_rng(10)
    utterances = made.corpus(rng)
    a, b = (made.system(n, utterances, [made.drawn(rng, utterances, 0.6) for _ in range(2)]) for n in ("a", "b"))
    pair = compare_pair(a, b)
    assert [(s.seed_a, s.seed_b, s.fold) for s in pair.signs] == [(s, s, str(f)) for s in (1, 2) for f in range(1, 6)]
    for sign, one, other in zip(pair.signs, a.trials, b.trials, strict=True):
        p, q = one.predictions, other.predictions
        assert sign.wa == pytest.approx(accuracy_score(p.labels, p.predicted) - accuracy_score(q.labels, q.predicted))
        assert sign.ua == pytest.approx(
            balanced_accuracy_score(p.labels, p.predicted) - balanced_accuracy_score(q.labels, q.predicted)
        )
    assert np.mean([s.ua for s in pair.signs]) == pytest.approx(pair.ua.estimate)


def test_different_folds_have_estimates_but_no_signs(made):
    rng = np.random.default_rng(11)
    utterances = made.corpus(rng)
    predicted = [made.drawn(rng, utterances, 0.6)]
    by_session, by_speaker = (
        made.system(n, utterances, predicted, fold=fold)
        for n, fold in (("a", lambda u: u.session), ("b", lambda u: u.speaker))
    )
    compared = compare([by_session, by_speaker])
    assert compared.pairs[0].signs == ()
    assert [f.ua.estimate for f in compared.systems] == pytest.approx(
        [means_of_cells(by_session)[1], means_of_cells(by_speaker)[1]]
    )


def test_too_few_groups_give_an_estimate_and_no_interval(made):
    rng = np.random.default_rng(12)
    for dialogs in (1, 5):
        utterances = made.corpus(rng, dialogs=dialogs, folds=1)
        a, b = (made.system(n, utterances, [made.drawn(rng, utterances, 0.6)]) for n in ("a", "b"))
        pair = compare_pair(a, b)
        assert pair.wa.estimate == pytest.approx(means_of_cells(a)[0] - means_of_cells(b)[0])
        assert all(map(math.isnan, (pair.wa.low, pair.wa.high, pair.wa.p, pair.wa.p_holm, pair.wa.smallest)))
        assert not pair.wa.told_apart


def test_a_difference_without_variance_is_no_surer_than_its_groups_allow(made):
    utterances = made.corpus(np.random.default_rng(13), dialogs=6, folds=1)
    right, wrong = [u.label for u in utterances], ["ang" if u.label != "ang" else "sad" for u in utterances]
    pair = compare_pair(made.system("a", utterances, [right]), made.system("b", utterances, [wrong]))
    assert (pair.ua.estimate, pair.ua.se, pair.ua.p) == (1.0, 0.0, 1 / 32)


def test_a_part_has_the_figures_of_its_utterances(made):
    rng = np.random.default_rng(14)
    utterances = [
        replace(u, fields={**u.fields, "kind": "scripted" if i % 3 else "improvised"})
        for i, u in enumerate(made.corpus(rng))
    ]
    predicted = made.drawn(rng, utterances, 0.6)
    part = part_of(made.system("a", utterances, [predicted]), lambda u: u.fields["kind"] == "improvised")
    kept = [i for i, u in enumerate(utterances) if u.fields["kind"] == "improvised"]
    alone = made.system("b", [utterances[i] for i in kept], [[predicted[i] for i in kept]])
    assert intervals_of(part).ua.estimate == pytest.approx(means_of_cells(alone)[1])
    with pytest.raises(DataError, match="a: no utterance is left of those that were asked for"):
        part_of(part, lambda u: u.fields["kind"] == "scripted")
