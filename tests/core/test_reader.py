"""What may be wrong with a plugin module: each is told in one line, and none stops anything else."""

import sys

import pytest

from mer_core.errors import PluginError
from mer_core.manager import PluginManager

HEAD = "from mer_core.hookspec import hookimpl\nfrom mer_core.plugin import Plugin\n"
GATED = (
    HEAD + '@hookimpl\ndef mer_fusions():\n    yield Plugin("gated", __name__ + ":Gated", "toy")\nclass Gated: pass\n'
)
WEIRD = """
class Weird(BaseException):
    def __str__(self):
        raise RuntimeError("no words")
raise Weird
"""
BROKEN = {
    "misspelt hook": (
        GATED.replace("mer_fusions", "mer_fusion"),
        'PluginError: unknown hook "mer_fusion" (did you mean "mer_fusions"?). Known: mer_encoders, mer_fusions, ',
    ),
    "hook that is not marked": (
        GATED.replace("@hookimpl\n", ""),
        "PluginError: mer_fusions is not marked with @hookimpl, from mer_core.hookspec",
    ),
    "hook with an argument": (GATED.replace("mer_fusions()", "mer_fusions(x)"), "PluginValidationError: "),
    "half registered": (GATED + "@hookimpl\ndef mer_corpora(x): return ()\n", "PluginValidationError: "),
    "import fails": ("import mer_no_such_module", "ModuleNotFoundError: No module named 'mer_no_such_module'"),
    "not Python": ("def (", "SyntaxError: invalid syntax"),
    "import exits": ("raise SystemExit(3)", "ends the program: SystemExit: 3"),
    "import exits by sys.exit": ("import sys\nsys.exit()", "ends the program: SystemExit"),
    "import raises no Exception": ("raise GeneratorExit('odd')", "GeneratorExit: odd"),
    "error without words": (WEIRD, "Weird"),
    "error of many lines": ("raise ValueError('one\\ntwo')", "ValueError: one"),
    "hook fails": (
        HEAD + "@hookimpl\ndef mer_fusions():\n    raise RuntimeError('no luck')\n",
        "RuntimeError: no luck",
    ),
    "hook exits": (HEAD + "@hookimpl\ndef mer_fusions():\n    raise SystemExit\n", "ends the program: SystemExit"),
    "hook gives nothing": (
        HEAD + "@hookimpl\ndef mer_fusions(): pass\n",
        "TypeError: 'NoneType' object is not iterable",
    ),
    "hook gives no plugin": (
        HEAD + "@hookimpl\ndef mer_fusions(): return ['x']\n",
        "TypeError: mer_fusions yields 'x', not a Plugin",
    ),
    "bad name": (GATED.replace('"gated"', '"Gated Fusion"'), "PluginError: plugin name 'Gated Fusion' is not usable"),
    "no specifier": ("MER_API = 'one'", "PluginError: MER_API = 'one' is not a version specifier, such as "),
    "not a text": ("MER_API = 1.0", "PluginError: MER_API = 1.0 is not a version specifier, such as "),
    "computed": ("MER_API = str(2)", "PluginError: MER_API = str(2) is not a version specifier, such as "),
}
PARAMS = pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)


@PARAMS
def test_a_broken_distribution_is_noted_and_stops_nothing_else(installed, source, reason):
    installed("mer-broken", "mer_t_broken", source)
    installed("mer-gated", "mer_t_gated", GATED)  # comes after: what is left of the broken one must not hurt it
    manager = PluginManager()
    assert manager.load("fusion", "gated").__module__ == "mer_t_gated"
    broken, gated = manager.candidates()
    assert (broken.state, str(broken.origin), broken.found) == ("broken", "mer-broken 1.2", ())
    assert broken.by == "entry point mer_t_broken = mer_t_broken"
    assert broken.reason.startswith(reason)
    assert "\n" not in broken.reason
    assert (gated.state, gated.reason) == ("loaded", "")
    with pytest.raises(PluginError, match=r"Not usable: mer-broken 1\.2: .*\nSee: mer list-plugins --why") as caught:
        manager.get("fusion", "other")
    assert reason in str(caught.value)


