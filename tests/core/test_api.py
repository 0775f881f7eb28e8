"""Which versions of the plugin API a module says it supports."""

import ast

import pytest

from mer_core import api
from mer_core.api import ApiError, check_api
from mer_core.errors import PluginError
from mer_core.sources import Module


@pytest.fixture
def check(tmp_path, monkeypatch):
    def run(source, version="1.2"):
        monkeypatch.setattr(api, "API_VERSION", version)
        check_api(Module("m", tmp_path / "m.py", ast.parse(source), is_package=False))

    return run


@pytest.mark.parametrize("says", [">=1,<2", "==1.*", "~=1.0", ">=1.2", "<2", "", "!=1.1"])
def test_a_module_that_supports_this_version_passes(check, says):
    check(f"import what_is_not_there\nMER_API = {says!r}")


@pytest.mark.parametrize("source", ["", "def MER_API(): pass", "x = 1"])
def test_a_module_without_a_word_passes(check, source):
    check(source)
    check_api(None)


@pytest.mark.parametrize("says", [">=2", ">=1.3,<2", "~=1.3", "==2.*", ">1.2"])
def test_a_module_for_a_newer_api_says_so(check, says):
    with pytest.raises(ApiError, match=r"supports plugin API .*, and this is 1.2: upgrade mer-core") as caught:
        check(f"MER_API: str = {says!r}")
    assert caught.value.age == "newer API"


@pytest.mark.parametrize("says", ["<1", ">=0.3,<1.2", "==1.0", "~=0.9", "==0.*"])
def test_a_module_for_an_older_api_says_so(check, says):
    with pytest.raises(ApiError, match=r"supports plugin API .*, and this is 1.2: upgrade the plugin") as caught:
        check(f"MER_API = {says!r}")
    assert caught.value.age == "older API"


@pytest.mark.parametrize("value", ["'newest'", "'1.0'", "2", "VERSION", "None", "[]"])
def test_what_is_no_specifier_is_refused(check, value):
    with pytest.raises(PluginError, match=r'MER_API = .* is not a version specifier, such as ">=1,<2"'):
        check(f"MER_API = {value}")
