from types import SimpleNamespace

import pytest

from mer_core.compose import compose
from mer_core.data.examples import loader
from mer_core.data.prepare import prepare
from mer_core.experiment import Experiment
from mer_core.seeds import seed_everything
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import CLASSES, ToyCorpus, toy_table

QUICK = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.1}


@pytest.fixture
def toys(manager, store):
    """Everything of a toy pipeline, built with a seed: `toys(aux=[...])` gives spec, pipeline, examples, batch()."""

    def make(seed=0, corpus=None, class_weight_C=None, **changes):
        spec = PipelineSpec.model_validate(toy_table(**changes))
        seed_everything(seed)
        pipeline = compose(spec, manager, num_classes=len(CLASSES), class_weight_C=class_weight_C)
        utterances = ToyCorpus(ToyCorpus.Config(**(corpus or {}))).read()
        examples, _ = prepare(pipeline, utterances, store, classes=CLASSES, may_lack=spec.may_lack)

        def batch(*indices):
            return next(iter(loader(pipeline, examples, [list(indices)])))

        return SimpleNamespace(spec=spec, pipeline=pipeline, examples=examples, batch=batch)

    return make


@pytest.fixture
def experiment(manager, store, tmp_path):
    def make(*, out="run", pipeline=None, corpus=None, **settings):
        table = {"train": QUICK, "data": {"use": "toy", "utterances": 24} | (corpus or {})} | (pipeline or {})
        spec = PipelineSpec.model_validate(toy_table(**table))
        fixed = {"name": "toy", "spec": spec, "manager": manager, "out": tmp_path / out, "device": "cpu"}
        return Experiment(**{"store": store} | fixed | settings)

    return make


@pytest.fixture
def change_corpus(monkeypatch):
    """Change the utterances that the toy corpus gives."""

    def change(how):
        real = ToyCorpus.read
        monkeypatch.setattr(ToyCorpus, "read", lambda self: how(real(self)))

    return change
