"""The tables of a comparison: from its figures to rows of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mer_cli.console import Table
from mer_cli.words import MISSING, percent

if TYPE_CHECKING:
    from mer_core.statistics import Comparison, Difference, Interval, Pair
    from mer_core.statistics.mcnemar import McNemar


def systems_table(comparison: Comparison) -> Table:
    """Return WA and UA of each system with their intervals."""
    return Table(
        columns=["system", "WA", "95 %", "UA", "95 %"],
        rows=[[s.name, *_interval(s.wa), *_interval(s.ua)] for s in comparison.systems],
        title=f"systems: percent{', mean over folds and seeds' if comparison.folds_known else ''}",
    )


def differences_table(comparison: Comparison) -> Table:
    """Return the difference of each pair, with p by itself and over all pairs."""
    return Table(
        columns=["", "", "first - second", "95 %", "p", "p, Holm", "smallest"],
        rows=[
            [_name(pair), figure, *_difference(found)]
            for pair in comparison.pairs
            for figure, found in (("UA", pair.ua), ("WA", pair.wa))
        ],
        num_names=2,
        title="differences: points; smallest: the true difference that is found four times in five",
    )


def mcnemar_table(comparison: Comparison) -> Table:
    """Return McNemar's test of each pair of systems and seeds."""
    return Table(
        columns=["", "seeds", "only first right", "only second right", "p, exact", "mid-p"],
        rows=[[_name(pair), *_mcnemar(test)] for pair in comparison.pairs for test in pair.mcnemar],
        num_names=2,
        title="McNemar, which takes utterances for independent",
    )


def interval_words(comparison: Comparison) -> str:
    """Return WA and UA of one system with their intervals, as a sentence."""
    from mer_core.statistics.words import PLURALS

    (figures,) = comparison.systems
    units = PLURALS[comparison.unit]
    said = f"WA {_with_interval(figures.wa, units)}, UA {_with_interval(figures.ua, units)}"
    how = f"{comparison.groups} {units} resampled"
    return f"{said}; per fold, then averaged over folds and seeds; {how}."


def _with_interval(found: Interval, units: str) -> str:
    from mer_core.statistics.words import no_interval

    estimate, ends = _interval(found)
    return f"{estimate} ({no_interval(found, units) if ends == MISSING else f'95 % interval {ends}'})"


def _name(pair: Pair) -> str:
    return f"{pair.a} - {pair.b}"


def _interval(found: Interval) -> list[str]:
    ends = MISSING if math.isnan(found.low) else f"{percent(found.low)} to {percent(found.high)}"
    return [percent(found.estimate), ends]


def _difference(found: Difference) -> list[str]:
    from mer_core.statistics.words import p_value

    return [*_interval(found), p_value(found.p), p_value(found.p_holm), percent(found.smallest)]


def _mcnemar(test: McNemar) -> Sequence[str]:
    from mer_core.statistics.words import p_value

    seeds = " ".join(str(seed) for seed in dict.fromkeys((test.seed_a, test.seed_b)) if seed is not None)
    return [seeds or MISSING, str(test.only_a), str(test.only_b), p_value(test.p_exact), p_value(test.p_mid)]
