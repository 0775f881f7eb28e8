"""A report as text for a document: Markdown and LaTeX (booktabs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mer_cli import comparisons, results, tables
from mer_cli.console import Table

if TYPE_CHECKING:
    from mer_core.statistics import Comparison

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # these three are other signs in LaTeX's default font encoding
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Tables, and the lines that stand below them."""

    tables: Sequence[Table]
    lines: Sequence[str]


def of_run(report: Mapping[str, Any], comparison: Comparison) -> tuple[list[Block], list[str]]:
    """Return the blocks and the warnings of a run.

    Args:
        report: as `write_report` gives it.
        comparison: of this run alone, for the intervals.
    """
    shown = [results.figures_table(report), *filter(None, [results.ceilings_table(report)])]
    lines = [comparisons.interval_words(comparison), *results.beside_lines(report)]
    return [Block(shown, lines), Block(results.confusion_tables(report), [])], results.warning_lines(report)


def of_tables(made: Sequence[Mapping[str, Any]]) -> tuple[list[Block], list[str]]:
    """Return the blocks and the warnings of tables, as `read_tables` gives them."""
    warnings = dict.fromkeys(f"warning: {line}" for table in made for line in table["warnings"])
    return [Block(list(tables.shown(table)), list(tables.lines(table))) for table in made], list(warnings)


def markdown(blocks: Sequence[Block], warnings: Sequence[str]) -> str:
    """Return GitHub's Markdown: warnings first, then tables, figures to the right, each block's lines below."""
    parts = [_markdown_list([f"**{text}**" for text in warnings])]
    for block in blocks:
        parts += [*map(_markdown, block.tables), _markdown_list(block.lines)]
    return "\n\n".join(filter(None, parts)) + "\n"


def latex(blocks: Sequence[Block], warnings: Sequence[str]) -> str:
    """Return the same as `table` environments and lists; the document needs `\\usepackage{booktabs}`."""
    parts = [_latex_list([rf"\textbf{{{_escaped(text)}}}" for text in warnings])]
    for block in blocks:
        parts += [*map(_latex, block.tables), _latex_list([_escaped(text) for text in block.lines])]
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown_list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line.strip()}" for line in lines)


def _latex_list(lines: Sequence[str]) -> str:
    items = [rf"\item {line.strip()}" for line in lines]
    return "\n".join([r"\begin{itemize}", *items, r"\end{itemize}"]) if items else ""


def _markdown(table: Table) -> str:
    rule = ["---" if number < table.num_names else "---:" for number in range(len(table.columns))]
    rows = [table.columns, rule, *table.rows, *table.closing]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*([f"**{table.title}**", ""] if table.title else []), *lines])


def _latex(table: Table) -> str:
    align = "l" * table.num_names + "r" * (len(table.columns) - table.num_names)
    below = [r"\midrule", *map(_latex_row, table.closing)] if table.closing else []
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            *([rf"\caption{{{_escaped(table.title)}}}"] if table.title else []),
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            _latex_row(table.columns),
            r"\midrule",
            *map(_latex_row, table.rows),
            *below,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _latex_row(row: Sequence[str]) -> str:
    return " & ".join(map(_escaped, row)) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
