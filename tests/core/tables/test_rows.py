"""From tables to pipelines."""

import pytest

from mer_core.errors import SpecError
from mer_core.registry import load_registry
from mer_core.resolve import Overrides
from mer_core.tables.rows import default_tables, rows_of

PIPELINES = """
[pipelines.base]
encoders.audio = { use = "toy", modality = "audio" }
encoders.text = { use = "toy", modality = "text" }
fusion = { use = "toy" }
aux = [{ use = "toy", weight = 0.5 }]
evaluators = [{ use = "toy" }]

[pipelines.other]
encoders.text = { use = "toy", modality = "text" }
fusion = { use = "fc" }
evaluators = [{ use = "toy" }]

[tables.t]
title = "t"
by_default = true
rows.other = { title = "other", pipelines = { base = "other" } }
rows.plain = { title = "plain" }
rows.text = { title = "text", modalities = ["text"], aux = [] }
rows.longer = { title = "longer", set = { "train.epochs" = 3, "aux.toy.weight" = 2.0 } }
"""


@pytest.fixture
def registry(write):
    return load_registry(write("registry.toml", PIPELINES))


def resolved(registry, **changes):
    rows = rows_of(registry, ["t"], "base", Overrides(data="toy", **changes))
    return {row.name: row for row in rows}


def test_a_row_departs_from_the_pipeline_as_it_says(registry):
    rows = resolved(registry)
    assert list(rows) == ["other", "plain", "text", "longer"]
    assert {row.resolved.data.use for row in rows.values()} == {"toy"}
    assert [task.weight for task in rows["plain"].resolved.aux] == [0.5]
    assert list(rows["text"].resolved.encoders) == ["text"]
    assert rows["text"].resolved.aux == ()
    assert rows["longer"].resolved.train.epochs == 3
    assert [task.weight for task in rows["longer"].resolved.aux] == [2.0]
    assert (rows["other"].pipeline, rows["other"].resolved.fusion.use) == ("other", "fc")


def test_what_the_call_sets_is_laid_over_the_row(registry):
    assert resolved(registry, sets=["train.epochs=5"])["longer"].resolved.train.epochs == 5


def test_a_row_without_a_pipeline_for_this_one_is_refused_with_the_remedy(registry):
    expected = (
        r'row "other" of table t has no pipeline for "other", only for base\nName one in \[tables\.t\.rows\.other'
    )
    with pytest.raises(SpecError, match=expected):
        list(rows_of(registry, ["t"], "other", Overrides(data="toy")))


def test_tables_made_where_none_is_named(registry):
    assert default_tables(registry) == ["1", "2", "t"]
