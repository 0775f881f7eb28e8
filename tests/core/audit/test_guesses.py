from sklearn.metrics import accuracy_score, recall_score

from mer_core.audit import guesses
from mer_core.baselines.scenario_majority import scenario_majority


def by_name(found):
    return {one.message.partition(":")[0]: one for one in found}


def scenes(corpus, told):
    """A corpus whose scenes have a label of their own in `told` of ten utterances."""
    labels = ("ang", "hap", "neu", "sad")
    return corpus(
        fields=lambda n: {"scenario": f"scene{n // 5 % 4}", "kind": "scripted" if n < 100 else "improvised"},
        label=lambda n: labels[n // 5 % 4] if n // 20 < told else labels[n % 4],
    )


def test_labels_that_follow_the_scene_are_severe(corpus, subject):
    found = by_name(guesses.check(subject(scenes(corpus, told=10))))["scenario majority"]
    assert (found.severity, found.count, found.total) == ("severe", 200, 200)
    assert "WA 100.0 (most frequent class 25.0), UA 100.0 (chance 25.0)" in found.message
    assert "improvised WA 100.0; scripted WA 100.0" in found.message
    assert (found.about, found.unit) == ("scenario majority", "tested utterances guessed right")
    assert found.figures == {
        **{"wa": 1.0, "most_frequent": 0.25, "ua": 1.0, "chance": 0.25},
        **{"wa_improvised": 1.0, "wa_scripted": 1.0},
    }


def test_the_figures_are_those_of_scikit_learn(corpus, subject):
    made = subject(scenes(corpus, told=2))
    found = by_name(guesses.check(made))["scenario majority"]
    predictions = [scenario_majority(made.utterances, fold) for fold in made.folds]
    truth = [y for one in predictions for y in one.labels]
    guess = [y for one in predictions for y in one.predicted]
    wa, ua = accuracy_score(truth, guess), recall_score(truth, guess, average="macro")
    assert (found.figures["wa"], found.figures["ua"]) == (wa, ua)
    assert f"WA {100 * wa:.1f} (" in found.message
    assert f"UA {100 * ua:.1f} (chance 25.0)" in found.message
    assert found.severity == "warning"


def test_scenes_that_say_nothing_and_words_are_notes(corpus, subject):
    rows = corpus(
        fields=lambda n: {"scenario": "everywhere"}, text=lambda n: ("shout", "sing", "sit", "weep")[n // 5 % 4]
    )
    found = by_name(guesses.check(subject(rows)))
    assert {one.severity for one in found.values()} == {"note"}
    assert "nearest transcript" not in found  # told by the check of repeated transcripts
    assert "WA 100.0" in found["TF-IDF + logistic regression"].message


def test_what_cannot_be_computed_is_told(corpus, subject):
    found = by_name(guesses.check(subject(corpus(text=lambda n: None))))
    assert found["scenario majority"].message.endswith(
        "not computed, the corpus names no scenarios (field `scenario`)."
    )
    assert found["TF-IDF + logistic regression"].message.endswith("not computed, no training utterance has words.")


def test_what_cannot_be_computed_is_counted_in_folds(corpus, subject):
    (scene, _) = guesses.check(subject(corpus()))
    assert (scene.about, scene.count, scene.total, scene.unit) == ("scenario majority", 5, 5, "folds")


def test_without_folds_nothing_is_guessed(corpus, subject):
    assert list(guesses.check(subject(corpus(), folds=[]))) == []


def test_of_many_training_utterances_some_are_learnt_from(corpus, subject, monkeypatch):
    made = subject(scenes(corpus, told=10))
    assert "learnt from" not in next(iter(guesses.check(made))).message
    monkeypatch.setattr(guesses, "MOST_LEARNT", 40)
    seen = []
    baseline = lambda utterances, fold: seen.append(fold) or scenario_majority(utterances, fold)  # noqa: E731
    monkeypatch.setattr(guesses, "BASELINES", {"scenes": baseline})
    (found,) = guesses.check(made)
    assert "WA 100.0" in found.message
    assert found.message.endswith("; learnt from 40 of up to 160 training utterances.")
    assert [len(fold.train) for fold in seen] == [40] * 5
    assert all(set(drawn.train) <= set(fold.train) for drawn, fold in zip(seen, made.folds, strict=True))
