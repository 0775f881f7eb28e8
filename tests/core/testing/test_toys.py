from collections import Counter

import pytest
import torch

from mer_core.compose import CONTRACTS
from mer_core.errors import DataError
from mer_core.experiment import Experiment
from mer_core.plugin import KINDS
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import BAD, MODALITIES, ToyCorpus, ToyEncoder, ToyEvaluator, toy_manager, toy_table
from mer_core.types import Predictions, Utterance


def test_there_is_a_toy_of_every_kind():
    found = toy_manager().all()
    assert {row.kind for row in found} == set(KINDS) == set(CONTRACTS)
    assert {row.plugin.name for row in found} == {"toy"}
    assert all(row.plugin.load().__doc__ for row in found)


def test_the_corpus_is_deterministic_and_balanced():
    first, second = (ToyCorpus(ToyCorpus.Config()).read() for _ in range(2))
    assert first == second
    assert set(Counter((u.session, u.label) for u in first).values()) == {4}
    assert len({u.speaker for u in first}) == 6
    assert ToyCorpus(ToyCorpus.Config(seed=1)).read() != first
    assert ToyCorpus(ToyCorpus.Config(utterances=0)).read() == []


def test_neither_modality_alone_can_tell_the_class_and_both_can(store, tmp_path):
    accuracy = {}
    for names in (["audio"], ["text"], ["audio", "text"]):
        encoders = {m: {"use": "toy", "modality": m} for m in names}
        spec = PipelineSpec.model_validate(toy_table(encoders=encoders))
        experiment = Experiment(
            name="toy", spec=spec, manager=toy_manager(), out=tmp_path / "-".join(names), device="cpu", store=store
        )
        accuracy["+".join(names)] = experiment.run()[1]["summary"]["accuracy"]["mean"]
    assert accuracy["audio"] <= 0.6
    assert accuracy["text"] <= 0.6
    assert accuracy["audio+text"] >= 0.9


def test_the_encoder_reads_its_field_and_pads():
    encoder = ToyEncoder(ToyEncoder.Config(modality="text", dim=3))
    items = [encoder.prepare(Utterance(id="u", fields={"text": text})) for text in ("1 2 3", "4")]
    encoded = encoder(encoder.collate([*items, encoder.prepare(Utterance(id="v"))]))
    assert encoded.x_BTD.shape == (3, 3, 3)
    assert encoded.mask_BT.sum(1).tolist() == [3, 1, 1] == [*map(encoder.num_frames, items), 1]
    with pytest.raises(DataError, match="text of u is unreadable"):
        encoder.prepare(Utterance(id="u", fields={"text": BAD}))
    assert MODALITIES == ("audio", "text")


def test_the_evaluator_counts():
    predictions = Predictions(["1", "2"], ["a", "b"], ["a", "a"], torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    assert ToyEvaluator(ToyEvaluator.Config()).evaluate(predictions) == {"accuracy": 0.5, "confusion": [[1, 1], [0, 0]]}
