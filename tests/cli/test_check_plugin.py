"""`mer check-plugin`."""

import json
from pathlib import Path

import pytest
import torch

CULPRITS = Path(__file__).parents[1] / "contracts" / "culprits"
EVALUATORS = CULPRITS / "culprit_evaluators.py"
HOOKS = """
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin

@hookimpl
def mer_evaluators():
    yield Plugin("twice", "mer_plugins.evaluators.wa_ua:WeightedUnweighted", "an evaluator")

@hookimpl
def mer_fusions():
    yield Plugin("twice", "mer_plugins.fusions.fc:FullyConnected", "a fusion")
"""


def rows(result):
    found = [line.split(maxsplit=2) for line in result.stdout.splitlines() if line.strip()]
    return {row[0]: row[1:] for row in found}


def test_right_plugin_passes(mer):
    result = mer("check-plugin", f"{EVALUATORS}:Right")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"evaluator {EVALUATORS}:Right  culprit_evaluators:Right\n")
    assert rows(result)["agrees-with-scikit-learn"] == ["ok", "known: accuracy, recall, confusion"]
    assert result.stdout.endswith("\n10 checks: 10 ok\n")


def test_broken_promise_is_shown_with_its_remedy(mer):
    result = mer("check-plugin", f"{EVALUATORS}:ZeroForNothing")
    assert result.exit_code == 1
    verdict, rest = rows(result)["undefined-is-nan"]
    assert verdict == "FAILED"
    assert rest.startswith("without any utterance accuracy has a value")
    assert "math.nan, not 0 and not 1" in rest
    assert result.stdout.endswith("\n10 checks: 9 ok, 1 FAILED\n")


def test_json(mer):
    result = mer("check-plugin", f"{EVALUATORS}:ZeroForNothing", "--json")
    data = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (data["kind"], data["passed"]) == ("evaluator", False)
    assert [row["check"] for row in data["checks"] if row["verdict"] != "ok"] == ["undefined-is-nan"]
    assert set(data["checks"][0]) == {"check", "verdict", "promise", "seen", "mend"}


def test_relaxed_promise_is_printed(mer):
    result = mer("check-plugin", "fc", "--set", "hidden_dim=8")
    assert result.exit_code == 0, result.output
    assert rows(result)["frame-order-matters"][0] == "relaxed"
    assert rows(result)["frame-order-matters"][1].startswith("declared order_free; reversing audio changes")
    assert rows(result)["output-width"] == ["ok", "(4, 8)"]


def test_name_of_two_kinds_needs_a_kind(mer, workplace):
    (workplace / "two_kinds.py").write_text(HOOKS)
    (workplace / "registry.toml").write_text('[plugins]\nfiles = ["two_kinds.py"]\n')
    result = mer("check-plugin", "twice", registry=None)
    assert result.exit_code == 2
    assert '"twice" names plugins of several kinds: fusion, evaluator\nAdd --kind fusion' in result.stderr
    assert mer("check-plugin", "twice", "--kind", "evaluator", registry=None).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["wa-au"], 'plugin "wa-au" is not known (did you mean "wa-ua"?)'),
        (["manifest"], "Manifest cannot be built without path\nAdd --set path=VALUE"),
        (["mine.py"], "mine.py is a file, not a plugin\nName its class: mine.py:Class"),
        (["wa-ua", "--set", "heads"], "--set 'heads' is not of the form option=value"),
    ],
)
def test_mistakes_of_the_user_exit_with_2(mer, arguments, says):
    result = mer("check-plugin", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_not_there(mer):
    result = mer("check-plugin", "wa-ua", "--device", "cuda")
    assert result.exit_code == 2
    assert 'device "cuda" is not available here. Available: ' in result.stderr


def test_unknown_option_is_a_finding(mer):
    result = mer("check-plugin", "wa-ua", "--set", "hedas=2")
    assert result.exit_code == 1
    assert rows(result)["builds"][0] == "FAILED"
    assert "hedas" in rows(result)["builds"][1]
