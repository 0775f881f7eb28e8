"""The pipelines of the systems that the paper compares with: each composes, says what it must, and takes a step."""

from dataclasses import replace

import pytest
import torch

from mer_core.compose import compose
from mer_core.data.examples import loader
from mer_core.data.prepare import prepare
from mer_core.registry import load_registry
from mer_core.remarks import about
from mer_core.resolve import Overrides, expand, resolve
from mer_core.seeds import seed_everything
from mer_core.stages import stage_spec
from mer_core.testing.contracts.toy_speech import toy_utterances

SYSTEMS = ("siriwardhana-shallow", "siriwardhana-co-attention", "yang", "zhao", "mcsan", "tsb-tab", "smcn")
LABELS = ("ang", "hap", "neu")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return load_registry(folder=tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    spoken = toy_utterances(tmp_path_factory.mktemp("spoken"))
    return [
        replace(u, label=label, speaker="a", session="1", fields={"dialog": "d", "start_s": str(number)})
        for number, (u, label) in enumerate(zip(spoken, LABELS, strict=True))
    ]


def trained_step(spec, manager, utterances, store):
    seed_everything(0)
    pipeline = compose(spec, manager, num_classes=3)
    examples, _ = prepare(pipeline, utterances, store, classes=LABELS, may_lack=())
    output = pipeline(next(iter(loader(pipeline, examples, [[0, 1, 2]]))), torch.Generator().manual_seed(0))
    output.total.backward()
    return pipeline, output


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_demo_pipeline_takes_a_step(name, registry, manager, utterances, store):
    spec = expand(manager, resolve(registry, f"demo-{name}", Overrides()))
    pipeline, output = trained_step(spec, manager, utterances, store)
    assert torch.isfinite(output.total)
    for part in (pipeline.fusion, *pipeline.encoders.values()):
        wanting = [p for p in part.parameters() if p.requires_grad]
        reached = [p for p in wanting if p.grad is not None and p.grad.any()]
        assert bool(reached) == bool(wanting), f"nothing of {type(part).__name__} learns"
    for stage in spec.stages:
        _, output = trained_step(stage_spec(spec, stage), manager, utterances, store)
        assert torch.isfinite(output.total)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_demo_pipeline_is_the_papers_with_small_encoders(name, registry):
    paper, demo = (resolve(registry, pipeline, Overrides()) for pipeline in (name, f"demo-{name}"))
    assert {key: part.use for key, part in paper.encoders.items()} == {k: p.use for k, p in demo.encoders.items()}
    assert (paper.fusion.use, len(paper.stages)) == (demo.fusion.use, len(demo.stages))
    assert paper.protocol == demo.protocol


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ("siriwardhana-shallow", "siriwardhana-co-attention"),
            {"learning_rate": 1e-5, "weight_decay": 0.1, "epochs": 10},
        ),
        (("mcsan",), {"learning_rate": 1e-3, "weight_decay": 0.0, "epochs": 30, "batch_size": 256}),
    ],
)
def test_training_is_that_of_the_systems_paper(names, told, registry):
    for name in names:
        train = resolve(registry, name, Overrides()).train
        assert {key: getattr(train, key) for key in told} == told


def test_what_must_be_said_is_said(registry, manager):
    def told(name):
        return about(compose(expand(manager, resolve(registry, name, Overrides())), manager, num_classes=4))

    assert told("demo-tsb-tab")["uses_context"] == {"text": 3}
    assert any("an approximation of SMCN" in remark for remark in told("demo-smcn")["remarks"])
    assert any("segments are windows of 0.2 s" in remark for remark in told("demo-zhao")["remarks"])
    assert told("demo-yang") == told("demo-yang") | {"uses_context": {}, "remarks": []}


def test_table_3_has_a_row_for_each_beside_the_papers_system(registry):
    table = registry.spec.tables["3"]
    assert set(table.rows) == {"paper", *SYSTEMS}
    for name in SYSTEMS:
        assert table.rows[name].pipelines == {"demo": f"demo-{name}", "paper": name}
    assert table.rows["tsb-tab"].note.startswith("uses context")
    assert table.rows["smcn"].note == "an approximation"
