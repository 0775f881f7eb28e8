from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_core.data.batches import padding, plan_epoch, plan_scoring


def log_normal_frames(count):
    """Frames of 20 ms of as many utterances, distributed as IEMOCAP's are."""
    seconds = np.random.default_rng(3).lognormal(np.log(3.58), 0.69, count)
    return (seconds * 50).astype(int).tolist()


def as_frames(lengths):
    return [{"audio": length} for length in lengths]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=120), st.integers(1, 20), st.integers(0, 5))
def test_every_index_once_and_no_batch_too_large_or_tiny(lengths, batch_size, seed):
    indices = [i for i in range(len(lengths)) if i % 3] or [0]
    batches = plan_epoch(indices, lengths, batch_size=batch_size, seed=seed)
    sizes = [len(batch) for batch in batches]
    assert Counter(i for batch in batches for i in batch) == Counter(indices)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(0, 400), min_size=1, max_size=120), st.integers(1, 2000), st.integers(0, 5))
def test_no_batch_passes_the_budget_of_frames_and_none_could_take_the_next(lengths, budget, seed):
    indices = [i for i in range(len(lengths)) if i % 3] or [0]
    batches = plan_epoch(indices, lengths, batch_size=1, batch_frames=budget, seed=seed)
    assert Counter(i for batch in batches for i in batch) == Counter(indices)
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget for batch in batches)
    room = [budget - len(batch) * max(lengths[i] for i in batch) for batch in batches]
    assert sum(space >= 400 + len(batch) * 80 for space, batch in zip(room, batches, strict=True)) <= 1


@pytest.mark.parametrize("budget", [None, 16 * 250])
def test_padding_is_little_at_16_utterances_a_batch(budget):
    lengths = log_normal_frames(4424)  # a training side of IEMOCAP
    for seed in range(3):
        batches = plan_epoch(range(4424), lengths, batch_size=16, batch_frames=budget, seed=seed)
        assert padding(batches, as_frames(lengths)) <= 0.08
        assert 15 <= np.mean([len(batch) for batch in batches]) <= 17


def test_padding_counts_each_modality_of_each_batch():
    frames = [{"audio": 10, "text": 2}, {"audio": 4, "text": 3}, {"audio": 7, "text": 7}]
    assert padding([[0, 1], [2]], frames) == pytest.approx((2 * 10 + 2 * 3 + 7 + 7) / (10 + 2 + 4 + 3 + 7 + 7) - 1)
    assert padding([[0], [1], [2]], frames) == 0


@pytest.mark.parametrize("budget", [None, 16 * 250])
@pytest.mark.parametrize("longer", [1.0, 1.5])
def test_classes_are_mixed_even_where_one_speaks_longer(budget, longer):
    """Classes in IEMOCAP's shares; those of the last class are `longer` than the rest."""
    labels = np.random.default_rng(1).choice(4, 4424, p=[0.2, 0.3, 0.3, 0.2])
    drawn = zip(log_normal_frames(4424), labels, strict=True)
    lengths = [round(n * (longer if label == 3 else 1)) for n, label in drawn]
    batches = plan_epoch(range(4424), lengths, batch_size=16, batch_frames=budget, seed=0)
    large = [batch for batch in batches if len(batch) >= 8]
    classes = [len({labels[i] for i in batch}) for batch in large]
    assert len(large) > 0.6 * len(batches)
    assert np.mean(classes) > 3.5
    assert np.mean(np.array(classes) >= 2) > 0.99


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
