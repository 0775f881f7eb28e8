"""Figures whose colours are the page's."""

import re

from mer_cli.page.svg import INK, SERIES, Drawing


def drawn(name):
    with Drawing(name, 'a "label" & more') as drawing:
        drawing.axes[0].plot([1, 2], [3, 4], "o-", color=SERIES[1], label="one")
        drawing.axes[0].legend()
        drawing.axes[0].set_xlabel("fold left out")
    return drawing.svg


def test_no_stand_in_colour_is_left_and_text_stays_text():
    svg = drawn("a")
    assert "var(--series-2)" in svg
    assert "var(--ink)" in svg
    assert not re.search("#0000[01][0-9]", svg)
    assert ">fold left out</text>" in svg
    assert svg.startswith('<svg role="img" aria-label="a &quot;label&quot; &amp; more"')
    assert svg.endswith("</svg>")


def test_identifiers_of_two_figures_never_meet_and_every_reference_has_its_place():
    one, two = drawn("a"), drawn("b")
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (one, two)]
    assert not set(ids[0]) & set(ids[1])
    for svg, known in zip((one, two), ids, strict=True):
        assert len(known) == len(set(known))
        references = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert references
        assert {a or b for a, b in references} <= set(known)


def test_the_same_drawing_is_the_same_text():
    assert drawn("a") == drawn("a")


def test_settings_of_other_figures_are_left_alone():
    import matplotlib as mpl

    before = mpl.rcParams["text.color"]
    drawn("a")
    assert mpl.rcParams["text.color"] == before != INK
