"""Who earned a prediction: Shapley credit of the modalities.

The players are the modalities. The value of a coalition is the probability of a class when the coalition's modalities
are the utterance's own and the others are those of another utterance, averaged over other utterances (marginal
contributions as in S. M. Lundberg and S.-I. Lee, "A unified approach to interpreting model predictions", NeurIPS 2017;
modalities as players as in L. Parcalabescu and A. Frank, "MM-SHAP", ACL 2023). With two modalities the credit is exact:
half of what a modality adds alone, and half of what it adds to the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Coalition = frozenset[str]
Values = Mapping[Coalition, Float[ndarray, "N C"]]


def coalitions(players: Sequence[str]) -> Iterator[Coalition]:
    """Yield every set of players, the empty one first."""
    for size in range(len(players) + 1):
        yield from map(frozenset, combinations(players, size))


def shapley(values: Values, players: Sequence[str]) -> dict[str, Float[ndarray, "N C"]]:
    """Return the credit of each player. The credits of an utterance add up to its value with all, less with none."""
    return {player: _credit(values, player, len(players)) for player in players}


def _credit(values: Values, player: str, num_players: int) -> Float[ndarray, "N C"]:
    without = [coalition for coalition in values if player not in coalition]
    parts = [(values[c | {player}] - values[c]) / math.comb(num_players - 1, len(c)) for c in without]
    credit_NC: Float[ndarray, "N C"] = np.sum(parts, axis=0) / num_players
    return credit_NC
