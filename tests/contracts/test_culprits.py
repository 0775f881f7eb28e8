"""Every wrong plugin is caught by the check named for its mistake, and the right ones pass every check."""

import sys
from functools import cache
from pathlib import Path

import pytest

from mer_core.testing.contracts.check import CONTRACTS, check_name, check_names, find_class, run_check, run_contract

HERE = Path(__file__).parent / "culprits"
FILES = {
    "fusion": "culprit_fusions.py",
    "aux": "culprit_aux_tasks.py",
    "encoder": "culprit_encoders.py",
    "evaluator": "culprit_evaluators.py",
    "corpus": "culprit_corpora.py",
}
CAUGHT = {
    "fusion": {
        "NoConfig": "builds",
        "NotAModule": "builds",
        "LayersInAList": "parameters-are-registered",
        "FactorsInAList": "parameters-are-registered",
        "UnusedHead": "parameters-train",
        "FrozenByNoGrad": "parameters-train",
        "RunningMeanAsAttribute": "survives-state-dict",
        "PickledState": "pickles-nothing",
        "LoadsAPickle": "pickles-nothing",
        "AlwaysDropsOut": "evaluation-is-deterministic",
        "Remembers": "evaluation-is-deterministic",
        "CallsCuda": "stays-on-the-device",
        "ZerosOnTheCpu": "stays-on-the-device",
        "ConstantNotABuffer": "stays-on-the-device",
        "WrongWidth": "output-width",
        "PadsIntoTheMean": "padding-values-do-not-matter",
        "AttendsToPadding": "padding-values-do-not-matter",
        "BackwardOverPadding": "padding-values-do-not-matter",
        "GradientOfPadding": "padding-gets-no-gradient",
        "AttentionAcrossTheBatch": "batch-does-not-matter",
        "CentresTheBatch": "batch-does-not-matter",
        "NumbersTheBatch": "batch-order-does-not-matter",
        "ByPosition": "modality-order-does-not-matter",
        "BuiltByPosition": "modality-order-does-not-matter",
        "ForgetsOneModality": "every-modality-is-reached",
        "WithoutPositions": "frame-order-matters",
        "HiddenSingle": "any-precision",
        "HiddenZeros": "any-precision",
        "NeedsThreeFrames": "extreme-lengths",
        "StandardDeviation": "extreme-lengths",
        "SoftmaxByHand": "large-inputs",
        "InPlace": "leaves-its-inputs-alone",
        "ScoresOneTooFew": "class-scores",
        "ScoresCentredOverTheBatch": "class-scores",
        "LogOfSoftmax": "class-scores",
        "UnusedScores": "parameters-train",
        "LossOfEach": "own-loss",
        "DrawsItsLoss": "own-loss",
    },
    "aux": {
        "HeadInAList": "parameters-are-registered",
        "UnusedHead": "parameters-train",
        "MemoryAsAttribute": "survives-state-dict",
        "ExtraState": "pickles-nothing",
        "ForgetsTheMode": "evaluation-is-deterministic",
        "TargetsOnTheCpu": "stays-on-the-device",
        "LossPerUtterance": "finite-scalar",
        "PlainNumber": "finite-scalar",
        "TrainsItsHeadOnly": "gradient-reaches-the-path",
        "ScalesTheEncodings": "leaves-the-main-loss-alone",
        "ReplacesAModality": "leaves-the-main-loss-alone",
        "CallsBackward": "leaves-the-main-loss-alone",
        "SwitchesToEvaluation": "leaves-the-main-loss-alone",
        "GlobalRandomness": "deterministic-under-its-generator",
        "SqueezesTheBatch": "batch-of-one",
        "DividesByOtherPairs": "single-class",
        "CountsTheLabelsItSees": "absent-class",
        "PadsIntoTheMean": "padding-does-not-matter",
        "HoldsAnEncoder": "never-calls-an-encoder",
        "CallsAnEncoder": "never-calls-an-encoder",
        "RandomTargets": "training-lowers-it",
    },
    "encoder": {
        "LacksNumFrames": "builds",
        "WrongWidth": "declared-width",
        "Dithers": "prepare-is-deterministic",
        "PreparesWithGradient": "prepare-is-deterministic",
        "PreparesWithRandomWeights": "prepare-in-other-processes",
        "Local": "prepare-in-other-processes",
        "StaleKey": "cache-key-follows-prepare",
        "RandomKey": "cache-key-follows-prepare",
        "DeafToContext": "context-is-read",
        "NeedsNeighbours": "context-is-read",
        "NamesNoTensor": "normalised-by-speaker",
        "FittedToTheLast": "fitted-in-any-order",
        "FittedAttribute": "fitted-in-any-order",
        "FitsInPlace": "fitted-in-any-order",
        "MaskOneShort": "mask-matches-length",
        "MaskOfOnes": "mask-matches-length",
        "NormalisesOverPadding": "batch-does-not-matter",
        "AttentionAcrossTheBatch": "batch-does-not-matter",
        "NoFrameForNoText": "shortest-and-longest",
        "NeedsAFrame": "shortest-and-longest",
        "ProjectInAList": "parameters-are-registered",
        "UnusedHead": "parameters-train",
        "CentreAsAttribute": "survives-state-dict",
        "ZerosOnTheCpu": "stays-on-the-device",
        "DropsOutInEvaluation": "evaluation-is-deterministic",
        "ExtraState": "pickles-nothing",
    },
    "evaluator": {
        "LacksEvaluate": "builds",
        "Text": "figures-are-data",
        "NumpyFloats": "figures-are-data",
        "PerError": "perfect-predictions",
        "Constant": "chance-predictions",
        "NeedsEveryClass": "degenerate-predictions",
        "ClassesThatOccur": "degenerate-predictions",
        "DependsOnOrder": "order-does-not-matter",
        "MicroCalledMacro": "agrees-with-scikit-learn",
        "SortedConfusion": "agrees-with-scikit-learn",
        "PredictedByTrue": "agrees-with-scikit-learn",
        "ZeroForUndefined": "undefined-is-nan",
        "ZeroForNothing": "undefined-is-nan",
        "SharpensInPlace": "leaves-predictions-alone",
        "Bootstraps": "leaves-predictions-alone",
    },
    "corpus": {
        "LacksRead": "builds",
        "Generates": "lists-utterances",
        "NeitherSoundNorWords": "lists-utterances",
        "ByTheFileSystem": "order-is-deterministic",
        "ByScandir": "order-is-deterministic",
        "SameIds": "ids-are-unique",
        "WrongSuffix": "audio-exists",
        "SpanBackwards": "audio-exists",
        "EmptyForAnything": "wrong-directory-is-refused",
        "PlainFileNotFound": "wrong-directory-is-refused",
        "NamesNoPlace": "wrong-directory-is-refused",
    },
}
OTHER = {  # what is told without failing
    ("fusion", "Silent"): ("options-are-explained", "reported", "no docstring under dim"),
    ("fusion", "BatchNorm"): ("batch-does-not-matter-in-training", "reported", "depends on the others"),
    ("fusion", "OrderFree"): ("frame-order-matters", "relaxed", "declared order_free"),
    ("fusion", "BranchesOnValues"): ("can-be-traced", "reported", "torch.export"),
}
RIGHT = [
    *((kind, "Right") for kind in FILES),
    ("encoder", "RightSound"),
    ("encoder", "RightFitted"),
    ("fusion", "Scores"),
    ("fusion", "Teaches"),
    ("encoder", "ReadsContext"),
]
NEVER_FAIL = {"options-are-explained", "batch-does-not-matter-in-training", "can-be-traced"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    plugin("corpus", "write_tree")(folder)
    return folder


@cache
def module(kind):
    return find_class(f"{HERE / FILES[kind]}:Right", manager=None, kind=kind)[0].__module__


def plugin(kind, name):
    return getattr(sys.modules[module(kind)], name)


def options(kind, tree):
    return {"path": tree} if kind == "corpus" else {}


def whole(kind, name, tree):
    return {row.check: row for row in run_contract(CONTRACTS[kind], plugin(kind, name), options=options(kind, tree))}


@pytest.mark.parametrize(("kind", "name", "by"), [(k, n, by) for k, rows in CAUGHT.items() for n, by in rows.items()])
def test_culprit_is_caught(kind, name, by, tree):
    method = f"test_{by.replace('-', '_')}"
    found = run_check(CONTRACTS[kind], method, plugin(kind, name), options=options(kind, tree))
    assert found.verdict == "FAILED", found
    assert found.seen
    assert found.mend


@pytest.mark.parametrize(("kind", "name"), RIGHT)
def test_right_plugin_passes(kind, name, tree):
    found = whole(kind, name, tree)
    assert len(found) == len(check_names(CONTRACTS[kind]))
    assert {row.check: row.seen for row in found.values() if row.verdict != "ok"} == {}


@pytest.mark.parametrize(("kind", "name"), OTHER)
def test_told_without_failing(kind, name, tree):
    by, verdict, seen = OTHER[kind, name]
    found = whole(kind, name, tree)
    assert (found[by].verdict, seen in found[by].seen) == (verdict, True), found[by]
    assert not [row for row in found.values() if row.verdict == "FAILED"]


@pytest.mark.parametrize("kind", FILES)
def test_every_check_has_a_culprit(kind):
    checks = {check_name(method) for method in check_names(CONTRACTS[kind])}
    caught_elsewhere = {"builds"} if kind == "aux" else set()
    assert checks - NEVER_FAIL - caught_elsewhere == set(CAUGHT[kind].values()) - caught_elsewhere
