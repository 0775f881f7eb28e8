"""What a run imports before its first step: libraries that only its end needs come at its end."""

import subprocess
import sys

import pytest

from mer_core import experiment as module
from mer_core.provenance import plugin_modules

LATE = ("sklearn", "scipy", "pandas")


def test_neither_the_core_nor_an_evaluator_imports_scikit_learn_or_scipy():
    names = "mer_core.experiment, mer_plugins.evaluators.wa_ua, mer_plugins.fusions.cross_attention"
    code = f"import sys, {names}; print(*[name for name in {LATE} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("settings", "early"),
    [
        ({"jobs": None}, True),
        ({"jobs": 1}, False),
        ({"jobs": 2, "only_fold": "1"}, False),
        ({"only_fold": "1", "seeds": [1, 2], "jobs": 2}, True),
    ],
)
def test_workers_libraries_are_imported_while_the_data_are_prepared(experiment, monkeypatch, settings, early):
    happened = []
    monkeypatch.setattr(module, "num_cores", lambda: 2)
    monkeypatch.setattr(module, "import_early", happened.append)
    monkeypatch.setattr(module, "run_cells", lambda *args, **kwargs: None)
    monkeypatch.setattr(module, "write_report", lambda *args: {})
    made = experiment(**settings, listener=lambda event: happened.append(type(event).__name__))
    made.run()
    assert "Preparing" in happened
    modules = plugin_modules(made.spec, made.manager)
    assert (happened[0] == modules) is early
    assert happened.count(modules) == early
