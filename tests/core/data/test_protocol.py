"""Protocols as they ship, their hash, their words, and who may stand in one table."""

import pytest

from mer_core.data.protocol import in_words, protocol_hash, remark, same_protocol
from mer_core.errors import SpecError
from mer_core.registry import load_registry
from mer_core.resolve import Overrides, resolve
from mer_core.spec import ProtocolSpec
from mer_core.testing.toys import toy_table

NAMES = [
    "loso",
    "loso-improvised",
    "loso-scripted",
    "loso-text-disjoint",
    "scenario-disjoint",
    "speaker",
    "fixed",
    "kfold-random",
]


@pytest.fixture
def shipped(tmp_path):
    return load_registry(folder=tmp_path)


def chosen(registry, **overrides):
    return resolve(registry, "demo", Overrides(**overrides)).protocol


def info(**protocol):
    table = toy_table(protocol=protocol)
    return {"spec": table, "classes": ["a", "b"], "folds_hash": "f", "corpus": "c"}


def test_the_protocols_that_ship_differ_in_words_and_hash(shipped):
    assert list(shipped.spec.protocols) == NAMES
    protocols = shipped.spec.protocols.values()
    assert len({protocol_hash(one) for one in protocols}) == len({tuple(in_words(one)) for one in protocols}) == 8


@pytest.mark.parametrize(
    "change",
    [
        {"folds": "speaker"},
        {"folds": "kfold", "parts": 5},
        {"keep": {"kind": ("improvised",)}},
        {"labels": {"exc": "hap"}},
        {"text": "lower"},
        {"without_repeats": True},
        {"select": "inner"},
        {"evaluators": [{"use": "toy"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_a_protocol_says_changes_its_hash_and_its_words(change):
    changed = ProtocolSpec.model_validate(change)
    assert protocol_hash(changed) != protocol_hash(ProtocolSpec())
    assert list(in_words(changed)) != list(in_words(ProtocolSpec()))


def test_names_orders_and_options_of_evaluators_do_not_change_the_hash():
    one = ProtocolSpec(summary="x", keep={"kind": ("a", "b")}, labels={"a": "x", "b": "y"})
    other = ProtocolSpec(labels={"b": "y", "a": "x"}, keep={"kind": ("b", "a")})
    assert protocol_hash(one) == protocol_hash(other)
    bins = [ProtocolSpec.model_validate({"evaluators": [{"use": "trust", "bins": n}]}) for n in (5, 10)]
    assert protocol_hash(bins[0]) == protocol_hash(bins[1])


def test_a_pipeline_takes_the_protocol_that_is_chosen(shipped):
    spec = chosen(shipped, protocol="kfold-random")
    assert (spec.use, spec.folds, spec.parts) == ("kfold-random", "kfold", 5)
    assert [part.use for part in spec.evaluators] == ["wa-ua"]
    assert protocol_hash(spec) == protocol_hash(shipped.spec.protocols["kfold-random"])


def test_a_shorthand_that_makes_another_protocol_is_called_by_its_name(shipped):
    assert chosen(shipped).use == "loso"
    speaker = chosen(shipped, values={"protocol.folds": "speaker"})
    assert (speaker.use, speaker.summary) == ("speaker", "leave one speaker out")
    assert chosen(shipped, sets=["folds=speaker"]) == speaker
    changed = chosen(shipped, values={"protocol.select": "inner"})
    assert (changed.use, changed.folds, changed.select) == ("loso, changed", "session", "inner")


def test_pipelines_of_ones_own_may_use_the_short_keys_and_protocols_of_ones_own(write):
    parts = 'encoders.text = { use = "bert" }\nfusion = { use = "fc" }\nevaluators = [{ use = "mine" }]\n'
    path = write(
        "registry.toml",
        f'[pipelines.short]\nfolds = "speaker"\ntrain.select = "inner"\n{parts}'
        f'[pipelines.named]\nprotocol = {{ use = "mine", text = "lower" }}\n{parts}'
        '[protocols.mine]\nkeep = { language = ["de"] }\n[protocols.loso]\nselect = "test"\n',
    )
    registry = load_registry(path)
    short = resolve(registry, "short", Overrides())
    assert (short.protocol.folds, short.protocol.select, short.evaluators[0].use) == ("speaker", "inner", "mine")
    named = resolve(registry, "named", Overrides()).protocol
    assert (named.keep, named.text, named.evaluators[0].use) == ({"language": ("de",)}, "lower", "mine")
    assert registry.spec.protocols["loso"].select == "test", "a table is laid over the one that ships"
    replaced = resolve(registry, "short", Overrides(protocol="mine")).protocol
    assert (replaced.folds, replaced.select) == ("session", "last"), "what is chosen takes the place of the short keys"
    assert replaced.evaluators[0].use == "mine", "it names no evaluators: the pipeline's stay"


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["protocol.folds=kfold"], r'protocol: folds = "kfold" needs parts, for example parts = 5'),
        (["protocol.parts=3"], r'protocol: folds = "session" has no parts'),
        (["protocol.split_seed=3"], r'protocol: folds = "session" has no split_seed: nothing is drawn'),
        (["protocol.keep={kind=[]}"], r"protocol.keep.kind: \w+ should have at least 1 item"),
        (["protocol.fold=kfold"], r'protocol.fold: no such key \(did you mean "folds"\?\)'),
        (["evaluators=[]"], r'pipeline "demo" has no evaluators, and its protocol names none\nSay whose figures'),
    ],
)
def test_a_protocol_that_cannot_be_is_told_by_its_path(shipped, sets, message):
    with pytest.raises(SpecError, match=message):
        chosen(shipped, sets=sets)


def test_an_unknown_protocol_is_answered_with_the_nearest(shipped):
    with pytest.raises(SpecError, match=r'protocol "losso" is not known \(did you mean "loso"\?\)\. Known: fixed, kf'):
        chosen(shipped, protocol="losso")


def test_what_must_stand_beside_every_figure():
    assert remark(ProtocolSpec()) == remark(ProtocolSpec(select="inner")) == ""
    assert remark(ProtocolSpec(select="test")) == "selected on test (optimistic)"
    both = ProtocolSpec(folds="kfold", parts=5, select="test")
    assert remark(both) == "selected on test (optimistic), speaker-dependent (speakers on both sides)"


def test_runs_under_one_protocol_need_no_warning():
    assert same_protocol({"a": info()}) == same_protocol({"a": info(), "b": info(), "c": info()}) == []


def test_runs_that_cannot_be_compared_are_warned_of_with_what_differs():
    infos = {"a": info(), "b": info(folds="kfold", parts=5, select="test"), "c": info() | {"folds_hash": "g"}}
    infos |= {"d": info() | {"corpus": "e"}, "e": info() | {"classes": ["x"]}}
    assert same_protocol(infos) == [
        "a and b follow different protocols, so their figures cannot be compared: "
        "folds session and kfold; parts None and 5; select last and test",
        "a and c were not trained and tested on the same utterances, fold by fold",
        "a and d had the same utterances, but not the same words, recordings or fields of them",
        "a and e have different classes: a, b and x",
    ]


def test_runs_of_an_older_mer_have_their_protocol_in_short_keys():
    older = info() | {"spec": toy_table(folds="speaker")}
    assert "folds session and speaker" in same_protocol({"new": info(), "old": older})[0]
