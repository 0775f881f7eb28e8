"""Tables as text for other programs: Markdown, LaTeX (booktabs) and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from mer_cli.console import Table

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
}


def markdown(tables: Sequence[Table]) -> str:
    """Return GitHub's Markdown, figures to the right."""
    return "\n\n".join(map(_markdown, tables)) + "\n"


def latex(tables: Sequence[Table]) -> str:
    """Return a `table` environment each; the document needs `\\usepackage{booktabs}`."""
    return "\n\n".join(map(_latex, tables)) + "\n"


def comma_separated(tables: Sequence[Table]) -> str:
    """Return CSV: for several tables a first column that names the table, since their columns differ."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    for table in tables:
        for row in [table.columns, *table.rows, *table.closing]:
            rows.writerow([table.title, *row] if len(tables) > 1 else row)
    return file.getvalue()


FORMATS: dict[str, Callable[[Sequence[Table]], str]] = {"markdown": markdown, "latex": latex, "csv": comma_separated}


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
