"""Links lead somewhere, commands can be typed, and what pages state about the program is so."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from mer_cli.app import app

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def anchors(text):
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_relative_links_resolve(pages):
    broken = []
    for name, text in pages.items():
        for target in LINK.findall(FENCE.sub("", text)):
            path, _, anchor = target.partition("#")
            if "://" in target:
                continue
            place = (ROOT / name).parent / path if path else ROOT / name
            inside = place.resolve().is_relative_to(ROOT)
            known = not anchor or (place.is_file() and anchor in anchors(place.read_text(encoding="utf-8")))
            if not (inside and place.exists() and known):
                broken.append(f"{name}: {target}")
    assert broken == []


def typed(text):
    """Yield the arguments of every `mer` command in a page's shell blocks."""
    for language, block in FENCE.findall(text):
        if language in ("bash", "console"):
            for part in re.split(r"\n|&&", block):
                words = part.strip().removeprefix("$ ").removeprefix(".venv/bin/")
                if words.startswith("mer "):
                    yield shlex.split(words)[1:]


def test_every_command_in_the_docs_can_be_typed(pages):
    group, count = get_command(app), 0
    for text in pages.values():
        for words in typed(text):
            command = group.commands[words[0]]
            command.make_context(words[0], words[1:])  # raises for an unknown option or value
            count += 1
    assert count >= 40


def test_the_rows_of_the_papers_tables_are_named(pages):
    from mer_core.registry import load_registry

    tables = load_registry(folder=ROOT).spec.tables
    for name in ("1", "2"):
        for row in tables[name].rows.values():
            assert f"| {row.title} |" in pages["docs/how-to/reproduce.md"], row.title


def test_readme_has_the_two_lines(pages):
    first = "python3 -m venv .venv && .venv/bin/pip install -e '.[demo]' && .venv/bin/mer run --fusion cross-attn"
    assert f"{first} --aux aux1,aux2\n" in pages["README.md"]
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest\n" in pages["README.md"]


def test_readmes_fusion_has_twenty_lines():
    lines = (ROOT / "docs" / "snippets" / "own-fusion" / "my_fusion.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


def test_stated_ceilings_are_the_programs(pages):
    from mer_plugins.corpora.demo_ceilings import ceilings
    from mer_plugins.corpora.demo_design import cells

    for name, share in ceilings(cells()).items():
        assert f"| {name} | {100 * share:.2f} |" in pages["docs/explanation/demo-corpus.md"]


def test_stated_counts_of_iemocap_add_up(pages):
    table = pages["docs/how-to/paper-on-iemocap.md"].partition("## Check the counts")[2]
    *sessions, total = re.findall(
        r"^\| (?:\d|all) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", table, re.MULTILINE
    )
    rows = [list(map(int, row)) for row in sessions]
    assert all(sum(row[:4]) == row[4] for row in rows)
    assert [sum(column) for column in zip(*rows, strict=True)] == list(map(int, total))


@pytest.mark.parametrize("kind", ["fusion", "auxiliary-task", "encoder", "evaluator", "corpus"])
def test_every_kind_has_a_page_in_the_contents(pages, kind):
    assert f"(how-to/{kind}.md)" in pages["docs/index.md"]


def test_pages_name_no_superlative_and_no_foreign_path(pages):
    for name, text in pages.items():
        assert not re.search(r"state[- ]of[- ]the[- ]art|cutting[- ]edge|blazing|/tmp/", text), name
