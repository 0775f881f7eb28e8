import pytest

from mer_core.errors import PluginError, SpecError
from mer_core.registry import Registry, load_registry, shipped_file
from mer_core.resolve import Overrides, expand, parse_data, plugin_config, resolve
from mer_core.spec import PartSpec, PipelineSpec, RegistrySpec
from mer_core.testing.toys import ToyFusion, toy_table


@pytest.fixture
def shipped(tmp_path):
    return load_registry(folder=tmp_path)


def registry(**changes):
    tables = {"pipelines": {"toy": toy_table(**changes)}}
    return Registry(tables, RegistrySpec.model_validate(tables), (shipped_file(),))


def toy(*sets, table=None, **overrides):
    return resolve(registry(**(table or {})), "toy", Overrides(sets=sets, **overrides))


def parts(spec):
    options = {"fusion": (spec.fusion.use, spec.fusion.options.get("layers"))}
    return options | {"encoders": sorted(spec.encoders), "aux": [task.use for task in spec.aux]}


ROWS = {  # the paper's Tables 1 and 2: row -> (overrides, modalities, fusion, layers, tasks)
    "BERT": ({"modalities": ["text"]}, ["text"], "fc", None, []),
    "wav2vec 2.0": ({"modalities": ["audio"]}, ["audio"], "fc", None, []),
    "FC": ({"fusion": "fc", "aux": []}, ["audio", "text"], "fc", None, []),
    "CA, K=1": ({"aux": [], "sets": ["fusion.layers=1"]}, ["audio", "text"], "cross-attn", 1, []),
    "CA + Aux 1": ({"aux": ["aux1"], "sets": ["fusion.layers=1"]}, ["audio", "text"], "cross-attn", 1, ["aux1"]),
    "CA + Aux 2": ({"aux": ["aux2"], "sets": ["fusion.layers=1"]}, ["audio", "text"], "cross-attn", 1, ["aux2"]),
    "CA + Aux 1&2, K=1": ({"sets": ["fusion.layers=1"]}, ["audio", "text"], "cross-attn", 1, ["aux1", "aux2"]),
    "CA + Aux 1&2, K=2": ({"sets": ["fusion.layers=2"]}, ["audio", "text"], "cross-attn", 2, ["aux1", "aux2"]),
    "CA + Aux 1&2, K=3": (
        {"fusion": "cross-attn", "aux": ["aux1", "aux2"], "sets": ["fusion.layers=3"]},
        ["audio", "text"],
        "cross-attn",
        3,
        ["aux1", "aux2"],
    ),
}


@pytest.mark.parametrize("pipeline", ["paper", "demo"])
@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_papers_tables_is_flags_away(shipped, pipeline, row):
    overrides, modalities, fusion, layers, tasks = ROWS[row]
    spec = resolve(shipped, pipeline, Overrides(**overrides))
    assert parts(spec) == {"fusion": (fusion, layers), "encoders": modalities, "aux": tasks}


def test_the_papers_best_row_is_the_default_of_its_pipeline(shipped):
    best = {"fusion": ("cross-attn", 2), "encoders": ["audio", "text"], "aux": ["aux1", "aux2"]}
    assert parts(resolve(shipped, "paper", Overrides())) == best


def test_every_shipped_pipeline_resolves_and_its_options_are_known(shipped, manager):
    for name in shipped.spec.pipelines:
        spec = expand(manager, resolve(shipped, name, Overrides()))
        assert expand(manager, spec) == spec


def test_without_overrides_the_registry_stands():
    assert toy() == PipelineSpec.model_validate(toy_table())


def test_the_table_of_the_registry_is_left_as_it_was():
    source = registry(aux=[{"use": "toy"}])
    resolve(source, "toy", Overrides(sets=["aux.toy.weight=3", "train.epochs=9"], modalities=["text"]))
    assert source.tables["pipelines"]["toy"] == toy_table(aux=[{"use": "toy"}])


