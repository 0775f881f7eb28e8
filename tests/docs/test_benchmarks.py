"""The page of figures is made from the stored results, and says which aims are met."""

import copy
import json

import pytest


@pytest.fixture
def stored(root):
    files = sorted((root / "benchmarks" / "results").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def test_the_page_is_what_the_stored_results_make(root, figures, stored):
    assert (root / "docs" / "benchmarks.md").read_text(encoding="utf-8") == figures.page(stored)


def test_a_changed_result_changes_the_page(figures, stored):
    changed = copy.deepcopy(stored)
    changed["demo-text"]["summary"]["ua"]["mean"] = 0.51
    page = figures.page(changed)
    assert "| text only within 7 points of its ceiling and not above | no |" in page
    assert "| 51.00 |" in page
