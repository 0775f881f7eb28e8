"""The tables that ship: each of their rows composes on the demo corpus, and no fusion or task is left out."""

import pytest

from mer_core.compose import compose
from mer_core.registry import load_registry
from mer_core.resolve import Overrides, expand
from mer_core.tables.rows import rows_of

TABLES = ("1", "2", "3", "fusions", "tasks")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return load_registry(folder=tmp_path_factory.mktemp("empty"))


def test_there_are_no_others(registry):
    assert tuple(registry.spec.tables) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_every_row_composes_on_the_demo(table, registry):
    manager = registry.manager()
    for row in rows_of(registry, [table], "demo", Overrides()):
        pipeline = compose(expand(manager, row.resolved), manager, num_classes=4)
        assert list(pipeline.encoders) == list(row.resolved.encoders)
        assert row.resolved.data.use == "demo"


@pytest.mark.parametrize("table", TABLES)
def test_every_row_stands_for_a_pipeline_of_the_papers_size(table, registry):
    for row in rows_of(registry, [table], "paper", Overrides(data="iemocap:x")):
        used = [str(part.options.get("checkpoint")) for part in row.resolved.encoders.values()]
        assert not [name for name in used if name.startswith("embedded")]


@pytest.mark.parametrize(("table", "kind"), [("fusions", "fusion"), ("tasks", "aux")])
def test_all_that_ship_have_a_row(table, kind, registry):
    rows = [row.resolved for row in rows_of(registry, [table], "demo", Overrides())]
    used = {row.fusion.use for row in rows} if kind == "fusion" else {task.use for row in rows for task in row.aux}
    assert used == {found.plugin.name for found in registry.manager().all(kind)}