@pytest.mark.parametrize(
    ("item", "read"),
    [
        ("train.epochs=9", lambda s: (s.train.epochs, 9)),
        ("train.learning_rate=1e-3", lambda s: (s.train.learning_rate, 1e-3)),
        ("train.class_weights=true", lambda s: (s.train.class_weights, True)),
        ("train.precision=bfloat16", lambda s: (s.train.precision, "bfloat16")),
        ('train.precision="bfloat16"', lambda s: (s.train.precision, "bfloat16")),
        ("fusion.new=[1, 2]", lambda s: (s.fusion.options, {"new": [1, 2]})),
        ("fusion.path=/a/b=c", lambda s: (s.fusion.options, {"path": "/a/b=c"})),
        ("encoders.text.dim=4", lambda s: (s.encoders["text"].options["dim"], 4)),
        ("aux.toy.weight=0.5", lambda s: (s.aux[0].weight, 0.5)),
        ("evaluators.toy.x=1", lambda s: (s.evaluators[0].options, {"x": 1})),
        ("folds=speaker", lambda s: (s.protocol.folds, "speaker")),
        ("train.select=inner", lambda s: (s.protocol.select, "inner")),
        ("protocol.text=lower", lambda s: (s.protocol.text, "lower")),
        ("may_lack=[]", lambda s: (s.may_lack, ())),
        ('aux=[{use = "other"}]', lambda s: (s.aux[0].use, "other")),
    ],
)
def test_set_reads_values_as_toml_and_reaches_list_items_by_plugin_name(item, read):
    seen, expected = read(toy(item, table={"aux": [{"use": "toy"}]}))
    assert seen == expected
    assert type(seen) is type(expected)


def test_set_works_where_the_pipeline_has_no_train_table():
    source = {k: v for k, v in toy_table().items() if k != "train"}
    tables = {"pipelines": {"toy": source}}
    spec = resolve(
        Registry(tables, RegistrySpec.model_validate(tables), ()), "toy", Overrides(values={"train.epochs": 4})
    )
    assert spec.train.epochs == 4


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("train.epochs", r"--set 'train.epochs' is not of the form a.b=value\nFor example --set fusion.layers=3"),
        ("=3", r"--set '=3' is not of the form"),
        ("fusoin.layers=3", r'fusoin.layers: there is no fusoin in this pipeline \(did you mean "fusion"\?\)'),
        ("aux.toi.weight=1", r'aux.toi.weight: there is no aux.toi in this pipeline \(did you mean "toy"\?\)\nPa'),
        ("encoders.txt.dim=1", r'there is no encoders.txt in this pipeline \(did you mean "text"\?\)'),
        ("aux.weight=1", r"aux.weight: cannot be set\nName the part, for example aux.aux1.weight"),
        ("train.epochs.x=1", r"train.epochs.x: cannot be set"),
        ("train.trian.x=1", r'there is no train.trian in this pipeline\n'),
        ("train.epoch=3", r'pipeline "toy" with the options given: 1 mistake\n  train.epoch: no such key'),
        ("train.epochs=many", r"train.epochs: input should be a valid integer.*, got 'many'"),
        ("trains=3", r'trains: no such key \(did you mean "train"\?\)'),
        ("data=toy", r"data: input should be a valid dictionary or instance of PartSpec, got 'toy'"),
    ],
)  # fmt: skip
def test_a_set_that_cannot_be_is_told_by_its_path(item, message):
    with pytest.raises(SpecError, match=message):
        toy(item, table={"aux": [{"use": "toy"}]})


def test_all_mistakes_of_the_command_line_are_told_at_once():
    with pytest.raises(SpecError, match=r"2 mistakes\n  protocol.folds: .*\n  train.epoch: "):
        toy("train.epoch=3", "folds=sesion")


def test_later_sets_win_and_sets_win_over_flags():
    assert toy("train.epochs=5", "train.epochs=6", values={"train.epochs": 4}).train.epochs == 6


def test_a_fusion_by_name_keeps_its_options_only_where_the_registry_has_that_fusion(shipped):
    assert resolve(shipped, "paper", Overrides(fusion="cross-attn")).fusion.options == {"layers": 2, "heads": 8}
    assert resolve(shipped, "paper", Overrides(fusion="fc")).fusion.options == {}
    # The set comes after the name, whatever stands first on the command line.
    spec = resolve(shipped, "paper", Overrides(fusion="fc", sets=["fusion.hidden_dim=64"]))
    assert spec.fusion.options == {"hidden_dim": 64}


def test_tasks_by_name_come_in_the_order_given_with_their_weights():
    table = {"aux": [{"use": "a", "weight": 0.5, "x": 1}, {"use": "b"}]}
    spec = toy(aux=["b", "a", "c"], table=table)
    assert [(t.use, t.weight, t.options) for t in spec.aux] == [("b", 1.0, {}), ("a", 0.5, {"x": 1}), ("c", 1.0, {})]


