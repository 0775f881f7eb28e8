"""`mer new-plugin`: what it writes works at once."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mer_cli.app import app
from mer_core.manager import PluginManager
from mer_core.plugin import KINDS
from mer_core.testing.contracts.check import CONTRACTS, check_plugin, find_class, run_contract

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package of every kind, importable."""
    folder = tmp_path_factory.mktemp("packages")
    for kind in KINDS:
        result = CliRunner().invoke(app, ["new-plugin", kind, f"my-{kind}", "--dir", str(folder / f"mer-my-{kind}")])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def importable(packages, monkeypatch):
    for kind in KINDS:
        monkeypatch.syspath_prepend(packages / f"mer-my-{kind}")
        monkeypatch.syspath_prepend(packages / f"mer-my-{kind}" / "tests")
    return packages


@pytest.mark.parametrize("kind", KINDS)
def test_package_keeps_its_contract(kind, importable):
    manager = PluginManager(discover=False, modules=[f"mer_my_{kind}"])
    assert [(found.kind, found.plugin.name) for found in manager.all()] == [(kind, f"my-{kind}")]
    plugin, _ = find_class(f"my-{kind}", manager=manager, kind=None)
    contract = getattr(importlib.import_module(f"test_my_{kind}"), f"TestMy{kind.capitalize()}")
    assert issubclass(contract, CONTRACTS[kind])
    assert contract.plugin is plugin
    assert [row for row in run_contract(contract, plugin, options={}) if row.verdict not in ("ok", "relaxed")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_single_file_keeps_its_contract(kind, mer, workplace):
    result = mer("new-plugin", kind, f"one-{kind}", "--single-file", registry=None)
    assert result.exit_code == 0, result.output
    assert [path.name for path in workplace.iterdir()] == [f"mer_one_{kind}.py"]
    path = workplace / f"mer_one_{kind}.py"
    manager = PluginManager(discover=False, files=[path])
    assert [(found.kind, found.plugin.name) for found in manager.all()] == [(kind, f"one-{kind}")]
    options = {}
    if kind == "corpus":
        options = {"path": workplace}
        (workplace / "angry").mkdir()
        (workplace / "angry" / "s1-1.wav").touch()
    results = check_plugin(f"{path}:One{kind.capitalize()}", options=options)
    assert [row for row in results if row.verdict not in ("ok", "relaxed")] == []
    assert len(results) > 5


def test_packages_pass_ruff_and_mypy(packages):
    ruff = subprocess.run([sys.executable, "-m", "ruff", "check", packages], capture_output=True, text=True)
    assert ruff.returncode == 0, ruff.stdout
    neat = subprocess.run([sys.executable, "-m", "ruff", "format", "--check", packages], capture_output=True, text=True)
    assert neat.returncode == 0, neat.stdout
    modules = [path for kind in KINDS for path in (packages / f"mer-my-{kind}" / f"mer_my_{kind}").glob("*.py")]
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        REPO / ".mypy_cache",
        *modules,
    ]
    mypy = subprocess.run(command, capture_output=True, text=True, cwd=packages)
    assert mypy.returncode == 0, mypy.stdout


def test_project_file_names_the_entry_point(packages):
    project = tomllib.loads((packages / "mer-my-fusion" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "mer-my-fusion"
    assert project["entry-points"]["mer"] == {"my-fusion": "mer_my_fusion"}
    assert "license" not in project


def test_says_what_to_type_next(mer):
    shown = mer("new-plugin", "fusion", "gated", "--dir", "here", registry=None).stdout
    for command in ("pip install -e 'here[test]'", "pytest here", "mer check-plugin gated", "mer run --fusion gated"):
        assert command in shown


@pytest.mark.parametrize("form", [["--single-file"], []])
def test_a_corpus_is_checked_with_its_folder(mer, form):
    shown = mer("new-plugin", "corpus", "mine", "--dir", "here", *form, registry=None).stdout
    assert re.search(r"mer check-plugin (mine|here/mer_mine.py:Mine) --set path=FOLDER\n", shown)


@pytest.mark.parametrize("form", [[], ["--single-file"]])
def test_nothing_is_overwritten(mer, workplace, form):
    assert mer("new-plugin", "fusion", "gated", "--dir", "here", *form, registry=None).exit_code == 0
    before = {path: path.read_text() for path in workplace.rglob("*") if path.is_file()}
    again = mer("new-plugin", "aux", "gated", "--dir", "here", *form, registry=None)
    assert again.exit_code == 2
    assert "is there already; nothing was written\nName another place with --dir." in again.stderr
    assert {path: path.read_text() for path in workplace.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Gated", "plugin name 'Gated' is not usable\nBegin with a letter; use lower-case"),
        ("3d", "plugin name '3d' is not usable"),
        ("../up", "plugin name '../up' is not usable"),
        ("fc", 'fusion "fc" is there already'),
    ],
)
def test_names_that_cannot_be(mer, workplace, name, says):
    result = mer("new-plugin", "fusion", name, registry=None)
    assert result.exit_code == 2
    assert says in result.stderr
    assert list(workplace.iterdir()) == []
