"""Two systems fold by fold and seed by seed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mer_core.statistics.mcnemar import McNemar, mcnemar
from mer_core.statistics.panel import Panel


@dataclass(frozen=True, slots=True)
class Sign:
    """The difference of two systems in one fold with one seed of each, in shares; None: not known."""

    fold: str | None
    seed_a: int | None
    seed_b: int | None
    wa: float
    ua: float


def each_mcnemar(panel: Panel, a: int, b: int) -> tuple[McNemar, ...]:
    """Return McNemar's test for each pair of seeds."""
    return tuple(
        mcnemar(panel.right_SKN[a][i], panel.right_SKN[b][j], seed_a=panel.seeds[a][i], seed_b=panel.seeds[b][j])
        for i, j in _paired(panel.seeds[a], panel.seeds[b])
    )


def signs(panel: Panel, a: int, b: int) -> tuple[Sign, ...]:
    """Return the difference for each pair of seeds and each fold; none where the two have different folds."""
    fold_of = [[panel.folds[s][fold] for fold in panel.folds_SN[s]] for s in (a, b)]
    if fold_of[0] != fold_of[1]:
        return ()
    return tuple(
        _sign(panel, a, b, i, j, fold)
        for i, j in _paired(panel.seeds[a], panel.seeds[b])
        for fold in range(len(panel.folds[a]))
    )


def _paired(seeds_a: tuple[int | None, ...], seeds_b: tuple[int | None, ...]) -> list[tuple[int, int]]:
    """Return which seed of one goes with which of the other: equal ones, or all with all where none are equal."""
    common = [(seeds_a.index(seed), seeds_b.index(seed)) for seed in seeds_a if seed in seeds_b]
    return common or list(itertools.product(range(len(seeds_a)), range(len(seeds_b))))


def _sign(panel: Panel, a: int, b: int, i: int, j: int, fold: int) -> Sign:
    inside_N = panel.folds_SN[a] == fold
    labels_n = panel.labels_N[inside_N]
    wa_a, ua_a = _wa_ua(labels_n, panel.right_SKN[a][i][inside_N])
    wa_b, ua_b = _wa_ua(labels_n, panel.right_SKN[b][j][inside_N])
    return Sign(panel.folds[a][fold], panel.seeds[a][i], panel.seeds[b][j], wa_a - wa_b, ua_a - ua_b)


def _wa_ua(labels_n: Int[ndarray, " n"], right_n: Float[ndarray, " n"]) -> tuple[float, float]:
    return float(right_n.mean()), float(np.mean([right_n[labels_n == c].mean() for c in np.unique(labels_n)]))
