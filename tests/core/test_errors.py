import pytest

from mer_core.errors import DataError, MerError, PluginError, RunError, SpecError, suggest


@pytest.mark.parametrize("kind", [DataError, PluginError, RunError, SpecError])
def test_an_error_is_a_fact_and_a_remedy(kind):
    error = kind("x is missing", hint="Make it.")
    assert isinstance(error, MerError)
    assert (error.message, error.hint, str(error)) == ("x is missing", "Make it.", "x is missing\nMake it.")
    assert str(kind("x is missing")) == "x is missing"


@pytest.mark.parametrize(("name", "expected"), [("cros-attn", ' (did you mean "cross-attn"?)'), ("zzz", ""), ("", "")])
def test_the_nearest_name_is_suggested_where_one_is_near(name, expected):
    assert suggest(name, ["fc", "cross-attn"]) == expected
