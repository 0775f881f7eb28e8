"""Reports as Markdown and LaTeX."""

from mer_cli.console import Table
from mer_cli.formats import Block, latex, markdown

TABLE = Table(
    columns=["row", "WA", "95 %"],
    rows=[["a|b & c_d", "61.00", "60 to 62"], ["{50 %} ~^\\ $#", "n/a", ""]],
    closing=[["mean", "61.00", ""]],
    title="Table 1: 100 %",
)


def test_markdown_keeps_bars_inside_their_cell_and_puts_figures_to_the_right():
    assert markdown([Block([TABLE], [])], []).splitlines() == [
        "**Table 1: 100 %**",
        "",
        "| row | WA | 95 % |",
        "| --- | ---: | ---: |",
        "| a\\|b & c_d | 61.00 | 60 to 62 |",
        "| {50 %} ~^\\ $# | n/a |  |",
        "| mean | 61.00 |  |",
    ]


def test_latex_escapes_what_it_would_read_as_commands():
    assert latex([Block([TABLE], [])], []).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Table 1: 100 \%}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"row & WA & 95 \% \\",
        r"\midrule",
        r"a\textbar{}b \& c\_d & 61.00 & 60 to 62 \\",
        r"\{50 \%\} \textasciitilde{}\textasciicircum{}\textbackslash{} \$\# & n/a &  \\",
        r"\midrule",
        r"mean & 61.00 &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


BLOCKS = [Block([TABLE], ["p < 0.001"]), Block([TABLE], [])]


def test_markdown_has_warnings_first_and_the_lines_of_each_block_below_its_tables():
    table = markdown([Block([TABLE], [])], [])
    assert markdown(BLOCKS, ["a.csv was changed"]) == f"- **a.csv was changed**\n\n{table}\n- p < 0.001\n\n{table}"


def test_latex_has_the_same_as_text_escaped():
    table = latex([Block([TABLE], [])], [])
    first = "\\begin{itemize}\n\\item \\textbf{a\\_b was changed}\n\\end{itemize}\n\n"
    below = "\n\\begin{itemize}\n\\item p \\textless{} 0.001\n\\end{itemize}\n\n"
    assert latex(BLOCKS, ["a_b was changed"]) == first + table + below + table
