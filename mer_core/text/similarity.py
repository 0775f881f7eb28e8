"""Lines that say the same, or nearly: all pairs of a corpus, exactly, by an inverted index. Imports no torch.

Two lines are near where the sets of their words have a Jaccard index (shared words over all words) of 0.7 or more and
both have four different words or more; shorter lines count only where their words are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from mer_core.text.words import MIN_JACCARD, MIN_WORDS, words

_ROWS = 256  # probed at a time, which bounds the memory that candidates take
_PAIRS = 500_000  # counted out at a time
_SLACK = 1e-9  # 0.7 * 10 is a little more than 7


@dataclass(frozen=True, slots=True)
class Repeats:
    """Which lines of a corpus repeat which. `find_repeats` makes it, once for all folds.

    Args:
        group_N: the number of each line's set of words; -1 for a line without words, which repeats nothing.
        near_GG: 1 where two sets of words are the same or near.
    """

    group_N: npt.NDArray[np.int64]
    near_GG: csr_array

    def of(self, chosen: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Tell for each line whether it repeats one of the lines at `chosen`, those themselves included."""
        groups = self.group_N[np.asarray(chosen, dtype=np.int64)]
        asked_G = np.zeros(self.near_GG.shape[0])
        asked_G[groups[groups >= 0]] = 1.0
        near_G = np.append(self.near_GG @ asked_G > 0, False)  # the last for the lines without words
        found: npt.NDArray[np.bool_] = near_G[self.group_N]
        return found


def find_repeats(texts: Sequence[str | None]) -> Repeats:
    """Find every pair of lines that repeat each other. 150,000 lines take a few seconds."""
    sets: dict[frozenset[str], int] = {}
    found = [frozenset(words(text or "")) for text in texts]
    group_N = np.array([sets.setdefault(one, len(sets)) if one else -1 for one in found], dtype=np.int64)
    return Repeats(group_N, _near(list(sets)))


def _near(sets: Sequence[frozenset[str]]) -> csr_array:
    """Return the symmetric matrix of near sets, ones on its diagonal."""
    pairs = list(_near_pairs(sets))
    same = np.arange(len(sets))
    one = np.concatenate([a for a, _ in pairs] + [b for _, b in pairs] + [same])
    other = np.concatenate([b for _, b in pairs] + [a for a, _ in pairs] + [same])
    return csr_array((np.ones(len(one)), (one, other)), shape=(len(sets), len(sets)))


def _near_pairs(sets: Sequence[frozenset[str]]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield the near pairs of different sets, block by block.

    A near pair shares one of the rarest words of each side, so only pairs that do are counted out in full: the prefix
    filter of Chaudhuri, Ganti and Kaushik 2006, with the prefix lengths of PPJoin (Xiao et al. 2008, section 3).
    """
    # By size: the partners of a set that are no larger than it are then one slice before it.
    order = sorted((i for i, one in enumerate(sets) if len(one) >= MIN_WORDS), key=lambda i: len(sets[i]))
    rows = _rarest_first([sets[i] for i in order])
    size_R, number_R = np.array([len(row) for row in rows]), np.array(order)
    # The share of a set that must be common to both: of the larger one, and of the smaller.
    probe, index, whole = (_matrix(rows, share) for share in (MIN_JACCARD, 2 * MIN_JACCARD / (1 + MIN_JACCARD), None))
    for start in range(0, len(rows), _ROWS):
        end = min(start + _ROWS, len(rows))
        first = int(np.searchsorted(size_R, MIN_JACCARD * size_R[start] - _SLACK))
        candidates = (probe[start:end] @ index[first:end].T).tocoo()
        a_P, b_P = candidates.row.astype(np.int64) + start, candidates.col.astype(np.int64) + first
        possible_P = (b_P < a_P) & (size_R[b_P] >= MIN_JACCARD * size_R[a_P] - _SLACK)
        a_P, b_P = a_P[possible_P], b_P[possible_P]
        for part in range(0, len(a_P), _PAIRS):
            one_P, other_P = a_P[part : part + _PAIRS], b_P[part : part + _PAIRS]
            shared_P = whole[one_P].multiply(whole[other_P]).sum(axis=1)
            near_P = shared_P >= MIN_JACCARD * (size_R[one_P] + size_R[other_P] - shared_P) - _SLACK
            yield number_R[one_P[near_P]], number_R[other_P[near_P]]


def _rarest_first(sets: Sequence[frozenset[str]]) -> list[list[int]]:
    """Return each set as numbers of its words, in one order for all: the rarest first."""
    counts = Counter(word for one in sets for word in one)
    number = {word: n for n, (word, _) in enumerate(sorted(counts.items(), key=lambda item: (item[1], item[0])))}
    return [sorted(number[word] for word in one) for one in sets]


def _matrix(rows: Sequence[Sequence[int]], share: float | None) -> csr_array:
    """Return sets x words, 1 where the set has the word: all words, or the prefix of which one must be shared."""
    kept = [row if share is None else row[: len(row) - int(np.ceil(share * len(row) - _SLACK)) + 1] for row in rows]
    ends = np.cumsum([0, *map(len, kept)])
    columns = np.array([word for row in kept for word in row], dtype=np.int64)
    width = 1 + max((row[-1] for row in rows), default=0)
    return csr_array((np.ones(len(columns), dtype=np.int32), columns, ends), shape=(len(rows), width))
