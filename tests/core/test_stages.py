import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from mer_core import stages
from mer_core.events import CellStarted, EpochEnded, InCell
from mer_core.spec import PipelineSpec
from mer_core.testing.toys import toy_table

QUICK = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "dropout": 0.0}
STAGES = [
    {"encoders": ["audio"], "fusion": {"use": "toy"}, "train": QUICK | {"epochs": 3}},
    {"encoders": ["text"], "fusion": {"use": "fc", "hidden_dim": 4}},
]


@pytest.fixture
def trained(monkeypatch):
    """What stages were trained rather than re-used: their encoders."""
    seen, real = [], stages.Training.trainer

    def watch(self, listener, **settings):
        if self.seed_parts[0] == "stage":
            seen.append(list(self.spec.encoders))
        return real(self, listener, **settings)

    monkeypatch.setattr(stages.Training, "trainer", watch)
    return seen


def history(run, fold="1"):
    return json.loads((run.path / f"seed-1/fold-{fold}/history.json").read_text())


def test_the_stages_run_first_and_their_weights_go_on(experiment, trained):
    events = []
    run, _ = experiment(pipeline={"stages": STAGES}, only_fold="1", listener=events.append).run()
    assert trained == [["audio"], ["text"]]
    cell = [e.event for e in events if isinstance(e, InCell)]
    assert [e for e in cell if isinstance(e, CellStarted)] == [CellStarted(at, 7) for at in (0, 3, 5)]
    assert [e.epoch for e in cell if isinstance(e, EpochEnded)] == list(range(1, 8))
    told = history(run)["stages"]
    assert [(stage["encoders"], len(stage["epochs"])) for stage in told] == [(["audio"], 3), (["text"], 2)]
    assert not list((run.path / "seed-1/fold-1").glob("stage-*"))
    losses = [epoch["losses"]["main"] for epoch in told[0]["epochs"]]
    assert losses[-1] < losses[0]


def test_what_was_learned_is_where_the_main_training_begins(experiment, monkeypatch):
    begun = {}
    real = stages.go_on

    def watch(pipeline, results):
        real(pipeline, results)
        if len(pipeline.encoders) == 2:
            begun.update({name: tensor.clone() for name, tensor in pipeline.encoders.state_dict().items()})

    monkeypatch.setattr("mer_core.cells.go_on", watch)
    experiment(pipeline={"stages": STAGES}, only_fold="1").run()
    kept = {}
    for file in (stages.cache_root() / "stages").glob("*.safetensors"):
        kept |= load_file(file)
    assert kept.keys() == begun.keys()
    assert all(torch.equal(kept[name], begun[name]) for name in kept)


def test_another_row_with_the_same_stages_uses_them_and_ends_the_same(experiment, trained):
    one, _ = experiment(pipeline={"stages": STAGES}, out="one").run()
    assert len(trained) == 6
    two, _ = experiment(pipeline={"stages": STAGES}, out="two").run()
    experiment(pipeline={"stages": STAGES, "fusion": {"use": "fc"}}, out="three").run()
    assert len(trained) == 6, "the fusion of the row is no part of its stages"
    for name in ("predictions.csv", "weights.safetensors", "history.json"):
        assert (one.path / "seed-1/fold-2" / name).read_bytes() == (two.path / "seed-1/fold-2" / name).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"corpus": {"seed": 1}},
        {"pipeline": {"train": QUICK | {"epochs": 3}}},
        {"pipeline": {"encoders": {m: {"use": "toy", "modality": m, "dim": 5} for m in ("audio", "text")}}},
        {"seeds": (2,)},
        {"only_fold": "2"},
    ],
    ids=str,
)
def test_a_stage_is_trained_again_when_what_decides_it_changes(experiment, trained, change):
    base = {"only_fold": "1", "pipeline": {}}
    experiment(**base | {"pipeline": {"stages": STAGES}}).run()
    del trained[:]
    changed = base | change
    experiment(**changed | {"pipeline": changed["pipeline"] | {"stages": STAGES}}, out="other").run()
    assert ["text"] in trained


def test_labels_are_part_of_what_decides(experiment, trained, change_corpus):
    experiment(pipeline={"stages": STAGES}, only_fold="1").run()
    del trained[:]
    change_corpus(lambda read: [replace(u, label="sad") if u.id == "u0005" else u for u in read])
    experiment(pipeline={"stages": STAGES}, only_fold="1", out="other").run()
    assert trained == [["audio"], ["text"]]


def test_a_damaged_file_is_trained_again(experiment, trained):
    experiment(pipeline={"stages": STAGES}, only_fold="1").run()
    for file in (stages.cache_root() / "stages").glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:40])
    del trained[:]
    experiment(pipeline={"stages": STAGES}, only_fold="1", out="other").run()
    assert trained == [["audio"], ["text"]]


def test_a_later_stage_goes_on_with_an_earlier_one(experiment, monkeypatch):
    begun = []
    monkeypatch.setattr(stages, "go_on", lambda pipeline, results: begun.append([r.key for r in results]))
    monkeypatch.setattr("mer_core.cells.go_on", lambda pipeline, results: None)
    both = [*STAGES, {"encoders": ["audio", "text"], "fusion": {"use": "toy"}}]
    run, _ = experiment(pipeline={"stages": both}, only_fold="1").run()
    keys = [stage["key"] for stage in history(run)["stages"]]
    assert begun == [[], [], keys[:2]]


def test_stages_train_encoders_of_the_pipeline():
    table = toy_table(stages=[{"encoders": ["audio", "video"], "fusion": {"use": "toy"}}])
    with pytest.raises(ValidationError, match="stages train encoders that the pipeline does not have: video"):
        PipelineSpec.model_validate(table)


@pytest.fixture(autouse=True)
def _own_stages(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))


def test_the_code_of_a_part_is_that_of_its_bases_too(write, tmp_path, monkeypatch):
    write("mer_t_parts/__init__.py", "")
    base = write("mer_t_parts/base.py", "from torch import nn\nclass Base(nn.Module): pass\n")
    write("mer_t_parts/fusion.py", "from mer_t_parts.base import Base\nclass Fusion(Base): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    from mer_t_parts.fusion import Fusion

    pipeline = SimpleNamespace(encoders={}, fusion=Fusion(), tasks={})
    before = stages._code(pipeline)
    base.write_text(base.read_text() + "# changed\n")
    assert len(before) == 2, "torch is not the part's own"
    assert stages._code(pipeline) != before
