"""`mer show-plugin`."""

import json

import pytest

from mer_plugins.fusions.cross_attention import CrossAttention


def test_options_with_types_defaults_and_meaning(mer):
    shown = mer("show-plugin", "cross-attn").stdout
    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert shown.startswith("fusion cross-attn  K layers of multi-head cross attention\n")
    assert "The branches' means over time, concatenated, are the fused vector (paper, section 2.3)." in " ".join(
        shown.split()
    )
    assert rows["heads"].split()[1:5] == ["int", ">=", "1", "8"]
    assert "must divide the width of every modality" in rows["heads"]
    assert '"post" | "none"' in rows["norm"]
    assert rows["from"].startswith("from    mer-core ")
    assert rows["class"] == "class   mer_plugins.fusions.cross_attention:CrossAttention"
    assert rows["source"].split("/")[-1].startswith("cross_attention.py:")


def test_it_is_the_config_that_the_plugin_has(mer):
    data = json.loads(mer("show-plugin", "cross-attn", "--json").stdout)
    fields = CrossAttention.Config.model_fields
    assert [option["name"] for option in data["options"]] == list(fields)
    for option in data["options"]:
        assert json.loads(option["default"]) == fields[option["name"]].default
        assert option["meaning"] == fields[option["name"]].description


def test_a_plugin_of_a_users_file(mer):
    data = json.loads(mer("show-plugin", "toy-text", "--json").stdout)
    assert [(o["name"], o["type"], o["default"]) for o in data["options"]] == [("scale", "float", "1.0")]
    assert data["file"].endswith("toy_parts.py")


def test_an_option_that_must_be_given(mer):
    shown = mer("show-plugin", "manifest").stdout
    assert next(line for line in shown.splitlines() if line.startswith("path ")).split()[1:3] == ["Path", "needed"]


def test_a_plugin_without_options(mer):
    assert "\nno options\n" in mer("show-plugin", "wa-ua").stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("cros-attn",), 'plugin "cros-attn" is not known (did you mean "cross-attn"?)'),
        (("cross-attn", "--kind", "aux"), 'aux "cross-attn" is not known'),
    ],
)
def test_unknown_names(mer, args, words):
    result = mer("show-plugin", *args)
    assert result.exit_code == 2
    assert words in result.stderr
