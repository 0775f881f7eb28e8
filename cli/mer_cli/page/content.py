"""What a page is made of. Everything here is data; `render` makes the page, and escapes every text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mer_cli.console import Table


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, and the same numbers as a table for those who do not see it."""

    svg: str
    """An `<svg>` element made by `mer_cli.page.svg`: the only text that is not escaped."""
    caption: str
    numbers: Table


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page, with a heading of its own."""

    id: str
    title: str
    words: Sequence[str] = ()
    """Paragraphs."""
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    browser: Mapping[str, Any] | None = None
    """The utterances, as `mer_cli.page.browser` gives them."""
    listing: str = ""
    """A longer text in a fixed font, folded away."""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: str
    subtitle: str
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=list)
