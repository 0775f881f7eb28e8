from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from mer_core.baselines import Unavailable
from mer_core.baselines.scenario_majority import scenario_majority
from mer_core.data.folds import Fold
from mer_core.types import Utterance


def test_the_shares_of_a_scenario_in_training_are_given(corpus):
    rows = corpus(*[("a", "", "x")] * 3, ("b", "", "x"), ("b", "", "y"), ("a", "", "x"), ("a", "", "y"), ("c", "", "z"))
    made = scenario_majority(rows, Fold("1", (0, 1, 2, 3, 4), (7, 6, 5)))
    assert (made.ids, made.labels, made.classes) == (["u7", "u6", "u5"], ["c", "a", "a"], ["a", "b", "c"])
    # z is new: the shares of all five; y was b; x was a in three of four.
    torch.testing.assert_close(made.p_NC, torch.tensor([[0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [0.75, 0.25, 0.0]]))


def test_an_utterance_without_a_scenario_gives_the_shares_of_training(corpus):
    rows = corpus(("a", "", "x"), ("b", "", None), ("b", "", None), ("a", "", None))
    made = scenario_majority(rows, Fold("1", (0, 1, 2), (3,)))
    torch.testing.assert_close(made.p_NC, torch.tensor([[1 / 3, 2 / 3]]))


def test_a_corpus_without_scenarios_says_so(corpus):
    rows = corpus(("a", "x", None), ("b", "x", None))
    assert scenario_majority(rows, Fold("1", (0,), (1,))) == Unavailable(
        "the corpus names no scenarios (field `scenario`)"
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=4, max_size=30), st.data())
def test_it_predicts_the_most_frequent_label(rows, data):
    utterances = [Utterance(id=f"u{n}", label=y, fields={"scenario": s}) for n, (y, s) in enumerate(rows)]
    half = len(rows) // 2
    made = scenario_majority(utterances, Fold("1", tuple(range(half)), tuple(range(half, len(rows)))))
    for (_, scenario), predicted in zip(rows[half:], made.predicted, strict=True):
        same = Counter(y for y, s in rows[:half] if s == scenario) or Counter(y for y, _ in rows[:half])
        assert same[predicted] == max(same.values())


def test_the_test_labels_do_not_matter(corpus):
    rows = [("a", "", "x"), ("b", "", "y"), ("a", "", "x"), ("b", "", "y")]
    told = scenario_majority(corpus(*rows), Fold("1", (0, 1), (2, 3))).p_NC
    swapped = scenario_majority(corpus(*rows[:2], ("b", "", "x"), ("a", "", "y")), Fold("1", (0, 1), (2, 3))).p_NC
    assert torch.equal(told, swapped)
