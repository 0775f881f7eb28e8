"""The two baselines on words."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from mer_core.baselines import BASELINES, Unavailable
from mer_core.baselines.nearest_transcript import nearest_transcript
from mer_core.baselines.tfidf_regression import tfidf_regression
from mer_core.baselines.vectors import vectors
from mer_core.data.folds import Fold, make_folds
from mer_core.spec import ProtocolSpec
from mer_core.types import Utterance

WORDY = [tfidf_regression, nearest_transcript]
FOLD = Fold("1", (0, 1, 2, 3), (4, 5))


def pooled_accuracy(baseline, utterances):
    made = [baseline(utterances, fold) for fold in make_folds(utterances, ProtocolSpec())]
    return accuracy_score([y for m in made for y in m.labels], [y for m in made for y in m.predicted])


@pytest.mark.parametrize("baseline", WORDY)
def test_what_the_words_say_is_learnt(corpus, baseline):
    rows = corpus(
        ("a", "I shout", None), ("b", "you weep", None), ("a", "they shout", None), ("b", "we weep", None),
        ("a", "who will shout", None), ("b", "do not weep", None),
    )  # fmt: skip
    made = baseline(rows, FOLD)
    assert (made.ids, made.predicted, made.labels) == (["u4", "u5"], ["a", "b"], ["a", "b"])
    torch.testing.assert_close(made.p_NC.sum(1), torch.ones(2))


@pytest.mark.parametrize("baseline", WORDY)
def test_a_class_that_training_lacks_has_no_probability(corpus, baseline):
    rows = corpus(*[("a", "I shout", None), ("c", "you weep", None)] * 2, ("b", "I shout", None), ("c", "", None))
    made = baseline(rows, FOLD)
    assert made.classes == ["a", "b", "c"]
    assert made.p_NC[:, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("baseline", WORDY)
@pytest.mark.parametrize("words", [None, "", " ?! "])
def test_training_without_words_is_told(corpus, baseline, words):
    rows = corpus(*[("a", words, None), ("b", words, None)] * 2, ("a", "yes", None), ("b", "no", None))
    assert baseline(rows, FOLD) == Unavailable("no training utterance has words")


def test_equally_near_transcripts_share_and_no_common_word_means_no_knowledge(corpus):
    rows = corpus(
        ("a", "one lamp", None), ("b", "one lamp", None), ("a", "one lamp", None), ("b", "the moon", None),
        ("b", "One lamp!", None), ("a", "river", None),
    )  # fmt: skip
    made = nearest_transcript(rows, FOLD)
    torch.testing.assert_close(made.p_NC, torch.tensor([[2 / 3, 1 / 3], [0.5, 0.5]]))


TEXT = st.lists(st.sampled_from(["red", "blue", "sun", "moon", "tree"]), max_size=5).map(" ".join)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abc"), TEXT), min_size=6, max_size=20))
def test_the_nearest_is_that_of_a_dense_search(rows):
    half = len(rows) // 2
    utterances = [Utterance(id=f"u{n}", label=y, text=t) for n, (y, t) in enumerate(rows)]
    made = nearest_transcript(utterances, Fold("1", tuple(range(half)), tuple(range(half, len(rows)))))
    if isinstance(made, Unavailable):
        assert not any(text for _, text in rows[:half])
        return
    trained, tested = (side.toarray() for side in vectors([t for _, t in rows[:half]], [t for _, t in rows[half:]]))
    for vector, p_C in zip(tested, made.p_NC, strict=True):
        cosine = trained @ vector
        near = [rows[i][0] for i in range(half) if cosine[i] >= cosine.max() - 1e-9]
        expected = [near.count(name) / len(near) for name in made.classes]
        np.testing.assert_allclose(p_C, expected, atol=1e-6)


@pytest.mark.parametrize("baseline", WORDY)
def test_words_of_the_demo_say_nothing_across_its_sessions(demo_words, baseline):
    """A session's cue words occur in no other, and every sentence is spoken under each label it allows."""
    assert pooled_accuracy(baseline, demo_words) < 0.40


def test_repeated_words_are_found_where_labels_follow_them(demo_words):
    """The same words in every session, as in scripted dialogues: the stratum whose words decide is then solved."""
    decided = [u for u in demo_words if u.fields["stratum"] == "words"]
    repeated = [
        Utterance(id=f"{session}-{u.id}", label=u.label, text=u.text, speaker=session, session=session)
        for session in "12"
        for u in decided
    ]
    assert pooled_accuracy(nearest_transcript, repeated) > 0.95
    assert pooled_accuracy(tfidf_regression, repeated) > 0.95


def test_every_baseline_follows_the_order_of_the_fold_and_repeats_itself(demo_words):
    fold = make_folds(demo_words, ProtocolSpec())[0]
    for baseline in BASELINES.values():
        once, again = baseline(demo_words, fold), baseline(demo_words, fold)
        assert once.ids == [demo_words[i].id for i in fold.test]
        assert torch.equal(once.p_NC, again.p_NC)
