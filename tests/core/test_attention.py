"""What a trained run's fusion attends to."""

from dataclasses import replace

import pytest
import torch

from mer_core.attention import attends, attention_of
from mer_core.checkpoint import load_weights
from mer_core.data.examples import loader
from mer_core.inference import open_trained


@pytest.fixture
def trained(experiment, manager, store):
    def make(**pipeline):
        run, _ = experiment(pipeline={"train": {"epochs": 1}} | pipeline).run()
        return replace(open_trained(run.path, manager, device="cpu"), store=store)

    return make


def test_each_utterance_is_asked_of_the_model_it_is_listed_under(trained):
    opened = trained(fusion={"use": "cross-attn", "layers": 2, "heads": 2})
    assert attends(opened)
    pipeline, examples, _ = opened.prepared(trained_corpus(opened))
    one, two = opened.cells[0], opened.cells[2]
    wanted = {one: examples.utterances[:3], two: examples.utterances[2:5]}
    found = attention_of(opened, wanted)
    assert list(found) == [u.id for u in examples.utterances[:5]], "the last model listed has the last word"
    load_weights(two.weights, pipeline)
    batch = next(iter(loader(pipeline.eval(), examples, [[4]])))
    with torch.inference_mode():
        expected = pipeline.fusion.attention(pipeline.encode(batch.inputs))
    weights = found[examples.utterances[4].id].weights
    assert sorted(weights) == [("audio", "text"), ("text", "audio")]
    for pair, w_QK in weights.items():
        torch.testing.assert_close(w_QK, expected[pair][0])
        torch.testing.assert_close(w_QK.sum(1), torch.ones(len(w_QK)))


def test_a_fusion_that_cannot_tell_is_not_asked(trained):
    assert not attends(trained(fusion={"use": "fc"}))


def trained_corpus(opened):
    from mer_core.listing import read_listing

    return read_listing(opened.run.utterances)
