"""WA and UA of systems on resampled dialogs, all systems on the same resamples.

A resample of a fold's n dialogs draws n - 1 of them with replacement and counts each n / (n - 1) times, so that the
variance is right also where n is small (J. N. K. Rao and C. F. J. Wu, "Resampling inference with complex survey data",
JASA 83, 1988). Folds keep their dialogs. Where a dialog's utterances lie in several folds, those folds are resampled
together; where a fold has a single dialog, there is nothing to draw from, and all folds are resampled together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mer_core.statistics.panel import Panel

RESAMPLES = 10_000
NUM_FIGURES = 2  # M: WA, then UA
_AT_ONCE = 1_000  # resamples drawn together: bounds the memory


@dataclass(frozen=True, slots=True)
class Counts:
    """What WA and UA are made of, per group, as columns to add up: G rows.

    A fold of a system has 1 + 2C columns: its share of the fold's groups, then by true class how many utterances
    there are and how many were right (its mean over seeds).
    """

    columns_GD: sparse.csr_array
    folds_S: tuple[int, ...]
    """The number of folds of each system."""
    num_classes: int

    def figures(self, sums_RD: Float[ndarray, "R D"]) -> Float[ndarray, "R S M"]:
        """Return WA and UA of each system from summed columns: per fold, then the mean over folds."""
        width, start, found = 1 + 2 * self.num_classes, 0, []
        for folds in self.folds_S:
            part_RFX = sums_RD[:, start : start + folds * width].reshape(len(sums_RD), folds, width)
            found.append(_figures(part_RFX, self.num_classes))
            start += folds * width
        return np.stack(found, axis=1)


def count(panel: Panel) -> Counts:
    """Return the counts of a panel."""
    blocks = [_block(panel, system) for system in range(len(panel.names))]
    folds_S = tuple(len(names) for names in panel.folds)
    return Counts(sparse.csr_array(sparse.hstack(blocks)), folds_S, len(panel.classes))


def observed(counts: Counts) -> Float[ndarray, "S M"]:
    """Return WA and UA as a run's table has them: the mean over folds and seeds."""
    sums_D: Float[ndarray, " D"] = counts.columns_GD.sum(axis=0)
    figures_SM: Float[ndarray, "S M"] = counts.figures(sums_D[None])[0]
    return figures_SM


def resampled(counts: Counts, strata_G: Int[ndarray, " G"], *, resamples: int, seed: int) -> Float[ndarray, "R S M"]:
    """Return WA and UA of each system on each resample."""
    rng = np.random.default_rng(seed)
    kinds = [_kinds(counts, np.flatnonzero(strata_G == stratum)) for stratum in range(strata_G.max() + 1)]
    parts = []
    for start in range(0, resamples, _AT_ONCE):
        sums_RD = np.zeros((min(_AT_ONCE, resamples - start), counts.columns_GD.shape[1]))
        for columns, values_KX, times_K in kinds:
            n = times_K.sum()
            drawn_RK = rng.multinomial(n - 1, times_K / n, size=len(sums_RD))
            sums_RD[:, columns] += drawn_RK @ (values_KX * (n / (n - 1)))
        parts.append(counts.figures(sums_RD))
    return np.concatenate(parts)


def strata(panel: Panel) -> Int[ndarray, " G"]:
    """Return which groups are resampled together: those of one fold, where folds share no group."""
    offset, edges = panel.num_groups, []
    for system, names in enumerate(panel.folds):
        edges.append(np.stack([panel.groups_N, offset + panel.folds_SN[system]]))
        offset += len(names)
    ends_2E = np.concatenate(edges, axis=1)
    graph = sparse.coo_array((np.ones(ends_2E.shape[1]), (ends_2E[0], ends_2E[1])), shape=(offset, offset))
    _, part = connected_components(graph, directed=False)
    strata_G = np.unique(part[: panel.num_groups], return_inverse=True)[1]
    alone = np.bincount(strata_G).min() < 2
    return np.zeros_like(strata_G) if alone else strata_G


def _block(panel: Panel, system: int) -> sparse.coo_array:
    """Return one system's columns; entries at the same place add up."""
    C, F = len(panel.classes), len(panel.folds[system])
    start_N = panel.folds_SN[system] * (1 + 2 * C)
    member_2U = np.unique(np.stack([panel.groups_N, panel.folds_SN[system]]), axis=1)
    groups_F = np.bincount(member_2U[1], minlength=F)
    rows = np.concatenate([member_2U[0], panel.groups_N, panel.groups_N])
    columns = np.concatenate(
        [member_2U[1] * (1 + 2 * C), start_N + 1 + panel.labels_N, start_N + 1 + C + panel.labels_N]
    )
    right_N = panel.right_SKN[system].mean(0)
    values = np.concatenate([1 / groups_F[member_2U[1]], np.ones(len(right_N)), right_N])
    return sparse.coo_array((values, (rows, columns)), shape=(panel.num_groups, F * (1 + 2 * C)))


def _kinds(
    counts: Counts, groups: Int[ndarray, " n"]
) -> tuple[Int[ndarray, " X"], Float[ndarray, "K X"], Int[ndarray, " K"]]:
    """Return a stratum's columns, its K different rows in them, and how many groups have each.

    Groups with the same counts are drawn as one kind: 150,000 utterances by themselves have few.
    """
    part_nD = counts.columns_GD[groups]
    columns = np.unique(part_nD.indices)
    values_KX, times_K = np.unique(part_nD[:, columns].toarray(), axis=0, return_counts=True)
    return columns, values_KX, times_K


def _figures(part_RFX: Float[ndarray, "R F X"], num_classes: int) -> Float[ndarray, "R M"]:
    total_RFC, right_RFC = np.split(part_RFX[..., 1:], [num_classes], axis=2)
    total_RF = total_RFC.sum(2)
    with np.errstate(invalid="ignore", divide="ignore"):
        wa_RF = right_RFC.sum(2) / total_RF
        recall_RFC = np.where(total_RFC > 0, right_RFC / total_RFC, 0.0)
        ua_RF = recall_RFC.sum(2) / (total_RFC > 0).sum(2)
    present_RF = total_RF > 0  # a fold can be drawn empty where all folds are resampled together
    weight_RF = np.where(present_RF, part_RFX[..., 0], 0.0)
    figures_RFM = np.where(present_RF[..., None], np.stack([wa_RF, ua_RF], axis=2), 0.0)
    means_RM: Float[ndarray, "R M"] = (weight_RF[..., None] * figures_RFM).sum(1) / weight_RF.sum(1, keepdims=True)
    return means_RM
