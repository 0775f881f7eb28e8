"""The page of the fusions on the demo is made from the stored cells, and says what they say."""

import copy
import json

import pytest

from mer_core.manager import PluginManager

SINGLE = {"text": {"words": 32}, "audio": {"voice": 32, "crossed": 16}}
SUM = {"words": 32, "voice": 30, "both": 28, "crossed": 12}
PRODUCT = SUM | {"crossed": 28}


@pytest.fixture
def stored():
    """Cells of two seeds and two folds in which every fusion does what it can."""
    import fusions

    def cells(name):
        right = SINGLE.get(name) or (SUM if name in ("fc", "late", "shallow", "smcn") else PRODUCT)
        strata = {stratum: [right.get(stratum, 8), 32] for stratum in SUM}
        return [{"seed": s, "fold": f, "strata": copy.deepcopy(strata)} for s in (1, 2) for f in "12"]

    return {
        "rows": {name: {"command": fusions.command(name, "1,2"), "cells": cells(name)} for name in fusions.ROWS},
        "machine": {"cores": 2, "processor": "x", "memory_gib": 1, "system": "Linux", "python": "3.11"},
        "packages": dict.fromkeys(("mer-core", "torch", "transformers"), "1"),
    }


def test_the_page_is_what_the_stored_cells_make(root, fusions_page):
    page = root / "docs" / "explanation" / "fusions-on-the-demo.md"
    result = root / "benchmarks" / "results" / "fusions-demo.json"
    assert page.exists() == result.exists()
    if result.exists():
        assert page.read_text("utf-8") == fusions_page.page(json.loads(result.read_text("utf-8")))


def test_every_fusion_that_ships_was_run_by_the_command_that_is_shown_and_does_what_it_can(root, fusions_page):
    import fusions

    stored = json.loads((root / "benchmarks" / "results" / "fusions-demo.json").read_text("utf-8"))
    shipped = PluginManager(discover=False, modules=["mer_plugins.hooks"]).all("fusion")
    assert {found.plugin.name for found in shipped} <= set(fusions.ROWS)
    assert {name: row["command"] for name, row in stored["rows"].items()} == {
        name: fusions.command(name, "1,2,3") for name in fusions.ROWS
    }
    assert "not by" not in fusions_page.page(stored)


def test_it_says_which_cells_it_is_made_of(fusions_page, stored):
    assert "of seeds 1, 2, fold 1, 2 of 5" in " ".join(fusions_page.page(stored).split())


def test_accuracies_sd_and_interval_are_those_of_the_cells(fusions_page, stored):
    """tfn: (32 + 30 + 28 + 28) of 128; the interval counts 64 crossed utterances once, not twice."""
    stored["rows"]["tfn"]["cells"][0]["strata"]["crossed"] = [12, 32]
    page = fusions_page.page(stored)
    shares = [100 * (12 + 28 + 180) / 256, 100 * (28 + 28 + 180) / 256]
    mean, sd = sum(shares) / 2, abs(shares[0] - shares[1]) / 2**0.5
    assert f"| `tfn` | {mean:.1f} | {sd:.1f} | 100.0 | 93.8 | 87.5 | 75.0 | 63.2 to 84.0 | no |" in page


def test_aims_are_met_where_every_fusion_does_what_it_can(fusions_page, stored):
    page = fusions_page.page(stored)
    assert page.count("| yes |\n") >= 2
    assert "not by" not in page


def test_who_does_not_meet_an_aim_is_named(fusions_page, stored):
    for cell in stored["rows"]["late"]["cells"]:
        cell["strata"]["crossed"] = [32, 32]
    for cell in stored["rows"]["tfn"]["cells"]:
        cell["strata"] = {name: [0, total] for name, (_, total) in cell["strata"].items()}
    page = fusions_page.page(stored)
    above, crossed = (line for line in page.splitlines() if "not by" in line)
    assert above.endswith("| not by `tfn` |")
    assert crossed.endswith("| not by `late`, `tfn` |")


def test_rows_of_different_cells_make_no_page(fusions_page, stored):
    stored["rows"]["tfn"]["cells"].pop()
    with pytest.raises(AssertionError, match="rows differ in cells"):
        fusions_page.page(stored)


def test_the_most_that_a_sum_can_get_of_the_crossed_stratum_is_three_quarters(fusions_page, stored):
    """Eight cells, of which additive scores can have six: found by the program, as for the whole corpus."""
    assert "a sum of one part per modality gets at most 75.00 %" in " ".join(fusions_page.page(stored).split())
