from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_core.data.batches import plan_epoch, plan_scoring


def log_normal_frames(count):
    """Frames of 20 ms of as many utterances, distributed as IEMOCAP's are."""
    seconds = np.random.default_rng(3).lognormal(np.log(3.58), 0.69, count)
    return (seconds * 50).astype(int).tolist()


def waste(batches, lengths):
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    return 1 - sum(lengths[i] for batch in batches for i in batch) / padded


@given(st.lists(st.integers(0, 400), min_size=1, max_size=120), st.integers(1, 20), st.integers(0, 5))
def test_every_index_once_and_no_batch_too_large_or_tiny(lengths, batch_size, seed):
    indices = [i for i in range(len(lengths)) if i % 3] or [0]
    batches = plan_epoch(indices, lengths, batch_size=batch_size, seed=seed)
    sizes = [len(batch) for batch in batches]
    assert Counter(i for batch in batches for i in batch) == Counter(indices)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_padding_wastes_little():
    lengths = log_normal_frames(4424)  # a training side of IEMOCAP
    for seed in range(3):
        assert waste(plan_epoch(range(4424), lengths, batch_size=16, seed=seed), lengths) <= 0.08


def test_the_same_seed_gives_the_same_batches_and_another_seed_others():
    lengths = log_normal_frames(200)
    plans = [plan_epoch(range(200), lengths, batch_size=16, seed=seed) for seed in (1, 1, 2)]
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_batchmates_change_from_epoch_to_epoch():
    lengths = log_normal_frames(500)
    mates = [
        {i: set(batch) - {i} for batch in plan_epoch(range(500), lengths, batch_size=16, seed=seed) for i in batch}
        for seed in (1, 2)
    ]
    kept = np.mean([len(mates[0][i] & mates[1][i]) / len(mates[0][i]) for i in range(500)])
    assert kept < 0.6


def test_equal_lengths_are_shuffled_all_over():
    batches = plan_epoch(range(64), [7] * 64, batch_size=8, seed=0)
    assert max(np.ptp(batch) for batch in batches) > 32
    assert np.mean([len({i % 4 for i in batch}) for batch in batches]) > 3  # classes in blocks of four are mixed


def test_the_order_of_batches_does_not_follow_length():
    lengths = log_normal_frames(400)
    longest = [max(lengths[i] for i in batch) for batch in plan_epoch(range(400), lengths, batch_size=16, seed=0)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_scoring_takes_every_index_once_the_longest_first(batch_size):
    lengths = [5, 9, 1, 7, 3, 8]
    batches = plan_scoring([0, 1, 3, 4, 5], lengths, batch_size=batch_size)
    assert [lengths[i] for batch in batches for i in batch] == [9, 8, 7, 5, 3]
    assert max(map(len, batches)) <= batch_size
