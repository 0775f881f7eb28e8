import sys

import pytest

from mer_core.errors import PluginError
from mer_core.manager import PluginManager

HEAD = "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
GATED = (
    HEAD + '@hookimpl\ndef mer_fusions():\n    yield Plugin("gated", __name__ + ":Gated", "toy")\nclass Gated: pass\n'
)


@pytest.fixture(autouse=True)
def _forget_modules():
    yield
    for name in [name for name in sys.modules if name.startswith("mer_t_")]:
        del sys.modules[name]


def test_a_plugin_file_brings_its_classes(write):
    path = write("mer_t_gated.py", GATED)
    manager = PluginManager(discover=False, files=[path])
    assert manager.load("fusion", "gated").__name__ == "Gated"
    assert manager.get("fusion", "gated").origin.place == str(path)
    # A second manager of the same process gets the same class, not a copy.
    assert PluginManager(discover=False, files=[path]).load("fusion", "gated") is manager.load("fusion", "gated")


def test_a_missing_plugin_file_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"cannot be used: FileNotFoundError: no such file: .*gone\.py"):
        PluginManager(discover=False, files=[tmp_path / "gone.py"])


def test_a_file_that_is_not_python_is_refused(write):
    with pytest.raises(PluginError, match=r"notes\.txt cannot be used: ImportError: its name does not end in \.py"):
        PluginManager(discover=False, files=[write("notes.txt", "")])


@pytest.mark.parametrize("name", ["torch", "statistics", "this"])
def test_a_plugin_file_never_hides_a_module_of_its_name(write, name):
    with pytest.raises(PluginError, match=rf"also that of the module {name}: rename the file"):
        PluginManager(discover=False, files=[write(f"{name}.py", GATED)])
    assert getattr(sys.modules.get(name), "Gated", None) is None


def test_two_plugin_files_of_one_name_are_refused(write):
    files = [write(f"{folder}/mer_t_same.py", GATED) for folder in "ab"]
    with pytest.raises(PluginError, match=r"plugin files .*mer_t_same\.py and .*mer_t_same\.py have one name"):
        PluginManager(discover=False, files=files)


@pytest.mark.parametrize("module", ["mer_no_such_module", "mer_core.no_such"])
def test_a_missing_module_named_by_the_registry_is_an_error(module):
    with pytest.raises(PluginError, match=f"plugin module {module} cannot be used: ModuleNotFoundError"):
        PluginManager(discover=False, modules=[module])
