"""Encoders that are fitted to the training utterances of a fold, before its first step."""

import pytest
import torch

from mer_core.testing.toys import ToyCorpus, ToyEncoder


@pytest.fixture
def fitted(monkeypatch):
    """What every encoder of the toys is shown: its modality, the items, and the forward passes before."""
    shown = []

    def fit(self, items):
        shown.append((self.modality, [item["x"] for item in items], self.calls))

    monkeypatch.setattr(ToyEncoder, "fit", fit, raising=False)
    return shown


def frames(utterances, modality):
    """The numbers of each utterance, as text."""
    return sorted(u.fields[modality] for u in utterances)


def written(x_T1):
    return " ".join(f"{number:.3f}" for number in x_T1[:, 0].tolist())


def test_training_utterances_are_shown_once_for_each_fold_and_no_other(experiment, fitted):
    experiment().run()
    assert len(fitted) == 3 * 2, "three folds, two encoders"
    everyone = ToyCorpus(ToyCorpus.Config(utterances=24)).read()
    for number, (modality, items, calls) in enumerate(fitted):
        train = [u for u in everyone if u.session != str(1 + number // 2)]
        assert sorted(map(written, items)) == frames(train, modality)
        assert calls == 0


def test_what_selects_the_epoch_is_not_shown(experiment, fitted):
    experiment(pipeline={"train": {"epochs": 1, "select": "inner"}}, only_fold="1").run()
    everyone = ToyCorpus(ToyCorpus.Config(utterances=24)).read()
    assert 0 < len(fitted[0][1]) < sum(u.session != "1" for u in everyone)


def test_speakers_are_normalised_before(experiment, fitted):
    encoders = {"audio": {"use": "toy", "modality": "audio", "speaker_norm": True}}
    experiment(pipeline={"encoders": encoders}).run()
    assert torch.cat(fitted[0][1]).mean().abs() < 1e-6
