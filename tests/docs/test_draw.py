"""The README's pictures are what the command line draws today from the stored run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def words(svg):
    """Return what a picture says, line by line; its coordinates and colours are rich's affair."""
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return [part for text in texts if (part := (text.text or "").replace("\xa0", " ").strip())]


def test_pictures_are_drawn_from_the_stored_run(draw):
    for name, text in draw.pictures().items():
        assert words(text)
        assert words((IMAGES / name).read_text(encoding="utf-8")) == words(text), "run: python docs/images/draw.py"


@pytest.mark.parametrize("name", ["live.svg", "table.svg"])
def test_picture_loads_nothing_from_elsewhere(name):
    text = (IMAGES / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "url(http" not in text
    assert "@font-face" not in text


def test_table_shows_the_reports_figures():
    report = json.loads((IMAGES / "run" / "report.json").read_text(encoding="utf-8"))
    shown = (IMAGES / "table.svg").read_text(encoding="utf-8")
    assert f"{100 * report['summary']['wa']['mean']:.2f}" in shown
    assert f"{100 * report['ceilings']['additive']:.2f}" in shown
