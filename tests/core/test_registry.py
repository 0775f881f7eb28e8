import pytest

from mer_core.errors import PluginError, SpecError
from mer_core.registry import load_registry, overlay, shipped_file

MINE = """
[pipelines.mine]
encoders.text = { use = "bert" }
fusion = { use = "fc" }
evaluators = [{ use = "wa-ua" }]
"""


def test_the_shipped_registry_is_valid_and_the_only_file_in_an_empty_folder(tmp_path):
    registry = load_registry(folder=tmp_path)
    assert registry.files == (shipped_file(),)
    assert {"demo", "paper"} <= set(registry.spec.pipelines)


def test_the_file_of_the_working_folder_is_laid_over_the_shipped_one(write, tmp_path, monkeypatch):
    path = write("registry.toml", MINE + "[pipelines.paper]\ntrain.epochs = 3\n")
    monkeypatch.chdir(tmp_path)
    registry = load_registry()
    assert registry.files == (shipped_file(), path)
    assert registry.spec.pipelines["mine"].fusion.use == "fc"
    paper = registry.spec.pipelines["paper"]
    assert paper.train.epochs == 3
    assert paper.train.batch_size == 16
    assert paper.encoders["text"].options == {"checkpoint": "bert-base-uncased"}


def test_a_file_given_by_name_is_used_instead_of_the_folders(write, tmp_path):
    write("registry.toml", "[pipelines.paper]\ntrain.epochs = 3\n")
    other = write("other.toml", "[pipelines.paper]\ntrain.epochs = 4\n")
    registry = load_registry(other, folder=tmp_path)
    assert registry.spec.pipelines["paper"].train.epochs == 4
    assert registry.files == (shipped_file(), other)


def test_the_shipped_file_itself_is_laid_once():
    assert load_registry(folder=shipped_file().parent).files == (shipped_file(),)


def test_naming_a_plugin_replaces_the_part_below_with_its_options():
    below = {"fusion": {"use": "cross-attn", "layers": 2}, "train": {"epochs": 2, "warmup": 0.1}, "aux": [1]}
    above = {"fusion": {"use": "fc"}, "train": {"epochs": 5}, "aux": []}
    assert overlay(below, above) == {"fusion": {"use": "fc"}, "train": {"epochs": 5, "warmup": 0.1}, "aux": []}
    assert overlay(below, {"fusion": {"layers": 3}})["fusion"] == {"use": "cross-attn", "layers": 3}
    assert below["train"] == {"epochs": 2, "warmup": 0.1}


def test_every_mistake_is_told_at_once_with_its_dotted_path(write):
    path = write(
        "registry.toml",
        """
        [pipeline.x]
        [pipelines.paper]
        trian = { epochs = 3 }
        folds = "sesion"
        train.epochs = 0
        train.epoch = 3
        train.precision = "int8"
        aux = [{ use = "aux1", weight = -1.0 }, { weight = 1.0 }]
        epochs = 5
        [pipelines.new]
        fusion = { used = "fc" }
        [plugins]
        files = [3]
        """,
    )
    with pytest.raises(SpecError) as caught:
        load_registry(path)
    first, *lines = caught.value.message.split("\n")
    assert first == f"{path}: 12 mistakes"
    assert sorted(line.strip() for line in lines) == sorted(
        [
            'pipeline: no such key (did you mean "pipelines"?)',
            'pipelines.paper.trian: no such key (did you mean "train"?)',
            "pipelines.paper.protocol.folds: input should be "
            "'session', 'speaker', 'fixed', 'scenario' or 'kfold', got 'sesion'",
            "pipelines.paper.train.epochs: input should be greater than 0, got 0",
            'pipelines.paper.train.epoch: no such key (did you mean "epochs"?)',
            "pipelines.paper.train.precision: input should be 'float32', 'bfloat16' or 'float16', got 'int8'",
            "pipelines.paper.aux.0.weight: input should be greater than or equal to 0, got -1.0",
            "pipelines.paper.aux.1.use: is needed",
            "pipelines.paper.epochs: no such key",  # it is one of train's: not suggested to itself
            "pipelines.new.encoders: is needed",
            "pipelines.new.fusion.use: is needed",
            "plugins.files.0: input is not a valid path for <class 'pathlib.Path'>, got 3",
        ]
    )


def test_a_list_is_asked_for_in_the_words_of_toml(write):
    with pytest.raises(SpecError, match=r"plugins.files: input should be a list, got 'mine.py'"):
        load_registry(write("registry.toml", '[plugins]\nfiles = "mine.py"'))


