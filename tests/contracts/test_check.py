"""Finding the class to check, and what is made of its verdicts."""

import sys
from pathlib import Path

import pytest

from mer_core.errors import PluginError
from mer_core.testing import check_plugin
from mer_core.testing.contracts.base import Contract
from mer_core.testing.contracts.check import CONTRACTS, check_names, find_class
from mer_core.testing.contracts.listing import shuffled
from mer_core.testing.toys import toy_manager

HERE = Path(__file__).parent / "culprits"
FUSIONS, EVALUATORS = HERE / "culprit_fusions.py", HERE / "culprit_evaluators.py"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("culprit_fusions", "fusion"),
        ("culprit_aux_tasks", "aux"),
        ("culprit_encoders", "encoder"),
        ("culprit_evaluators", "evaluator"),
        ("culprit_corpora", "corpus"),
    ],
)
def test_kind_is_told_from_the_members(file, kind):
    plugin, found = find_class(f"{HERE / file}.py:Right", manager=None, kind=None)
    assert (plugin.__name__, found) == ("Right", kind)


def test_name_module_and_class_are_found(manager):
    for target in ("wa-ua", "mer_plugins.evaluators.wa_ua:WeightedUnweighted"):
        plugin, kind = find_class(target, manager=manager, kind=None)
        assert (plugin.__name__, kind) == ("WeightedUnweighted", "evaluator")
        assert find_class(plugin, manager=None, kind=None) == (plugin, "evaluator")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("toy", '"toy" names plugins of several kinds: encoder, fusion, aux, evaluator, corpus\nAdd --kind encoder'),
        ("cros-attn", r'plugin "cros-attn" is not known \(did you mean "cross-attn"'),
        ("wa-au", r'plugin "wa-au" is not known \(did you mean "wa-ua"'),
        (f"{FUSIONS}:Rihgt", "has no class Rihgt"),
        (f"{FUSIONS}:torch", "has no class torch"),
        ("absent.py:Gated", r"absent.py cannot be used: FileNotFoundError"),
        ("no.such.module:Gated", "no.such.module cannot be imported: ModuleNotFoundError"),
        (f"{FUSIONS}:PluginConfig", "kind of PluginConfig cannot be told from its members\nAdd --kind, one of encoder"),
    ],
)
def test_what_cannot_be_found_is_named(target, says, manager):
    with pytest.raises(PluginError, match=says):
        find_class(target, manager=manager, kind=None)


def test_kind_settles_a_name_of_several():
    assert find_class("toy", manager=toy_manager(), kind="fusion")[0].__name__ == "ToyFusion"


def test_plugin_that_cannot_be_built_is_one_finding():
    results = check_plugin(f"{FUSIONS}:Right", options={"dmi": 3})
    assert [(row.check, row.verdict) for row in results] == [("builds", "FAILED")]
    assert "dmi" in results[0].seen
    assert results[0].mend.startswith("give the class a nested `class Config(PluginConfig)`")


def test_options_reach_the_plugin():
    results = check_plugin(f"{FUSIONS}:Right", options={"dim": 5})
    assert {row.check: row.seen for row in results}["output-width"] == "(4, 5)"


def test_whatever_a_plugin_raises_is_a_finding():
    class Exits:
        Config = find_class(f"{EVALUATORS}:Right", manager=None, kind=None)[0].Config

        def __init__(self, config):
            pass

        def evaluate(self, predictions):
            sys.exit(3)

    results = {row.check: row for row in check_plugin(Exits)}
    assert results["figures-are-data"].seen == "raises SystemExit: 3"


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_check_says_its_promise_and_how_to_mend_it(kind):
    contract: type[Contract] = CONTRACTS[kind]
    for name in check_names(contract):
        promise, _, mend = getattr(contract, name).__doc__.partition("\n\n        Mend: ")
        assert promise.endswith("."), name
        assert len(mend) > 10, name


def test_listing_is_shuffled_and_whole(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02}").touch()
    plain = [path.name for path in sorted(tmp_path.iterdir())]
    with shuffled(1):
        listings = [[path.name for path in tmp_path.iterdir()], [path.name for path in tmp_path.glob("*")]]
    for names in listings:
        assert names != plain
        assert sorted(names) == plain
    assert sorted(path.name for path in tmp_path.rglob("*")) == plain
