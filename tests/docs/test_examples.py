"""The example packages keep their contracts and train together, found as a registry names them; not installed.

Their own tests are run by the gate, on the installed packages.
"""

import sys
from pathlib import Path

import pytest

from mer_core.data.store import FeatureStore
from mer_core.experiment import Experiment
from mer_core.spec import PipelineSpec
from mer_core.testing import check_plugin
from mer_core.testing.toys import toy_manager, toy_table

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module", autouse=True)
def _importable():
    folders = [str(EXAMPLES / name) for name in ("mer-gmu", "mer-supcon")]
    sys.path[:0] = folders
    yield
    for folder in folders:
        sys.path.remove(folder)


def test_examples_train_together(tmp_path):
    manager = toy_manager(modules=["mer_gmu", "mer_supcon"])
    spec = PipelineSpec.model_validate(
        toy_table(fusion={"use": "gmu", "dim": 8}, aux=[{"use": "supcon", "weight": 0.1}])
    )
    experiment = Experiment(
        name="examples", spec=spec, manager=manager, out=tmp_path / "run", store=FeatureStore(tmp_path / "store")
    )
    run, _ = experiment.run()
    cells = list(run.path.rglob("history.json"))
    assert len(cells) == 3
    assert all('"supcon"' in cell.read_text() for cell in cells)


@pytest.mark.parametrize(("name", "count"), [("gmu", 24), ("supcon", 18)])
def test_check_plugin_passes(name, count):
    results = check_plugin(name, manager=toy_manager(modules=["mer_gmu", "mer_supcon"]))
    assert [row for row in results if row.verdict == "FAILED"] == []
    assert len(results) == count