def test_one_mistake_is_called_one(write):
    with pytest.raises(
        SpecError, match=r'registry.toml: 1 mistake\n  plugin: no such key \(did you mean "plugins"\?\)'
    ):
        load_registry(write("registry.toml", "plugin = 1"))


def test_what_is_not_toml_is_told_with_its_line(write):
    with pytest.raises(SpecError, match=r"registry\.toml is not valid TOML: .*line 2"):
        load_registry(write("registry.toml", "[pipelines]\nx = ="))


def test_what_is_not_text_is_not_toml(tmp_path):
    (tmp_path / "registry.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match=r"registry\.toml is not valid TOML"):
        load_registry(folder=tmp_path)


def test_a_missing_file_that_was_named_is_an_error(tmp_path):
    with pytest.raises(SpecError, match=r"registry file .*gone\.toml does not exist\nGive an existing file to --reg"):
        load_registry(tmp_path / "gone.toml")


def test_an_unknown_pipeline_is_answered_with_the_nearest(tmp_path):
    expected = r'pipeline "papr" is not known \(did you mean "paper"\?\)\. Known: .*demo, .*paper, .*\nEach pipeline is'
    with pytest.raises(SpecError, match=expected):
        load_registry(folder=tmp_path).pipeline("papr")


PLUGIN = """
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin
@hookimpl
def mer_fusions():
    yield Plugin("mine", "mer_t_mine:Mine", "toy")
class Mine: pass
"""


def test_plugin_files_are_relative_to_the_registry_that_names_them(write, tmp_path, monkeypatch):
    write("project/parts/mer_t_mine.py", PLUGIN)
    path = write("project/my.toml", '[plugins]\nfiles = ["parts/mer_t_mine.py"]')
    monkeypatch.chdir(tmp_path)
    manager = load_registry(path).manager()
    assert manager.load("fusion", "mine").__name__ == "Mine"
    assert manager.get("fusion", "cross-attn")


def test_a_plugin_file_that_is_not_there_is_told_by_its_path(write):
    path = write("my.toml", '[plugins]\nfiles = ["gone.py"]')
    with pytest.raises(PluginError, match=rf"no such file: {path.parent}/gone\.py"):
        load_registry(path).manager().get("fusion", "gone")


TABLE = """
[tables.mine]
title = "mine"
rows.a = { title = "A", fusion = "fc", published = { wa = 0.7 } }
rows.b = { title = "B", set = { "fusion.layers" = 3 } }
pairs = [["b", "a"]]
"""


def test_a_table_of_ones_own_stands_beside_those_that_ship(write):
    table = load_registry(write("registry.toml", TABLE)).table("mine")
    assert list(table.rows) == ["a", "b"]
    assert table.rows["a"].published.wa == 0.7
    assert table.rows["b"].set == {"fusion.layers": 3}
    assert table.pairs == (("b", "a"),)
    assert not table.by_default


def test_a_pair_of_a_row_that_is_not_there_is_refused(write):
    path = write("registry.toml", TABLE.replace('["b", "a"]', '["b", "c"]'))
    with pytest.raises(SpecError, match=r"tables\.mine: pairs name rows that the table does not have: c"):
        load_registry(path)


def test_an_unknown_table_is_refused_with_the_nearest_name(tmp_path, write):
    registry = load_registry(write("registry.toml", TABLE))
    with pytest.raises(SpecError, match=r'table "mina" is not known \(did you mean "mine"\?\)\. Known: 1, 2, .*mine'):
        registry.table("mina")


def test_the_papers_rows_that_ship(tmp_path):
    """Seven rows of the paper's Table 1 and two that say they are not in it; its Table 2 shares one of them."""
    registry = load_registry(folder=tmp_path)
    first, second = registry.table("1"), registry.table("2")
    assert len(first.rows) == 9
    assert [name for name, row in first.rows.items() if row.note] == ["fc-aux1", "fc-aux2"]
    assert [row.set["fusion.layers"] for row in second.rows.values()] == [1, 2, 3]
    published = {name: (row.published.wa, row.published.ua) for name, row in first.rows.items() if row.published}
    assert published == {"ca": (0.7719, 0.7847), "ca-aux1-2": (0.7834, 0.7959)}
    same = second.rows["k1"].model_dump(exclude={"title"})
    assert same == first.rows["ca-aux1-2"].model_dump(exclude={"title"})