@pytest.mark.parametrize("modalities", [["text"], ["text", "text"]])
def test_one_modality_takes_the_single_table_and_flags_win_over_it(modalities):
    table = {"aux": [{"use": "toy"}], "fusion": {"use": "two"}, "single": {"fusion": {"use": "one", "x": 1}}}
    spec = toy(modalities=modalities, table=table)
    assert (sorted(spec.encoders), spec.fusion.use, spec.fusion.options, spec.aux) == (["text"], "one", {"x": 1}, ())
    spec = toy(modalities=modalities, table=table, fusion="mine", aux=["toy"])
    assert (spec.fusion.use, spec.aux[0].use) == ("mine", "toy")


def test_what_is_set_for_a_single_modality_holds_there():
    table = {"fusion": {"use": "two"}, "single": {"fusion": {"use": "one", "x": 1}}}
    spec = toy("single.fusion.x=2", modalities=["text"], table=table)
    assert (spec.fusion.use, spec.fusion.options) == ("one", {"x": 2})
    assert toy("single.fusion.x=2", table=table).fusion.use == "two"
    assert toy("single.fusion.x=2", "fusion.x=3", modalities=["text"], table=table).fusion.options == {"x": 3}


def test_both_modalities_are_no_single_modality():
    table = {"aux": [{"use": "toy"}], "single": {"fusion": {"use": "one"}}}
    spec = toy(modalities=["text", "audio"], table=table)
    assert (spec.fusion.use, len(spec.aux)) == ("toy", 1)


def test_a_pipeline_that_has_one_modality_anyway_is_left_as_it_is():
    table = {"encoders": {"text": {"use": "toy"}}, "single": {"fusion": {"use": "one"}}}
    assert toy(modalities=["text"], table=table).fusion.use == "toy"


def test_an_unknown_modality_is_answered_with_the_known():
    with pytest.raises(
        SpecError, match=r'modality "txt" is not known \(did you mean "text"\?\)\. Known: audio, text\.'
    ):
        toy(modalities=["txt"])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("demo", {"use": "demo"}),
        ("iemocap:/data/IEMOCAP", {"use": "iemocap", "path": "/data/IEMOCAP"}),
        ("manifest:C:/a.csv", {"use": "manifest", "path": "C:/a.csv"}),
    ],
)
def test_data_is_a_name_and_perhaps_a_path(text, part):
    assert parse_data(text) == part
    assert toy(data=text).data.model_dump() == part


def test_options_are_checked_by_the_plugin_with_dotted_paths(manager):
    part = PartSpec(use="cross-attn", heads=0, layer=3)
    expected = (
        r'fusion "cross-attn": 2 mistakes\n  fusion.heads: input should be greater than or equal to 1, got 0\n'
        r'  fusion.layer: no such key \(did you mean "layers"\?\)$'
    )
    with pytest.raises(SpecError, match=expected):
        plugin_config(manager, "fusion", part, path="fusion")


CONFIGS = {"no Config": None, "no class": "Config = 3", "foreign": "class Config: pass"}


@pytest.mark.parametrize("body", CONFIGS.values(), ids=CONFIGS)
def test_a_plugin_without_a_config_of_mer_is_refused(manager, monkeypatch, body):
    if body is None:
        monkeypatch.delattr(ToyFusion, "Config")
    else:
        namespace = {}
        exec(body, namespace)
        monkeypatch.setattr(ToyFusion, "Config", namespace["Config"])
    with pytest.raises(PluginError, match='fusion "toy" has no Config of mer\nGive the class a nested `class Config'):
        plugin_config(manager, "fusion", PartSpec(use="toy"), path="fusion")


def test_expand_writes_every_default_and_keeps_what_was_given(manager):
    spec = toy("aux.toy.weight=0.5", table={"aux": [{"use": "toy"}], "single": {"fusion": {"use": "one"}}})
    full = expand(manager, spec)
    assert full.data.options == {"path": None, "utterances": 48, "sessions": 3, "noise": 0.3, "seed": 0}
    assert full.encoders["text"].options.items() >= {"modality": "text", "dim": 8, "frozen": False}.items()
    assert (full.aux[0].weight, full.aux[0].options) == (0.5, {"moved": "text"})
    assert full.single is None
    assert full.train == spec.train
    assert PipelineSpec.model_validate_json(full.model_dump_json()) == full


def test_expand_works_without_data(manager):
    assert expand(manager, toy(table={"data": None})).data is None
