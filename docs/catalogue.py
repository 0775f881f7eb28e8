"""What docs/reference/catalogue.md lists: every plugin that ships and every example package, from their docstrings.

Two paragraphs of a plugin's docstring say where it comes from:

    Source: authors, "title", venue and year, arXiv number, section. Or: ours.

    Differs from the paper: what is ours or approximate. Needed where the source is not ours.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mer_core.describe import describe
from mer_core.manager import PluginManager
from mer_core.plugin import KINDS, Kind

ROOT = Path(__file__).parents[1]
EXAMPLES = ("mer-gmu", "mer-supcon")
SOURCE = "Source"
DIFFERS = "Differs from the paper"
OURS = "ours"


@dataclass(frozen=True)
class Entry:
    """A plugin's row in the catalogue."""

    kind: Kind
    name: str
    page: str
    """What its name links to, seen from docs/reference."""
    summary: str
    options: dict[str, str | None]
    """Each option's default; None where it must be given."""
    source: str
    differs: str


def entries() -> Iterator[Entry]:
    """Yield the plugins that ship and those of the examples, by kind and name."""
    for name in EXAMPLES:
        folder = str(ROOT / "docs" / "examples" / name)
        if folder not in sys.path:
            sys.path.append(folder)
    packages = {name.replace("-", "_"): name for name in EXAMPLES}
    manager = PluginManager(discover=False, modules=["mer_plugins.hooks", *packages])
    for kind in KINDS:
        for found in manager.all(kind):
            plugin, about = found.plugin, describe(found.plugin)
            example = packages.get(plugin.target.partition(".")[0])
            yield Entry(
                kind=kind,
                name=plugin.name,
                page=f"../examples/{example}/README.md" if example else f"plugins.md#{plugin.name}",
                summary=plugin.summary + (f" (example package `{example}`)" if example else ""),
                options={option.name: option.default for option in about.options},
                source=labelled(about.doc, SOURCE),
                differs=labelled(about.doc, DIFFERS),
            )


def labelled(doc: str, label: str) -> str:
    """Return the paragraph of a docstring that begins with `label:`, on one line; empty where there is none."""
    for paragraph in doc.split("\n\n"):
        name, colon, text = paragraph.partition(":")
        if colon and name.strip() == label:
            return " ".join(text.split())
    return ""
