"""Systems compared: each with its interval, and every pair with the tests of its difference."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mer_core.data.protocol import protocol_of, same_protocol
from mer_core.statistics.bootstrap import NUM_FIGURES, RESAMPLES, count, observed, resampled, strata
from mer_core.statistics.each import Sign, each_mcnemar, signs
from mer_core.statistics.intervals import MIN_GROUPS, Difference, Interval, difference, interval
from mer_core.statistics.mcnemar import McNemar
from mer_core.statistics.multiple import holm
from mer_core.statistics.panel import Panel, make_panel
from mer_core.statistics.systems import System

SEED = 1  # of the resampling: the same systems give the same interval


@dataclass(frozen=True, slots=True)
class Pair:
    """The difference `a` - `b`."""

    a: str
    b: str
    wa: Difference
    ua: Difference
    mcnemar: tuple[McNemar, ...]
    """One per pair of seeds."""
    signs: tuple[Sign, ...]
    """One per fold and pair of seeds; none where the two were tested in different folds."""
    unit: str
    """What was resampled: `dialog`, `speaker` or `utterance`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """WA and UA of one system: the mean over folds and seeds, as its run's table has them."""

    name: str
    wa: Interval
    ua: Interval
    protocol: Mapping[str, str] | None = None
    """Its `name`, `hash` and `folds_hash`; None for a file of other people's predictions."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that `mer compare` tells, as data.

    Args:
        unit: what was resampled: `dialog`, `speaker` or `utterance`; there are `groups` of them.
        folds_known: whether figures are means over folds that somebody said.
        strata: parts that are resampled each by itself, the folds as a rule; 1: everything is resampled together.
        systems: each by itself.
        pairs: every pair, p corrected over all of them (Holm), WA and UA each by itself.
    """

    unit: str
    groups: int
    utterances: int
    resamples: int
    folds_known: bool
    strata: int
    systems: tuple[Figures, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


def compare(systems: Sequence[System], *, resamples: int = RESAMPLES) -> Comparison:
    """Compare every pair of systems.

    Raises:
        DataError: they are not on the same utterances with the same labels.
    """
    panel = make_panel(systems)
    measured = _measure(panel, resamples)
    several = range(len(systems))
    return Comparison(
        unit=panel.unit,
        groups=panel.num_groups,
        utterances=len(panel.labels_N),
        resamples=resamples,
        folds_known=panel.folds_known,
        strata=measured.strata,
        systems=tuple(replace(measured.figures(s), protocol=_protocol(systems[s])) for s in several),
        pairs=corrected([measured.pair(a, b) for a, b in itertools.combinations(several, 2)]),
        warnings=tuple(dict.fromkeys([w for system in systems for w in system.warnings] + _protocols(systems))),
    )


def compare_pair(a: System, b: System, *, resamples: int = RESAMPLES) -> Pair:
    """Compare two systems; see `compare`. `corrected` corrects several such pairs."""
    return compare([a, b], resamples=resamples).pairs[0]


def intervals_of(system: System, *, resamples: int = RESAMPLES) -> Figures:
    """Return WA and UA of one system with their intervals."""
    return compare([system], resamples=resamples).systems[0]


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return the pairs with their p-values corrected over all of them (Holm), WA and UA each by itself."""
    wa, ua = holm([pair.wa.p for pair in pairs]), holm([pair.ua.p for pair in pairs])
    return tuple(
        replace(pair, wa=replace(pair.wa, p_holm=p_wa), ua=replace(pair.ua, p_holm=p_ua))
        for pair, p_wa, p_ua in zip(pairs, wa, ua, strict=True)
    )


def _protocol(system: System) -> dict[str, str] | None:
    return protocol_of(system.info) if system.info else None


def _protocols(systems: Sequence[System]) -> list[str]:
    infos = {system.name: system.info for system in systems if system.info}
    return same_protocol(infos) if infos else []


@dataclass(frozen=True, slots=True)
class _Measured:
    """A panel with WA and UA (M = 2) of its S systems, observed and on R resamples."""

    panel: Panel
    observed_SM: Float[ndarray, "S M"]
    resampled_RSM: Float[ndarray, "R S M"]
    strata: int

    def figures(self, s: int) -> Figures:
        wa, ua = (
            interval(
                self.observed_SM[s, m],
                self.resampled_RSM[:, s, m],
                groups=self.panel.num_groups,
                strata=self.strata,
                bounds=(0.0, 1.0),
            )
            for m in range(NUM_FIGURES)
        )
        return Figures(self.panel.names[s], wa, ua)

    def pair(self, a: int, b: int) -> Pair:
        wa, ua = (
            difference(
                self.observed_SM[a, m] - self.observed_SM[b, m],
                self.resampled_RSM[:, a, m] - self.resampled_RSM[:, b, m],
                groups=self.panel.num_groups,
                strata=self.strata,
            )
            for m in range(NUM_FIGURES)
        )
        names, mcnemar = self.panel.names, each_mcnemar(self.panel, a, b)
        return Pair(names[a], names[b], wa, ua, mcnemar, signs(self.panel, a, b), self.panel.unit)


def _measure(panel: Panel, resamples: int) -> _Measured:
    counts, strata_G = count(panel), strata(panel)
    if panel.num_groups < MIN_GROUPS:
        drawn_RSM = np.full((1, len(panel.names), NUM_FIGURES), np.nan)
    else:
        drawn_RSM = resampled(counts, strata_G, resamples=resamples, seed=SEED)
    return _Measured(panel, observed(counts), drawn_RSM, strata=int(strata_G.max()) + 1)
