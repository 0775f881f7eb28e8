"""The page as HTML: nothing that stands in the data can become markup or run."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from mer_cli.console import Table
from mer_cli.page.content import Page, Plot, Section
from mer_cli.page.render import render

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \u2028"


class Outline(HTMLParser):
    """Collects the tags of a page, and the texts of its scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.ids, self.inside = [], [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, text):
        if self.inside:
            self.scripts[-1] += text


@pytest.fixture
def page():
    table = Table(columns=[EVIL, "WA"], rows=[[EVIL, "1"]], closing=[[EVIL, "2"]], title=EVIL)
    browser = {"classes": [EVIL], "rows": [{"text": EVIL}]}
    section = Section("a", EVIL, [EVIL], [table], [Plot("<svg></svg>", EVIL, table)], browser=browser, listing=EVIL)
    return Page(EVIL, EVIL, [EVIL], [section])


def test_texts_are_texts(page):
    outline = Outline(render(page))
    assert [tag for tag, _ in outline.tags].count("script") == 2
    assert "img" not in [tag for tag, _ in outline.tags]
    assert json.loads(outline.scripts[0])["rows"][0]["text"] == EVIL


def test_only_the_page_s_own_script_may_run_and_nothing_is_loaded(page):
    html = render(page)
    outline = Outline(html)
    (policy,) = [a["content"] for tag, a in outline.tags if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(outline.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not [a for _, a in outline.tags if re.match("https?:|//", a.get("src") or a.get("href") or "")]


def test_headings_tables_and_links_are_what_a_screen_reader_needs(page):
    outline = Outline(render(page))
    assert dict(outline.tags)["html"] == {"lang": "en"}
    assert len(outline.ids) == len(set(outline.ids))
    for tag, attributes in outline.tags:
        if tag == "a":
            assert attributes["href"].removeprefix("#") in outline.ids
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if attributes.get("tabindex") == "0" and tag == "div":
            assert attributes["aria-label"]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_from_their_ground_in_light_and_in_dark():
    """WCAG 2.2: 4.5 for text (1.4.3), 3 for what is drawn (1.4.11)."""
    style = (files("mer_cli.page") / "assets" / "page.css").read_text()
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for ink in ("ink", "faint", "accent"):
            for ground in ("paper", "tint"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["warn"], colours["warn-tint"]) >= 4.5
        for name in (name for name in colours if name.startswith("series")):
            assert contrast(colours[name], colours["paper"]) >= 3, name
