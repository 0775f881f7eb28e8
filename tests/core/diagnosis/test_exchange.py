"""Planted pipelines: what a fusion uses is known, so credit and scores are too."""

import numpy as np
import pytest
import torch
from torch import nn

from mer_core.diagnosis.credit import shapley
from mer_core.diagnosis.exchange import DONORS, exchange, modalities

BOTH = frozenset({"audio", "text"})


class Planted(nn.Module):
    """Scores the classes from the halves that it listens to: class = 2 * half of audio + half of text."""

    output_dim = 4

    def __init__(self, listens):
        super().__init__()
        self.listens = listens

    def forward(self, encoded):
        scores = torch.zeros(len(encoded["text"].x_BTD), 2, 2)
        for axis, m in ((1, "audio"), (2, "text")):
            if m in self.listens:
                half_B = (encoded[m].mean_BD()[:, 0] > 0).long()
                certain = 20 * torch.nn.functional.one_hot(half_B, 2).float()
                scores = scores + (certain[:, :, None] if axis == 1 else certain[:, None, :])
        return scores.flatten(1)


@pytest.fixture
def planted(toys):
    def make(listens, **corpus):
        made = toys(corpus={"utterances": 96, "noise": 0.1} | corpus)
        made.pipeline.fusion, made.pipeline.classifier = Planted(listens), nn.Identity()
        for m in made.pipeline.encoders:
            layer = made.pipeline.encoders[m].layer
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
        made.labels = np.array([made.examples.label(i) for i in range(len(made.examples.utterances))])
        return made

    return make


def exchanged(made):
    return exchange(made.pipeline, made.examples, range(len(made.labels)), seed=1)


def accuracy(p_KNC, labels):
    return (p_KNC.argmax(-1) == labels).mean()


def credit_of_true(made, found):
    values = {c: np.nanmean(p, axis=0) for c, p in found.own.items()}
    credit = shapley(values, modalities(made.pipeline))
    return {m: credit_NC[np.arange(len(made.labels)), made.labels] for m, credit_NC in credit.items()}


@pytest.mark.parametrize(("used", "unused"), [("text", "audio"), ("audio", "text")])
def test_a_modality_that_is_not_used_has_no_credit(planted, used, unused):
    made = planted({used})
    found = exchanged(made)
    credit = credit_of_true(made, found)
    assert np.abs(credit[unused]).max() == 0
    assert credit[used].mean() == pytest.approx(0.25, abs=0.03)  # from 1/4 to 1/2: it tells one of two halves
    whole = found.own[BOTH]
    assert np.array_equal(found.own[frozenset({used})], whole)
    assert np.array_equal(found.removed[unused], whole[0])


def test_two_that_are_needed_alike_share_the_credit(planted):
    """From 1/4 (nothing known) over 1/2 (one half) to 1: 3/8 each."""
    made = planted({"audio", "text"})
    found = exchanged(made)
    credit = credit_of_true(made, found)
    for m in credit:
        assert credit[m].mean() == pytest.approx(0.375, abs=0.03)
    assert sum(credit.values()) == pytest.approx(
        1 - np.nanmean(found.own[frozenset()], axis=0)[range(96), made.labels], abs=1e-6
    )
    assert accuracy(found.own[BOTH], made.labels) == 1
    assert accuracy(found.own[frozenset({"text"})], made.labels) == pytest.approx(0.5, abs=0.05)


def test_one_of_the_same_emotion_is_as_good(planted):
    made = planted({"audio", "text"})
    found = exchanged(made)
    for m in ("audio", "text"):
        assert accuracy(found.same_emotion[m], made.labels) == 1


def test_a_removed_modality_is_what_encoders_make_of_none(planted):
    """The toy encoder hears 0 where there is nothing, which the planted fusion takes for half 0."""
    made = planted({"audio", "text"})
    found = exchanged(made)
    assert found.removed["audio"].argmax(-1).tolist() == [label % 2 for label in made.labels]


def test_as_it_is_is_the_pipelines_own_prediction(toys):
    from mer_core.scoring import predict

    made = toys(corpus={"utterances": 20})
    found = exchange(made.pipeline, made.examples, range(20), seed=1)
    own = predict(made.pipeline, made.examples, range(20)).p_NC.numpy()
    assert found.own[BOTH] == pytest.approx(np.broadcast_to(own, (DONORS, *own.shape)), abs=1e-6)


def test_an_utterance_without_another_is_left_out(toys):
    """Classes of one utterance each have nobody of the same emotion; pairs have one other."""
    made = toys(corpus={"utterances": 4})
    found = exchange(made.pipeline, made.examples, range(4), seed=1)
    assert np.isnan(found.same_emotion["text"]).all()
    assert np.isnan(found.own[BOTH][3:]).all()
    assert not np.isnan(found.own[BOTH][:3]).any()
    assert not np.isnan(found.removed["text"]).any()


def test_others_of_the_same_modality_move_together(toys):
    made = toys(corpus={"utterances": 8})
    made.pipeline.encoders["text-dialog"] = made.pipeline.encoders["text"]
    assert modalities(made.pipeline) == ["audio", "text"]
