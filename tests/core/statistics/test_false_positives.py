"""Equal systems are called different about as often as promised; the simulation is that of benchmarks/."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
REPETITIONS = 100


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        spec = importlib.util.spec_from_file_location("false_positives", BENCHMARKS / "false_positives.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "false_positives", module)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("name", ["30 dialogs", "10 speakers, each a fold"])
def test_equal_systems_are_called_different_in_about_5_percent(bench, name):
    """Within what a true rate of 5 % gives so often; taking utterances for independent is far off."""
    design = replace(bench.DESIGNS[name], mean_length=10.0, liking_sd=0.2)
    called = bench.simulate(design, repetitions=REPETITIONS, resamples=150)
    lowest, highest = stats.binom(REPETITIONS, 0.05).ppf([0.005, 0.995]) / REPETITIONS
    assert lowest <= called["ua"] <= highest
    assert lowest <= called["wa"] <= highest
    assert called["mcnemar"] > highest + 0.05
