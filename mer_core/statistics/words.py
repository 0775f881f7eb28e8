"""A comparison in plain sentences, made from its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mer_core.data.protocol import protocol_lines
from mer_core.statistics.compare import Comparison, Pair
from mer_core.statistics.intervals import MIN_GROUPS, Difference, Interval

PLURALS = {"dialog": "dialogs", "speaker": "speakers", "utterance": "utterances"}


def points(share: float) -> str:
    """Return a share in points, one decimal, as the text of a sentence has it: 0.012 is `1.2`."""
    return f"{100 * share:.1f}".replace("-0.0", "0.0")


def p_value(p: float) -> str:
    """Return a p-value with three decimals."""
    return "n/a" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def sentences(comparison: Comparison) -> list[str]:
    """Return what the figures say, one line per pair and figure."""
    num_pairs = len(comparison.pairs)
    return [
        sentence(pair, name, getattr(pair, name.lower()), num_pairs=num_pairs)
        for pair in comparison.pairs
        for name in ("UA", "WA")
    ]


def sentence(pair: Pair, name: str, found: Difference, *, num_pairs: int) -> str:
    """Return what one difference says.

    Args:
        pair: the two systems.
        name: of the figure, as it is written.
        found: the difference.
        num_pairs: over how many pairs p is corrected.
    """
    if math.isnan(found.low):
        return f"{_ahead(pair, name, found)}; {no_interval(found, PLURALS[pair.unit])}."
    ahead, low, high = _turned(pair, found)
    ends = f"95 % interval {points(low)} to {points(high)}"
    p = f"p {p_value(found.p)}" + (f", {p_value(found.p_holm)} over {num_pairs} pairs" if num_pairs > 1 else "")
    limit = f"with this corpus a true difference under {points(found.smallest)} would often be taken for chance"
    if found.told_apart:
        return f"{ahead[0]} beats {ahead[1]} by {points(abs(found.estimate))} points {name}, {ends} ({p}); {limit}."
    return f"{_ahead(pair, name, found)}, {ends} ({p}): not told apart; {limit}."


def no_interval(found: Interval, units: str) -> str:
    """Return why a figure has no interval; `units` is what is resampled, in the plural."""
    why = f"too few {units}" if math.isnan(found.se) else f"it is the same in all {units}"
    return f"no interval: {why}"


def basis(comparison: Comparison) -> list[str]:
    """Return what the figures rest on, and what they leave out."""
    unit = PLURALS[comparison.unit]
    lines = [
        f"{comparison.utterances} utterances; intervals and p from {comparison.resamples} resamples of "
        f"{comparison.groups} {unit}{' within their folds' if comparison.strata > 1 else ''}"
    ]
    if comparison.unit == "utterance":
        lines.append(
            "Neither dialogs nor speakers are known, so utterances are taken for independent: intervals are narrower "
            "than they should be."
        )
    if comparison.groups < MIN_GROUPS:
        lines.append(f"{comparison.groups} {unit} are too few for an interval: {MIN_GROUPS} are needed.")
    lines += protocol_lines({system.name: system.protocol for system in comparison.systems})
    signs = ": look at the signs per fold and seed" if comparison.folds_known and comparison.pairs else ""
    lines.append(f"Intervals are about other {unit}, not about other trainings{signs}.")
    return lines


def signs_line(pair: Pair) -> str:
    """Return in how many folds and seeds the first system is ahead, by UA."""
    if any(sign.fold is None for sign in pair.signs):
        return f"{pair.a} - {pair.b}: the folds are not known, so there is no difference per fold"
    if not pair.signs:
        return f"{pair.a} - {pair.b}: they were tested in different folds, so there is no difference per fold"
    ahead, behind = (sum(sign.ua * way > 0 for sign in pair.signs) for way in (1, -1))
    what = "folds" if len({(s.seed_a, s.seed_b) for s in pair.signs}) == 1 else "folds and seeds"
    turned = (ahead - behind) * pair.ua.estimate < 0
    few = f": few {what} make the difference of the means" if turned else ""
    return f"{pair.a} is ahead of {pair.b} by UA in {ahead} of {len(pair.signs)} {what}, behind in {behind}{few}"


def _ahead(pair: Pair, name: str, found: Difference) -> str:
    if found.estimate == 0:
        return f"{pair.a} and {pair.b} have the same {name}"
    names, _, _ = _turned(pair, found)
    return f"{names[0]} is {points(abs(found.estimate))} points {name} ahead of {names[1]}"


def _turned(pair: Pair, found: Difference) -> tuple[Sequence[str], float, float]:
    """Return the names with the one ahead first, and the interval of its lead."""
    if found.estimate < 0:
        return (pair.b, pair.a), -found.high, -found.low
    return (pair.a, pair.b), found.low, found.high
