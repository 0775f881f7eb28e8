"""`mer list-plugins`."""

import json
import re

import pytest

HEAD = "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
GATED = HEAD + "@hookimpl\ndef mer_fusions():\n    yield Plugin('gated', __name__ + ':Gated', 'my own')\n"


def test_every_kind_is_listed_with_where_it_comes_from(mer):
    shown = mer("list-plugins").stdout
    rows = {tuple(line.split()[:2]): line for line in shown.splitlines() if line.strip()}
    assert rows["fusion", "cross-attn"].split()[-2] == "mer-core"
    assert rows["encoder", "toy-text"].rstrip().endswith("toy_parts.py")
    assert "which emotion is named" in rows["encoder", "toy-text"]
    assert {key[0] for key in rows} >= {"encoder", "fusion", "aux", "evaluator", "corpus"}


def test_one_kind_for_programs(mer):
    data = json.loads(mer("list-plugins", "--kind", "corpus", "--json").stdout)
    names = {row["name"]: row for row in data["plugins"]}
    assert {row["kind"] for row in data["plugins"]} == {"corpus"}
    assert names["toy"]["distribution"] == "toy_parts.py"
    assert names["manifest"]["distribution"] == "mer-core"
    assert names["manifest"]["version"]


def test_a_registry_in_the_working_folder_counts_and_is_named(mer, workplace):
    (workplace / "registry.toml").write_text('[plugins]\nfiles = ["mer_t_fusion.py"]\n')
    missing = mer("list-plugins", registry=None)
    assert missing.exit_code == 0
    assert "not usable: mer_t_fusion.py" in missing.stderr
    assert "FileNotFoundError: no such file" in missing.stderr
    (workplace / "mer_t_fusion.py").write_text(GATED)
    found = mer("list-plugins", registry=None)
    assert "my own" in found.stdout
    assert f"mer_t_fusion.py is used: plugins.files of {workplace / 'registry.toml'}" in found.stderr


def test_an_unknown_kind(mer):
    result = mer("list-plugins", "--kind", "fusions")
    assert result.exit_code == 2
    assert "'fusions' is not one of 'encoder', 'fusion', 'aux', 'evaluator', 'corpus'" in result.stderr


NO_CONFIG = (
    GATED
    + """
from torch import nn
class Gated(nn.Module):
    class Config: pass
"""
)
BAD = {
    "import fails": ("import no_such_module_of_mer", "broken", "No module named 'no_such_module_of_mer'"),
    "import exits": ("raise SystemExit(3)", "broken", "ends the program: SystemExit: 3"),
    "import raises no Exception": ("raise GeneratorExit", "broken", "GeneratorExit"),
    "misspelt hook": (GATED.replace("fusions", "fusion"), "broken", 'unknown hook "mer_fusion" (did you mean'),
    "newer API": ("MER_API = '>=7'\nimport tomorrow", "newer API", "it supports plugin API >=7, and this is"),
    "name of a built-in": (GATED.replace("gated", "fc"), "clash", '2 fusion plugins are named "fc": mer-core '),
    "import prints": ("print('hello\\nworld')\n" + GATED, "loaded", "fusion gated; prints when imported: 'hello' …"),
    "Config that is not ours": (NO_CONFIG, "loaded", "fusion gated"),
}


@pytest.fixture(params=BAD.values(), ids=BAD)
def bad(request, installed):
    """A distribution that is not as it should be, beside the built-in one: its state, and what is said of it."""
    source, state, says = request.param
    installed("mer-core", "mer_plugins.hooks")
    installed("mer-bad", "mer_t_bad", source)
    return state, says


