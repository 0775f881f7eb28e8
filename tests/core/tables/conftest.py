"""Tables of toys: a cell takes some hundredths of a second."""

import shutil
from functools import partial
from types import SimpleNamespace

import pytest

from mer_core.data.store import FeatureStore
from mer_core.registry import load_registry
from mer_core.resolve import Overrides
from mer_core.tables.reproduce import Reproduction
from mer_core.testing.toys import toy_manager

TOYS = """
[pipelines.toys]
data = { use = "toy", utterances = 16, sessions = 2, noise = 1.5 }
encoders.audio = { use = "toy", modality = "audio" }
encoders.text = { use = "toy", modality = "text" }
fusion = { use = "toy" }
evaluators = [{ use = "toy" }]
train = { epochs = 2, batch_size = 8, learning_rate = 0.05, dropout = 0.1 }
may_lack = ["audio", "text"]
single.fusion = { use = "toy" }

[tables.a]
title = "modalities"
source = "a paper, table 4"
protocol = "one fold"
pairs = [["both", "audio"], ["tasks", "both"]]
rows.audio = { title = "audio only", modalities = ["audio"], note = "ours" }
rows.both = { title = "both", published = { wa = 0.75, source = "another paper" } }
rows.tasks = { title = "both, task", aux = ["toy"] }

[tables.b]
title = "tasks"
rows.task = { title = "with the task", aux = ["toy"] }
rows.longer = { title = "longer", set = { "train.epochs" = 3 } }
"""


def make(folder, more="", **settings):
    """Return a reproduction of both tables; what is prepared and what is made is below `folder`."""
    (folder / "registry.toml").write_text(TOYS + more)
    fixed = {"registry": load_registry(folder / "registry.toml"), "manager": toy_manager(), "tables": ("a", "b")}
    fixed |= {"pipeline": "toys", "overrides": Overrides(), "out": folder / "out", "device": "cpu", "jobs": 1}
    return Reproduction(**fixed | {"store": FeatureStore(folder / "store")} | settings)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Both tables, made once without a disturbance, and where they are. Tests only read it."""
    folder = tmp_path_factory.mktemp("whole")
    return SimpleNamespace(tables=make(folder).run(), out=folder / "out")


@pytest.fixture
def reproduction(tmp_path):
    """Return a reproduction in the test's own folder."""
    return partial(make, tmp_path)


@pytest.fixture
def copied(reproduction, whole, tmp_path):
    """Like `reproduction`, where everything is done already."""
    shutil.copytree(whole.out, tmp_path / "out")
    return reproduction
