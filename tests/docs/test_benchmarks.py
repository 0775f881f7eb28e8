"""The page of figures is made from the stored results, and says which aims are met."""

import copy
import json

import pytest


@pytest.fixture
def stored(root):
    files = sorted((root / "benchmarks" / "results").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


@pytest.fixture
def slow(stored):
    """All that is not of speed."""
    return {name: value for name, value in stored.items() if not name.startswith("speed-")}


def test_the_page_is_what_the_stored_results_make(root, figures, stored):
    assert (root / "docs" / "benchmarks.md").read_text(encoding="utf-8") == figures.page(stored)


def test_a_changed_result_changes_the_page(figures, stored):
    changed = copy.deepcopy(stored)
    changed["demo-text"]["summary"]["ua"]["mean"] = 0.51
    page = figures.page(changed)
    assert "| text only within 7 points of its ceiling and not above | no |" in page
    assert "| 51.00 |" in page


def bench(**changes):
    row = {"work": "fine-tuning", "against": "`tuned` float32", "bound": 1.8, "is_cost": False, "met": True}
    row |= {"ratio": 2.0, "lowest": 1.9, "highest": 2.25, "utterances_per_second": 0.82}
    row |= {"others_utterances_per_second": 0.41, "asked": "at least 1.8"} | changes
    job = {"told": {"shares": {"audio encoder": 0.75, "optimiser": 0.25}, "prepare_s": 31.4, "padding": 1.08}}
    machine = {"cores": 2, "processor": "P", "load_at_start": 0.1}
    command = "mer bench --utterances 64"
    return {"command": command, "machine": machine, "rows": {"tuned": row}, "jobs": {"mer a=1": [job]}}


def test_the_section_on_speed_is_made_of_what_was_measured(figures, slow):
    assert "## Speed" not in figures.page(slow)
    page = figures.page(slow | {"speed-float32": bench()})
    assert "| fine-tuning | `tuned` float32 | 64 | 0.82 | 0.41 | 2.00 (1.90 to 2.25) | at least 1.8 | yes |" in page
    assert "| `mer a=1` | 31 | 1.080 | audio encoder 75, optimiser 25 |" in page
    assert "not measured: no GPU in reach" in page
    assert "`mer bench --utterances 64`, 2 cores (P), load 0.1 at the start." in page


def test_a_row_says_how_near_it_came_to_what_the_machine_can_do(figures, slow):
    assert "ratio at the peak" not in figures.page(slow | {"speed-float32": bench()})
    page = figures.page(slow | {"speed-float32": bench(utilisation=0.8)})
    assert "| fine-tuning | `tuned` float32 | 80 | 2.00 | 2.50 |" in page
    assert "ratio at the peak" not in figures.page(slow | {"speed-float32": bench(utilisation=0.8, is_cost=True)})


def test_what_a_peers_groups_would_be_in_a_whole_corpus_is_said(figures, slow):
    groups = {"batch_size": 8, "padded": {"64": 1.8, "5531": 1.08}}
    page = figures.page(slow | {"speed-float32": bench(), "peer-groups": groups})
    assert "1.8 at 64, 1.08 at 5531 utterances, padded over real frames." in page
    assert "the ratios at 5531 utterances would be 1.20 instead of 2.00 (`tuned` float32, 64 utterances)." in page


def test_the_dearest_operators_are_told(figures, slow):
    profile = {"operators_percent": {"a step": {"mm": 44.6, "copy_": 5.5}}}
    page = figures.page(slow | {"speed-float32": bench(), "profile": profile})
    assert "| a step | `mm` 44.6, `copy_` 5.5 |" in page


def test_a_cost_a_gpu_and_a_first_step(figures, slow):
    first = {"first_step_s": 6.04, "each": [{}] * 5, "machine": {"load_at_start": 0.2}}
    speeds = {
        "speed-float32": bench(is_cost=True, met=False, asked="at most 1.03"),
        "speed-gpu": bench(work="on a GPU"),
        "speed-first-step": first,
    }
    page = figures.page(slow | speeds)
    assert "| at most 1.03 | no |" in page
    assert "| on a GPU |" in page
    assert "not measured" not in page
    assert "first step 6.0 s after its start with a warm cache (`python" in page
    assert "median of 5, load 0.2 at the start; not as asked: 6 s)" in page