@PARAMS
def test_a_broken_file_of_a_registry_is_noted_too(write, source, reason):
    path, registry = write("mer_t_file.py", source), write("registry.toml", "")
    manager = PluginManager(discover=False, files=[path], modules=["mer_plugins.hooks"], registry=registry)
    builtin, broken = manager.candidates()
    assert (builtin.state, broken.state) == ("loaded", "broken")
    assert broken.by == f"plugins.files of {registry}"
    assert broken.reason.startswith(reason)


@PARAMS
def test_a_broken_file_that_the_caller_names_is_an_error(write, source, reason):
    path = write("mer_t_file.py", source)
    with pytest.raises(PluginError, match=r"plugin .*mer_t_file\.py cannot be used: ") as caught:
        PluginManager(discover=False, files=[path])
    assert reason in caught.value.message
    assert caught.value.hint == "Mend it, or take it out of [plugins] in the registry file."


NEWER = r"it supports plugin API .*, and this is 1\.2: upgrade mer-core"


def test_a_plugin_for_a_newer_api_is_not_even_imported(installed):
    installed("mer-new", "mer_t_new", "MER_API = '>=2,<3'\nfrom mer_core.hookspec import of_tomorrow\n")
    manager = PluginManager()
    (row,) = manager.candidates()
    assert (row.state, row.reason) == (
        "newer API",
        "it supports plugin API >=2,<3, and this is 1.2: upgrade mer-core",
    )
    assert "mer_t_new" not in sys.modules
    with pytest.raises(PluginError, match=f"Not usable: mer-new 1.2: {NEWER}"):
        manager.get("fusion", "tomorrow")


def test_a_module_named_twice_is_used_once(installed, write):
    installed("mer-gated", "mer_t_gated", GATED)
    registry = write("registry.toml", "")
    for again in ({"modules": ["mer_t_gated"]}, {"files": [registry.parent / "mer_t_gated.py"]}):
        manager = PluginManager(registry=registry, **again)
        assert manager.get("fusion", "gated").origin.name == "mer-gated"
        first, second = manager.candidates()
        assert (first.state, second.state) == ("loaded", "shadowed")
        assert second.reason == "the module of mer-gated 1.2 (entry point mer_t_gated = mer_t_gated)"


def test_what_an_import_prints_is_kept_off_stdout(installed, capsys):
    installed(
        "mer-loud", "mer_t_loud", "print('hello')\n" + GATED.replace("    yield", "    print('again')\n    yield")
    )
    installed("mer-loud-and-broken", "mer_t_loud_too", "print('oh')\n1 / 0")
    loud, broken = PluginManager().candidates()
    assert (loud.state, loud.printed) == ("loaded", "hello\nagain\n")
    assert (broken.state, broken.printed) == ("broken", "oh\n")
    assert capsys.readouterr() == ("", "")


def test_a_module_without_hooks_is_legal(installed):
    installed("mer-nothing", "mer_t_nothing", "")
    assert [(row.state, row.found) for row in PluginManager().candidates()] == [("loaded", ())]


@pytest.mark.parametrize("set_", [True, False])
def test_tracebacks_are_shown_where_they_are_asked_for(installed, monkeypatch, capsys, set_):
    if set_:
        monkeypatch.setenv("MER_TRACE_PLUGINS", "1")
    installed("mer-broken", "mer_t_broken", "def f():\n    1 / 0\nf()\n")
    lazy = GATED.replace('__name__ + ":Gated"', '"mer_t_absent:X"')
    installed("mer-lazy", "mer_t_lazy", lazy)
    manager = PluginManager()
    shown = capsys.readouterr().err
    assert ("Traceback" in shown and "in f\n" in shown and "ZeroDivisionError" in shown) == set_
    with pytest.raises(PluginError, match="cannot be loaded: ModuleNotFoundError"):
        manager.load("fusion", "gated")
    assert ("No module named 'mer_t_absent'" in capsys.readouterr().err) == set_
