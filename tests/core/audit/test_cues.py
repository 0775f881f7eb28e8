"""One-feature classifiers, and their permutation test."""

import numpy as np
import pytest

from mer_core.audit import cues
from mer_core.audit.cues import telling
from mer_core.audit.sound import Unreadable

LABELS = ("ang", "hap", "neu", "sad")


def heard(sound, rng, loud, long):
    """Sounds whose loudness and length depend on the label by these amounts, in standard deviations."""
    return [
        sound(n, rms_dbfs=-30 + rng.normal() + loud * (n // 5 % 4), duration_s=10 + rng.normal() + long * (n // 5 % 4))
        for n in range(400)
    ]


@pytest.mark.parametrize(("loud", "long"), [(6, 0), (0, 6)])
def test_a_planted_cue_is_severe(corpus, subject, sound, loud, long):
    (found,) = cues.check(subject(corpus(400), heard(sound, np.random.default_rng(1), loud, long)))
    assert (found.severity, found.total) == ("severe", 400)
    assert found.count > 380
    assert found.message.startswith("loudness (RMS in dBFS) alone" if loud else "duration alone")
    assert "(chance 25.0, p = 0.001 by a permutation test)" in found.message
    assert found.unit == "tested utterances guessed right"
    assert found.message.startswith(found.about)
    assert f"UA {100 * found.figures['ua']:.1f} (" in found.message
    assert (found.figures["chance"], found.figures["p"]) == (0.25, 0.001)


def test_a_slight_cue_is_a_warning(corpus, subject, sound):
    (found,) = cues.check(subject(corpus(400), heard(sound, np.random.default_rng(1), 1, 0)))
    assert found.severity == "warning"


def test_a_cue_need_not_rise_with_the_label(corpus, subject, sound):
    rng = np.random.default_rng(2)
    levels = (-20, -40, -20, -40)
    sounds = [sound(n, rms_dbfs=levels[n // 5 % 4] + rng.normal()) for n in range(400)]
    (found,) = cues.check(subject(corpus(400, label=lambda n: ("a", "b")[n // 5 % 2]), sounds))
    assert found.count == 400


def test_utterances_that_cannot_be_heard_are_left_out(corpus, subject, sound):
    sounds = heard(sound, np.random.default_rng(1), 6, 0)
    sounds[:100] = [None] * 50 + [Unreadable("damaged")] * 50
    partly, found = cues.check(subject(corpus(400), sounds))
    assert (found.severity, found.total) == ("severe", 300)
    assert (partly.severity, partly.count, partly.total, partly.unit) == ("note", 300, 400, "utterances")
    assert partly.message == (
        "loudness (RMS in dBFS) and duration: computed on the utterances whose recording can be read."
    )


def test_cues_that_could_not_be_looked_for_are_told_with_the_reason(corpus, subject):
    (found,) = cues.check(subject(corpus(400), [Unreadable("damaged")] * 400))
    assert (found.severity, found.count, found.total) == ("note", 0, 400)
    assert found.message.endswith(
        "duration: not computed, in no fold are there recordings of two classes to train on and one to test."
    )
    assert list(cues.check(subject(corpus(400), folds=[]))) == []  # the check of the folds says so


def test_chance_passes_for_a_cue_no_more_often_than_the_level_says(corpus, subject, monkeypatch):
    """P-values of features that say nothing are uniform: a wrong test would crowd them at one end."""
    monkeypatch.setattr(cues, "PERMUTATIONS", 199)
    made = subject(corpus(200))
    labels = [u.label for u in made.utterances]
    rng = np.random.default_rng(3)
    p_values = np.array([telling(rng.normal(size=200), labels, made.folds).p_value for _ in range(60)])
    assert 0.38 < p_values.mean() < 0.62
    assert (p_values <= 0.05).mean() <= 0.12
    assert (p_values <= 0.5).mean() >= 0.35


def test_the_tables_drawn_are_those_of_permuted_labels(corpus, subject):
    """The p-value is that of shuffling the labels of each fold, done here one by one."""
    made = subject(corpus(200))
    labels = np.array([u.label for u in made.utterances])
    rng = np.random.default_rng(4)
    values = np.array([LABELS.index(label) * 0.35 for label in labels]) + rng.normal(size=200)
    told = telling(values, list(labels), made.folds)
    numbers = np.array([LABELS.index(label) for label in labels])
    predicted = np.full(200, -1)
    from sklearn.tree import DecisionTreeClassifier

    for fold in made.folds:
        tree = DecisionTreeClassifier(max_leaf_nodes=8, min_samples_leaf=5, class_weight="balanced", random_state=0)
        tree.fit(values[list(fold.train), None], numbers[list(fold.train)])
        predicted[list(fold.test)] = tree.predict(values[list(fold.test), None])

    def ua(truth):
        return np.mean([np.mean(predicted[truth == c] == c) for c in range(4)])

    assert told.ua == pytest.approx(ua(numbers))
    assert told.right == (predicted == numbers).sum()
    as_good = 0
    for _ in range(2000):
        shuffled = numbers.copy()
        for fold in made.folds:
            shuffled[list(fold.test)] = rng.permutation(numbers[list(fold.test)])
        as_good += ua(shuffled) >= told.ua - 1e-12
    assert 0.001 < told.p_value < 0.5  # else the comparison says nothing
    assert told.p_value == pytest.approx(as_good / 2000, abs=0.03)
