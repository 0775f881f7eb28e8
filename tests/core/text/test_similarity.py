import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_core.text.similarity import find_repeats
from mer_core.text.words import words

LINES = st.lists(
    st.lists(st.sampled_from("abcdefghij"), max_size=9).map(" ".join), max_size=30
)  # ten words: near lines, common words and equal lines are frequent


def brute_force(lines):
    sets = [set(words(line)) for line in lines]

    def repeats(a, b):
        if not a or not b:
            return False
        near = min(len(a), len(b)) >= 4 and 10 * len(a & b) >= 7 * len(a | b)
        return a == b or near

    return np.array([[repeats(a, b) for b in sets] for a in sets]).reshape(len(lines), len(lines))


@given(LINES)
def test_it_finds_what_comparing_every_pair_finds(lines):
    found = find_repeats(lines)
    expected = brute_force(lines)
    for index in range(len(lines)):
        assert found.of([index]).tolist() == expected[index].tolist()
    chosen = list(range(0, len(lines), 3))
    assert found.of(chosen).tolist() == expected[chosen].any(axis=0).tolist()


def test_blocks_of_many_lines_agree_with_comparing_every_pair():
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(1, 21)
    lines = [
        " ".join(f"w{i}" for i in rng.choice(20, size=rng.integers(1, 30), p=frequency / frequency.sum()))
        for _ in range(400)
    ]
    found, expected = find_repeats(lines), brute_force(lines)
    assert expected.sum() > 2 * len(lines)  # near pairs occur
    assert np.array_equal(np.array([found.of([i]) for i in range(len(lines))]), expected)


@pytest.mark.parametrize(
    ("one", "other", "repeats"),
    [
        ("I did NOT expect that!", "i did not expect that", True),
        ("it's what you said then", "It\u2019s what you said, then.", True),
        ("you said it to me then", "you said it to me [LAUGHTER] then", True),
        ("a b c d e f g", "a b c d e f g h i j", True),  # 7 of 10
        ("a b c d e f", "a b c d e f g h i", False),  # 6 of 9
        ("a b c", "a b c d", False),  # too short to be near
        ("yes", "Yes.", True),  # short, but the same
        ("", "", False),
        (None, None, False),
        ("[LAUGHTER]", "[BREATHING]", False),
    ],
)
def test_what_counts_as_a_repeat(one, other, repeats):
    assert find_repeats([one, other]).of([0])[1] == repeats


def test_no_lines_at_all():
    assert find_repeats([]).of([]).tolist() == []
