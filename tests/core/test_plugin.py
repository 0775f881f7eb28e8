import pytest

from mer_core.errors import PluginError
from mer_core.plugin import Plugin


@pytest.mark.parametrize("name", ["Cross-Attn", "", "-x", "a b", "a.b", "ü"])
def test_a_name_that_cannot_be_typed_is_refused(name):
    with pytest.raises(PluginError, match=r"plugin name .* is not usable\nUse lower-case letters, digits, '-' and '_'"):
        Plugin(name, "a.b:C", "")


@pytest.mark.parametrize("target", ["a.b.C", "a:b:C", "a.b:", ":C", "a b:C"])
def test_a_target_of_another_form_is_refused(target):
    with pytest.raises(PluginError, match=r'plugin "x" has target .*\nWrite it as "package.module:Class"'):
        Plugin("x", target, "")


def test_load_gives_the_class():
    assert Plugin("x", "collections:Counter", "").load().__name__ == "Counter"


def test_a_target_that_is_no_class_is_refused():
    with pytest.raises(TypeError, match="json:dumps is not a class"):
        Plugin("x", "json:dumps", "").load()
