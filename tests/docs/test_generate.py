"""The reference is what the code says today; nothing of the code is missing in it."""

import re
from pathlib import Path

import pytest

from mer_cli.app import app
from mer_core.hookspec import HOOKS
from mer_core.manager import PluginManager
from mer_core.spec import RegistrySpec
from mer_core.testing.contracts.check import CONTRACTS, check_name, check_names

ROOT = Path(__file__).parents[2]
REMEDY = "run: python docs/generate.py"
SHIPPED = PluginManager(discover=False, modules=["mer_plugins.hooks"])


def test_committed_pages_are_what_the_generator_writes(generate):
    stale = [p.relative_to(ROOT).as_posix() for p, text in generate.pages().items() if p.read_text("utf-8") != text]
    assert not stale, REMEDY


def test_no_page_of_the_reference_is_left_over(generate):
    assert {page.name for page in generate.REFERENCE.iterdir()} == set(generate.reference())


def test_the_catalogue_says_of_every_plugin_where_it_comes_from_and_what_differs(catalogue):
    entries = list(catalogue.entries())
    assert {entry.name for entry in entries} >= {"gmu", "supcon"}
    silent = [entry.name for entry in entries if not entry.source]
    assert not silent, f"no paragraph `{catalogue.SOURCE}:` in the docstring of {', '.join(silent)}"
    unclear = [e.name for e in entries if not e.differs and not e.source.startswith(catalogue.OURS)]
    assert not unclear, f"no paragraph `{catalogue.DIFFERS}:` in the docstring of {', '.join(unclear)}"


def test_the_catalogue_has_a_row_per_plugin_with_every_option(catalogue, pages):
    page = pages["docs/reference/catalogue.md"]
    for entry in catalogue.entries():
        section = page.partition(f"\n## {entry.kind}\n")[2].partition("\n## ")[0]
        (row,) = [line for line in section.splitlines() if line.startswith(f"| [`{entry.name}`]")]
        assert entry.source.replace("|", "\\|") in row
        assert entry.differs.replace("|", "\\|") in row
        assert all(f"`{option}`" in row for option in entry.options)


@pytest.mark.parametrize("kind", ["encoder", "fusion", "aux"])
def test_every_part_of_a_network_gives_its_shapes(kind):
    shape = re.compile(r"\((\d )?[BT]( \+ S)?, .+\)")
    parts = {found.plugin.name: found.plugin.load() for found in SHIPPED.all(kind)}
    assert not [name for name, part in parts.items() if not shape.search(part.__doc__)]


def test_every_part_has_an_entry_in_a_how_to():
    pages = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / "how-to").glob("*.md"))
    names = {found.plugin.name for kind in ("encoder", "fusion", "aux") for found in SHIPPED.all(kind)}
    assert not {name for name in names if f"`{name}`" not in pages}


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ("What it is.\n\nSource: a paper,\n  section 2.\n\nMore.", "a paper, section 2."),
        ("What it is. Source: not a paragraph of its own", ""),
        ("Source of truth: another label", ""),
    ],
)
def test_a_labelled_paragraph_is_found_in_a_docstring(catalogue, doc, expected):
    assert catalogue.labelled(doc, "Source") == expected


def test_every_hook_is_documented(pages):
    for hook in HOOKS.values():
        assert f"`{hook}()`" in pages["docs/reference/hooks.md"]


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_check_is_documented_with_promise_and_remedy(pages, kind):
    section = pages["docs/reference/contracts.md"].partition(f"## {kind}: ")[2].partition("\n## ")[0]
    for method in check_names(CONTRACTS[kind]):
        row = re.search(rf"^\| `{check_name(method)}` \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
        assert row, f"{method} of {kind}: {REMEDY}"


def test_every_command_and_option_is_documented_with_its_meaning(pages, generate):
    page = pages["docs/reference/command-line.md"]
    for command in app.registered_commands:
        section = page.partition(f"## mer {command.name}\n")[2].partition("\n## ")[0]
        described = [row for row in map(generate.parameter, generate.signature(command.callback)) if row]
        assert described
        for row in described:
            assert row.meaning, f"{row.name} of mer {command.name} has no help"
            assert f"| `{row.name}` |" in section


def test_options_have_the_names_that_users_type(generate):
    named = {
        command.name: [row.name for row in map(generate.parameter, generate.signature(command.callback)) if row]
        for command in app.registered_commands
    }
    assert {"--pipeline", "--only-fold", "--set", "--registry", "--skip-bad"} <= set(named["run"])
    assert named["predict"][:2] == ["RUN", "FILE"]
    assert "--json" in named["show-plugin"]


def test_every_plugin_and_registry_key_is_documented(generate, pages):
    for found in SHIPPED.all():
        assert f"### {found.plugin.name}\n" in pages["docs/reference/plugins.md"]
    for model, _ in generate.TABLES.values():
        for key, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{key} has no docstring"
            assert f"| `{key}` |" in pages["docs/reference/registry.md"]
    sections = {name.strip("[]").partition(".")[0] for name in generate.TABLES}
    assert set(RegistrySpec.model_fields) <= sections, "a new table needs a section in the reference"
