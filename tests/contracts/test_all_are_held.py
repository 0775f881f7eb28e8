"""Whoever ships is held to the contract of its kind, and the core names nobody."""

import re
from pathlib import Path

from mer_core.manager import PluginManager

ROOT = Path(__file__).parents[2]
SHIPPED = PluginManager(discover=False, modules=["mer_plugins.hooks"])


def test_every_plugin_that_ships_has_a_class_of_its_contract():
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "tests").rglob("test_*.py"))
    held = set(re.findall(r"\):\n    plugin = (\w+)\n", pages))
    targets = {found.plugin.target.rpartition(":")[2] for found in SHIPPED.all()}
    assert targets <= held
    assert {"Egemaps", "TwoStage", "Noise"} <= held


def test_the_core_names_no_part_of_a_network():
    """A new one then needs no change there; `toy` parts of the kit have names of their own."""
    names = {found.plugin.name for kind in ("encoder", "fusion", "aux") for found in SHIPPED.all(kind)}
    core = {path: path.read_text("utf-8") for path in (ROOT / "mer_core").rglob("*.py")}
    quoted = {(path.name, word) for path, text in core.items() for word in re.findall(r"\"([\w-]+)\"", text)}
    assert not {(name, word) for name, word in quoted if word in names}
