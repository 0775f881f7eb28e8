from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from mer_core.data.speakers import normalised, spreads
from mer_core.errors import DataError
from mer_core.testing.toys import ToyCorpus

NORMALISED = {"audio": {"use": "toy", "modality": "audio", "speaker_norm": True}}


@given(seed=st.integers(0, 100), lengths=st.lists(st.integers(1, 6), min_size=2, max_size=6))
def test_each_speaker_is_scaled_as_scikit_learn_does(seed, lengths):
    source = np.random.default_rng(seed)
    items = [("ab"[i % 2], {"x": torch.tensor(source.normal(3.0, 2.0, (n, 4)))}) for i, n in enumerate(lengths)]
    found = spreads(items, ["x"])
    for speaker in {who for who, _ in items}:
        own = [item["x"] for who, item in items if who == speaker]
        scaler = StandardScaler().fit(torch.cat(own).numpy())
        for x in own:
            after = normalised({"x": x}, found[speaker])["x"].numpy()
            np.testing.assert_allclose(after, scaler.transform(x.numpy()), rtol=1e-6, atol=1e-6)


def test_what_does_not_vary_becomes_zero_and_other_tensors_stay():
    item = {"x": torch.full((3, 2), 0.1), "ids": torch.tensor([1, 2])}
    after = normalised(item, spreads([("a", item)], ["x"])["a"])
    assert torch.allclose(after["x"], torch.zeros(3, 2), atol=1e-6)
    assert after["x"].dtype == torch.float32
    assert after["ids"] is item["ids"]


def test_examples_are_normalised_over_all_utterances_of_a_speaker(toys):
    made = toys(encoders=NORMALISED)
    by_speaker = {}
    for index, utterance in enumerate(made.examples.utterances):
        by_speaker.setdefault(utterance.speaker, []).append(made.examples.item(index, made.pipeline)["audio"]["x"])
    assert len(by_speaker) == 6
    for frames in by_speaker.values():
        x = torch.cat(frames).double()
        torch.testing.assert_close(x.mean(0), torch.zeros(1).double(), atol=1e-6, rtol=0)
        torch.testing.assert_close(x.std(0, correction=0), torch.ones(1).double(), atol=1e-6, rtol=0)


def test_labels_play_no_part(toys, monkeypatch):
    plain = toys(encoders=NORMALISED)
    real = ToyCorpus.read
    monkeypatch.setattr(ToyCorpus, "read", lambda self: [replace(u, label="sad") for u in real(self)])
    other = toys(encoders=NORMALISED)
    for index in range(48):
        some, same = (made.examples.item(index, made.pipeline)["audio"]["x"] for made in (plain, other))
        assert torch.equal(some, same)


def test_who_has_no_speaker_is_named(experiment, change_corpus):
    change_corpus(lambda read: [replace(u, speaker=None) if u.id == "u0003" else u for u in read])
    with pytest.raises(DataError, match=r"u0003: it has no speaker, and encoders.audio normalises by speaker"):
        experiment(pipeline={"encoders": NORMALISED}).run()


def test_the_report_says_it(experiment):
    _, report = experiment(pipeline={"encoders": NORMALISED}).run()
    assert report["remarks"] == [
        "encoders.audio: features normalised per speaker, over tested utterances too, without labels"
    ]