def test_why_tells_what_became_of_every_candidate(mer, bad):
    state, says = bad
    result = mer("list-plugins", "--why")
    assert result.exit_code == 0, result.output
    builtin, *_, toys = rows = [re.split(r"\s{3,}", line) for line in result.stdout.splitlines() if "   " in line][1:]
    assert builtin[:3] == ["mer-core 1.2", "entry point builtin = mer_plugins.hooks", "loaded"]
    assert toys[0] == "toy_parts.py"
    assert re.fullmatch(r"plugins.files of /.*registry.toml", toys[1])
    (row,) = [row for row in rows if row[0] == "mer-bad 1.2"]
    assert row[1:3] == ["entry point mer_t_bad = mer_t_bad", state]
    assert says in row[3]


def test_why_for_programs(mer, bad):
    state, says = bad
    result = mer("list-plugins", "--why", "--json")
    data = json.loads(result.stdout)
    (row,) = [row for row in data["candidates"] if row["distribution"] == "mer-bad"]
    assert (row["version"], row["state"]) == ("1.2", state)
    assert says.partition(";")[0] in row["reason"] or row["plugins"] == [{"kind": "fusion", "name": "gated"}]
    assert (row["printed"] == "hello\nworld\n") == ("prints" in says)
    assert re.fullmatch(r"\d+\.\d+", data["api_version"])


def test_nothing_bad_stops_the_listing(mer, bad):
    state, says = bad
    result = mer("list-plugins")
    assert result.exit_code == 0
    assert "cross-attn" in result.stdout
    assert "hello" not in result.stdout
    unusable = [line for line in result.stderr.splitlines() if line.startswith("note: not usable: ")]
    assert [says in line for line in unusable] == ([True] if state != "loaded" else [])
    rows = json.loads(mer("list-plugins", "--json").stdout)["unusable"]
    assert {row["state"] for row in rows} == {state} - {"loaded"}


def test_nothing_bad_stops_an_unrelated_run(mer, bad):
    result = mer("run", "--pipeline", "toy", "--epochs", 1, "--only-fold", "1", "--out", "run")
    assert result.exit_code == 0, result.output


def test_a_config_that_is_not_ours_is_told_when_it_is_asked_for(mer, installed):
    installed("mer-core", "mer_plugins.hooks")
    installed("mer-bad", "mer_t_bad", NO_CONFIG)
    result = mer("run", "--pipeline", "toy", "--fusion", "gated", "--out", "run")
    assert result.exit_code == 2
    assert 'fusion "gated" has no Config of mer\nGive the class a nested `class Config(PluginConfig)`' in result.stderr


def test_a_clash_is_told_when_it_is_asked_for(mer, installed):
    installed("mer-core", "mer_plugins.hooks")
    installed("mer-bad", "mer_t_bad", GATED.replace("gated", "fc"))
    result = mer("run", "--pipeline", "toy", "--fusion", "fc", "--out", "run")
    assert result.exit_code == 2
    assert '2 fusion plugins are named "fc"' in result.stderr
    assert "MER_DISABLE_PLUGINS=mer-bad" in result.stderr


def test_what_is_switched_off_is_told(mer, installed, monkeypatch):
    installed("mer-core", "mer_plugins.hooks")
    monkeypatch.setenv("MER_DISABLE_PLUGINS", "fc,bort,toy_parts.py")
    result = mer("list-plugins")
    assert " fc " not in result.stdout
    assert "toy-audio" not in result.stdout
    assert "MER_DISABLE_PLUGINS names bort, and nothing here is called that" in result.stderr
    assert "(entry point builtin): disabled: named in MER_DISABLE_PLUGINS: fusion fc" in result.stderr
    data = json.loads(mer("list-plugins", "--why", "--json", "--kind", "fusion").stdout)
    assert data["unknown_disabled"] == ["bort"]
    states = [(row["distribution"], row["state"]) for row in data["candidates"]]
    assert states == [("mer-core", "loaded"), ("mer-core", "disabled"), ("toy_parts.py", "disabled")]


def test_help_says_how_plugins_are_switched_off(mer):
    assert "MER_DISABLE_PLUGINS=NAME,NAME" in mer("list-plugins", "--help", registry=None).stdout
