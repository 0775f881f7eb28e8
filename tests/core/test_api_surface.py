"""What plugins are written against changes only with the API version (`scripts/api_surface.py` says how)."""

import importlib.util
import json
from pathlib import Path

import pytest

from mer_core import API_VERSION

PATH = Path(__file__).parents[2] / "scripts" / "api_surface.py"
spec = importlib.util.spec_from_file_location("api_surface", PATH)
api_surface = importlib.util.module_from_spec(spec)
spec.loader.exec_module(api_surface)


def test_the_public_surface_changes_only_with_the_api_version():
    version, kept = api_surface.read_snapshot()
    changed = api_surface.differences(kept, api_surface.surface())
    remedy = "set API_VERSION in mer_core/__init__.py, then run: python scripts/api_surface.py"
    assert not changed, "\n".join([f"the plugin API is no longer that of version {version}; {remedy}", *changed])
    assert version == API_VERSION, f"the snapshot is of version {version}; run: python scripts/api_surface.py"


def test_the_surface_holds_what_plugins_use():
    surface = api_surface.surface()
    for name, declared in {
        "mer_core.protocols.Encoder": " = @runtime_checkable class(Protocol)",
        "mer_core.protocols.Fusion.forward": " = (self, encoded: Mapping[str, Encoded]) -> Tensor",
        "mer_core.protocols.Fusion.output_dim": ": int",
        "mer_core.types.AudioSpan.start_s": ": float = 0.0",
        "mer_core.config.PluginConfig": " = class(BaseModel)",
        "mer_core.errors.MerError.__init__": " = (self, message: str, *, hint: str='') -> None",
        "mer_core.hookspec.mer_fusions": " = @_hookspec () -> Iterable[Plugin]",
        "mer_core.plugin.Plugin.extra": ": str = ''",
        "mer_core.testing.FusionContract.test_builds": " = (self) -> None",
    }.items():
        assert surface[name] == declared, name
    assert not [name for name in surface if "._" in name and not name.endswith(".__init__")]


OLD = {
    "m.P": " = class(Protocol)",
    "m.P.read": " = (self) -> int",
    "m.D": " = @dataclass(frozen=True) class()",
    "m.D.a": ": int",
    "m.f": " = (x: int) -> int",
}
STEPS = {
    "nothing": ({}, ""),
    "name removed": ({"m.f": None}, "major"),
    "signature changed": ({"m.f": " = (x: str) -> int"}, "major"),
    "class frozen no longer": ({"m.D": " = @dataclass class()"}, "major"),
    "member of a contract": ({"m.P.write": " = (self) -> int"}, "major"),
    "attribute of a contract": ({"m.P.width": ": int"}, "major"),
    "field to be given": ({"m.D.b": ": int"}, "major"),
    "field with a default": ({"m.D.b": ": int = 0"}, "minor"),
    "method of a value": ({"m.D.mean": " = (self) -> int"}, "minor"),
    "function": ({"m.g": " = () -> int"}, "minor"),
    "new contract": ({"m.Q": " = class(Protocol)", "m.Q.read": " = (self) -> int"}, "minor"),
}


def test_the_order_of_fields_counts():
    two = {"m.D": " = @dataclass(frozen=True) class()", "m.D.a": ": int", "m.D.b": ": int = 0"}
    moved = {name: two[name] for name in ("m.D", "m.D.b", "m.D.a")}
    between = {**{name: two[name] for name in ("m.D", "m.D.a")}, "m.D.c": ": int = 0", **two}
    for new in (moved, between):
        assert api_surface.step(two, new) == "major"
        assert api_surface.differences(two, new)[-1] == "~ m.D: its fields are in another order"
    named = {"m.D": " = @dataclass(kw_only=True) class()"}
    assert api_surface.step(two | named, moved | named) == ""


@pytest.mark.parametrize(("changes", "step"), STEPS.values(), ids=STEPS)
def test_how_far_the_version_must_rise(changes, step):
    new = {name: declared for name, declared in (OLD | changes).items() if declared is not None}
    assert api_surface.step(OLD, new) == step


@pytest.mark.parametrize(
    ("old", "new", "step", "enough"),
    [
        ("1.9", "1.10", "minor", True),
        ("1.0", "1.0", "minor", False),
        ("1.1", "1.0", "minor", False),
        ("1.0", "1.1", "major", False),
        ("1.4", "2.0", "major", True),
        ("1.0", "1.0", "", True),
    ],
)
def test_a_version_may_say_too_little(old, new, step, enough):
    assert api_surface.suffices(old, new, step) == enough


def test_the_snapshot_is_not_renewed_under_the_old_version(tmp_path, capsys):
    path = tmp_path / "api_surface.json"
    api_surface.renew(path, "1.0")
    kept = json.loads(path.read_text())
    del kept["surface"]["mer_core.plugin.Plugin.extra"]
    path.write_text(json.dumps(kept))
    with pytest.raises(SystemExit, match=r"API_VERSION is 1\.0 and was 1\.0: this needs a new minor version"):
        api_surface.renew(path, "1.0")
    assert "+ mer_core.plugin.Plugin.extra: str = ''" in capsys.readouterr().out
    api_surface.renew(path, "1.1")
    assert api_surface.read_snapshot(path) == ("1.1", api_surface.surface())
