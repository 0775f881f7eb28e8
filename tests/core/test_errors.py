import pytest

from mer_core.errors import DataError, MerError, PluginError, RunError, SpecError, suggest


@pytest.mark.parametrize("kind", [DataError, PluginError, RunError, SpecError])
def test_an_error_is_a_fact_and_a_remedy(kind):
    error = kind("x is missing", hint="Make it.")
    assert isinstance(error, MerError)
    assert (error.message, error.hint, str(error)) == ("x is missing", "Make it.", "x is missing\nMake it.")
    assert str(kind("x is missing")) == "x is missing"


NEAREST = {"cros-attn": "cross-attn", "CROSS-ATTN": "cross-attn", "FC": "fc", "loso": "LOSO", "zzz": None, "": None}


@pytest.mark.parametrize(("name", "near"), NEAREST.items())
def test_the_nearest_name_is_suggested_where_one_is_near_in_any_case(name, near):
    assert suggest(name, ["fc", "cross-attn", "LOSO"]) == (f' (did you mean "{near}"?)' if near else "")
