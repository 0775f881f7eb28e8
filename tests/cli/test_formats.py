"""Tables as Markdown, LaTeX and CSV."""

import csv
import io

from mer_cli.console import Table
from mer_cli.formats import comma_separated, latex, markdown

TABLE = Table(
    columns=["row", "WA", "95 %"],
    rows=[["a|b & c_d", "61.00", "60 to 62"], ["{50 %} ~^\\ $#", "n/a", ""]],
    closing=[["mean", "61.00", ""]],
    title="Table 1: 100 %",
)


def test_markdown_keeps_bars_inside_their_cell_and_puts_figures_to_the_right():
    assert markdown([TABLE]).splitlines() == [
        "**Table 1: 100 %**",
        "",
        "| row | WA | 95 % |",
        "| --- | ---: | ---: |",
        "| a\\|b & c_d | 61.00 | 60 to 62 |",
        "| {50 %} ~^\\ $# | n/a |  |",
        "| mean | 61.00 |  |",
    ]


def test_latex_escapes_what_it_would_read_as_commands():
    assert latex([TABLE]).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Table 1: 100 \%}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"row & WA & 95 \% \\",
        r"\midrule",
        r"a|b \& c\_d & 61.00 & 60 to 62 \\",
        r"\{50 \%\} \textasciitilde{}\textasciicircum{}\textbackslash{} \$\# & n/a &  \\",
        r"\midrule",
        r"mean & 61.00 &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_csv_is_read_back_and_names_the_table_where_there_are_several():
    rows = [list(row) for row in (TABLE.columns, *TABLE.rows, *TABLE.closing)]
    assert list(csv.reader(io.StringIO(comma_separated([TABLE])))) == rows
    both = list(csv.reader(io.StringIO(comma_separated([TABLE, TABLE]))))
    assert both == 2 * [[TABLE.title, *row] for row in rows]
