import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from mer_core import manager as manager_module
from mer_core.errors import PluginError
from mer_core.manager import PluginManager

HEAD = "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
GATED = (
    HEAD + '@hookimpl\ndef mer_fusions():\n    yield Plugin("gated", __name__ + ":Gated", "toy")\nclass Gated: pass\n'
)


class Dist:
    """A distribution as entry points see it."""

    version = "1.2"

    def __init__(self, name):
        self.name = self.metadata = name


@pytest.fixture(autouse=True)
def _forget_modules():
    yield
    for name in [name for name in sys.modules if name.startswith("mer_t_")]:
        del sys.modules[name]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install distributions, each with one plugin module of that source."""
    entries = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(manager_module, "entry_points", lambda group: [e for e in entries if e.group == group])

    def install(dist, module, source):
        (tmp_path / f"{module}.py").write_text(source)
        entry = EntryPoint(module, module, "mer")
        vars(entry).update(dist=Dist(dist))
        entries.append(entry)

    return install


def names(manager, kind=None):
    return [found.plugin.name for found in manager.all(kind)]


def test_without_discovery_nothing_installed_is_seen(installed):
    installed("mer-gated", "mer_t_gated", GATED)
    assert PluginManager(discover=False).all() == []
    assert names(PluginManager()) == ["gated"]


def test_the_built_in_plugins_come_by_the_public_entry_point():
    found = PluginManager().get("fusion", "cross-attn")
    assert found.origin.name == "mer-core"
    assert found.origin.place == "entry point builtin"
    assert found.kind == "fusion"


def test_all_is_sorted_by_kind_and_name(manager):
    rows = [(found.kind, found.plugin.name) for found in manager.all()]
    assert names(manager, "fusion") == ["cross-attn", "fc", "toy"]
    assert rows.index(("encoder", "wav2vec2")) < rows.index(("fusion", "cross-attn")) < rows.index(("aux", "aux1"))


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known(manager):
    with pytest.raises(PluginError) as caught:
        manager.get("fusion", "cros-attn")
    assert str(caught.value) == (
        'fusion "cros-attn" is not known (did you mean "cross-attn"?). Known: cross-attn (mer_plugins.hooks), '
        "fc (mer_plugins.hooks), toy (mer_core.testing.toys).\nSee: mer list-plugins --kind fusion"
    )


def test_an_unknown_name_where_there_is_no_plugin_at_all():
    with pytest.raises(PluginError, match=r'^corpus "x" is not known. Known: none\.'):
        PluginManager(discover=False).get("corpus", "x")


def test_two_distributions_with_one_name_are_refused_by_their_names(installed):
    installed("mer-a", "mer_t_a", GATED)
    installed("mer-b", "mer_t_b", GATED)
    expected = (
        r'two fusion plugins are named "gated": mer-a 1\.2 \(entry point mer_t_a\) and '
        r"mer-b 1\.2 \(entry point mer_t_b\)\nRename one, or uninstall the other distribution\."
    )
    with pytest.raises(PluginError, match=expected):
        PluginManager()


def test_one_name_in_two_kinds_is_fine(installed):
    installed("mer-a", "mer_t_a", GATED)
    installed("mer-b", "mer_t_b", GATED.replace("mer_fusions", "mer_aux_tasks"))
    assert names(PluginManager()) == ["gated", "gated"]


BROKEN = {
    "misspelt hook": (GATED.replace("mer_fusions", "mer_fusion"), "unknown hook 'mer_fusion'"),
    "hook with an argument": (GATED.replace("mer_fusions()", "mer_fusions(x)"), "mer_fusions"),
    "half registered": (
        GATED.replace("mer_fusions", "mer_fusion") + "@hookimpl\ndef mer_corpora(x): return ()\n",
        "mer_",
    ),
    "import fails": ("import mer_no_such_module", "No module named 'mer_no_such_module'"),
    "exit at import": ("raise SystemExit(3)", "3"),
    "hook fails": (HEAD + "@hookimpl\ndef mer_fusions():\n    raise RuntimeError('no luck')\n", "no luck"),
    "hook gives nothing": (HEAD + "@hookimpl\ndef mer_fusions(): pass\n", "not iterable"),
    "hook gives no plugin": (HEAD + "@hookimpl\ndef mer_fusions(): return ['x']\n", "yields 'x', not a Plugin"),
    "bad name": (GATED.replace('"gated"', '"Gated Fusion"'), "is not usable"),
}


@pytest.mark.parametrize(("source", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_broken_distribution_is_noted_and_stops_nothing_else(installed, source, cause):
    installed("mer-broken", "mer_t_broken", source)
    installed("mer-gated", "mer_t_gated", GATED)  # comes after: what is left of the broken one must not hurt it
    manager = PluginManager()
    assert names(manager) == ["gated"]
    assert [str(broken.origin) for broken in manager.broken] == ["mer-broken 1.2"]
    assert cause in str(manager.broken[0].cause)
    with pytest.raises(PluginError, match=r"Not usable: mer-broken 1\.2: \w+: ") as caught:
        manager.get("fusion", "other")
    assert cause in str(caught.value)


@pytest.mark.parametrize(("source", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_named_by_the_registry_is_an_error(write, source, cause):
    path = write("mer_t_file.py", source)
    with pytest.raises(PluginError, match=r"plugin .*mer_t_file\.py cannot be used: \w+: .*") as caught:
        PluginManager(discover=False, files=[path])
    assert cause in str(caught.value)
    assert "Mend it, or take it out of [plugins] in the registry file." in str(caught.value)
    assert sys.modules.get("mer_t_file") is None or source.startswith(HEAD)


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


LAZY = HEAD + '@hookimpl\ndef mer_corpora():\n    yield Plugin("lazy", "{target}", "toy", extra="speech")\n'


def test_a_lacking_extra_is_named_in_the_hint(installed):
    installed("mer-lazy", "mer_t_lazy", LAZY.format(target="mer_no_such_module:X"))
    expected = (
        r'corpus "lazy" of mer-lazy 1\.2 cannot be loaded: ModuleNotFoundError: No module named .*\n'
        r"Install what it needs: pip install 'mer-lazy\[speech\]'"
    )
    with pytest.raises(PluginError, match=expected) as caught:
        PluginManager().load("corpus", "lazy")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("source", ["raise SystemExit(1)", "1 / 0", "X = 3"])
def test_a_class_that_cannot_be_loaded_is_not_blamed_on_the_extra(installed, write, source):
    installed("mer-lazy", "mer_t_lazy", LAZY.format(target="mer_t_failing:X"))
    write("mer_t_failing.py", source)
    with pytest.raises(PluginError, match=r'corpus "lazy" .* cannot be loaded: .*\nLook at mer_t_failing:X\.'):
        PluginManager().load("corpus", "lazy")


def test_listing_every_built_in_plugin_imports_neither_torch_nor_a_plugin():
    code = (
        "import sys; from mer_core.manager import PluginManager; from mer_core.registry import load_registry;"
        "import mer_core.resolve, mer_core.rundir, mer_core.events, mer_core.files;"
        "assert len(PluginManager().all()) >= 10; load_registry();"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('torch', 'transformers', 'sklearn', 'numpy')"
        " or m.startswith('mer_plugins.') and m != 'mer_plugins.hooks'];"
        "sys.exit(', '.join(bad[:5]) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
