"""Credit by its definition: the mean over all orders in which modalities can join."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_core.diagnosis.credit import coalitions, shapley


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_credit_is_the_mean_over_all_orders(num_players, seed):
    rng, players = np.random.default_rng(seed), list("abcd")[:num_players]
    values = {c: rng.random((3, 2)) for c in coalitions(players)}
    found = shapley(values, players)
    for player in players:
        gains = []
        for order in permutations(players):
            before = frozenset(order[: order.index(player)])
            gains.append(values[before | {player}] - values[before])
        assert found[player] == pytest.approx(np.mean(gains, axis=0))
    assert sum(found.values()) == pytest.approx(values[frozenset(players)] - values[frozenset()])


def test_two_modalities_in_numbers():
    """Words alone lift the probability from 0.25 to 0.5, the voice alone does not; both together give 1."""
    values = {(): 0.25, ("audio",): 0.25, ("text",): 0.5, ("audio", "text"): 1.0}
    found = shapley({frozenset(c): np.array([[v]]) for c, v in values.items()}, ["audio", "text"])
    assert {m: x.item() for m, x in found.items()} == {"audio": pytest.approx(0.25), "text": pytest.approx(0.5)}
