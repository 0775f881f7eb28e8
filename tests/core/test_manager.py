import subprocess
import sys

import pytest

from mer_core.errors import PluginError
from mer_core.manager import PluginManager
from mer_plugins import hooks

HEAD = "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
GATED = (
    HEAD + '@hookimpl\ndef mer_fusions():\n    yield Plugin("gated", __name__ + ":Gated", "toy")\nclass Gated: pass\n'
)

FUSIONS = sorted(plugin.name for plugin in hooks.mer_fusions())
"""Those that ship."""


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
    assert names(manager, "fusion") == sorted([*FUSIONS, "toy"])
    assert rows.index(("encoder", "wav2vec2")) < rows.index(("fusion", "cross-attn")) < rows.index(("aux", "aux1"))


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known(manager):
    with pytest.raises(PluginError) as caught:
        manager.get("fusion", "cros-attn")
    known = ", ".join(sorted([*(f"{name} (mer_plugins.hooks)" for name in FUSIONS), "toy (mer_core.testing.toys)"]))
    assert str(caught.value) == (
        f'fusion "cros-attn" is not known (did you mean "cross-attn"?). Known: {known}.\n'
        "See: mer list-plugins --kind fusion"
    )


def test_an_unknown_name_where_there_is_no_plugin_at_all():
    with pytest.raises(PluginError, match=r'^corpus "x" is not known. Known: none\.'):
        PluginManager(discover=False).get("corpus", "x")


CLASH = (
    r'2 fusion plugins are named "gated": mer-a 1\.2 \(entry point mer_t_a\) and mer-b 1\.2 \(entry point mer_t_b\)\n'
    r"Rename one, uninstall all but one of them, or set MER_DISABLE_PLUGINS=mer-b\."
)


def test_a_name_of_two_distributions_is_an_error_only_where_it_is_asked_for(installed):
    installed("mer-a", "mer_t_a", GATED)
    installed("mer-b", "mer_t_b", GATED + GATED.replace("fusions", "corpora").replace('"gated"', '"other"'))
    manager = PluginManager()
    assert names(manager) == ["other"]
    assert manager.get("corpus", "other").origin.name == "mer-b"
    for asked in (manager.get, manager.load):
        with pytest.raises(PluginError, match=CLASH):
            asked("fusion", "gated")


def test_a_built_in_plugin_is_never_replaced_unsaid(installed):
    installed("mer-core", "mer_plugins.hooks")
    installed("mer-a", "mer_t_a", GATED.replace('"gated"', '"fc"'))
    with pytest.raises(
        PluginError, match=r'2 fusion plugins are named "fc": mer-core .* and mer-a .*\n.*PLUGINS=mer-a\.'
    ):
        PluginManager().get("fusion", "fc")
    assert names(PluginManager(), "fusion") == [name for name in FUSIONS if name != "fc"]


def test_a_module_that_yields_a_name_twice_is_not_told_to_be_switched_off(installed):
    installed("mer-a", "mer_t_a", GATED.replace("    yield", "    yield Plugin('gated', 'x:Y', '')\n    yield"))
    with pytest.raises(PluginError, match=r"uninstall all but one of them\.$"):
        PluginManager().get("fusion", "gated")


def test_one_name_in_two_kinds_is_fine(installed):
    installed("mer-a", "mer_t_a", GATED)
    installed("mer-b", "mer_t_b", GATED.replace("mer_fusions", "mer_aux_tasks"))
    assert names(PluginManager()) == ["gated", "gated"]


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


@pytest.mark.parametrize("source", ["raise SystemExit(1)", "1 / 0", "X = 3", "raise type('Odd', (BaseException,), {})"])
def test_a_class_that_cannot_be_loaded_is_not_blamed_on_the_extra(installed, write, source):
    installed("mer-lazy", "mer_t_lazy", LAZY.format(target="mer_t_failing:X"))
    write("mer_t_failing.py", source)
    with pytest.raises(PluginError, match=r'corpus "lazy" .* cannot be loaded: .*\nLook at mer_t_failing:X\.'):
        PluginManager().load("corpus", "lazy")


def test_plugins_are_found_without_what_only_registries_and_declarations_need():
    code = (
        "import sys; from mer_core.manager import PluginManager; assert len(PluginManager().all()) >= 10;"
        "sys.exit(', '.join({'pydantic', 'packaging', 'rich', 'typer'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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


def test_what_a_class_prints_when_it_is_imported_stays_off_stdout(installed, write, monkeypatch, capsys):
    monkeypatch.syspath_prepend(write("mer_t_loud.py", "print('hello')\nclass X: pass\n").parent)
    installed("mer-lazy", "mer_t_lazy", LAZY.format(target="mer_t_loud:X"))
    assert PluginManager().load("corpus", "lazy").__name__ == "X"
    assert capsys.readouterr() == ("", "hello\n")


def test_ctrl_c_is_not_a_plugins_mistake(installed):
    installed("mer-slow", "mer_t_slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        PluginManager()


@pytest.fixture
def disable(monkeypatch):
    return lambda names: monkeypatch.setenv("MER_DISABLE_PLUGINS", names)


def test_a_disabled_distribution_is_not_even_imported(installed, disable):
    installed("mer-a", "mer_t_a", GATED)
    installed("mer-b", "mer_t_b", GATED)
    disable(" Mer_B ,")
    assert PluginManager().get("fusion", "gated").origin.name == "mer-a"
    assert "mer_t_b" not in sys.modules
    states = {row.origin.name: (row.state, row.reason) for row in PluginManager().candidates()}
    assert states == {"mer-a": ("loaded", ""), "mer-b": ("disabled", "named in MER_DISABLE_PLUGINS")}


def test_a_disabled_plugin_leaves_its_neighbours(installed, disable):
    installed("mer-core", "mer_plugins.hooks")
    disable("fc")
    manager = PluginManager()
    others = [name for name in FUSIONS if name != "fc"]
    assert names(manager, "fusion") == others
    with pytest.raises(
        PluginError, match=r'fusion "fc" of mer-core .* is switched off\nTake it out of MER_DISABLE_PLU'
    ):
        manager.get("fusion", "fc")
    loaded, disabled = manager.candidates("fusion")
    assert [found.plugin.name for found in disabled.found] == ["fc"]
    assert sorted(found.plugin.name for found in loaded.found) == others


def test_a_disabled_name_that_nothing_has_is_told(installed, disable):
    installed("mer-a", "mer_t_a", GATED)
    disable("gatde,mer.a")
    assert PluginManager().unknown_disabled == ["gatde"]


def test_the_environment_cannot_change_what_a_test_sees(disable):
    disable("fc,mer_plugins.hooks")
    assert "fc" in names(PluginManager(discover=False, modules=["mer_plugins.hooks"]))
