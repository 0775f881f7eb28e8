"""A page as one HTML file. Every text is escaped; scripts and styles are the page's own, and nothing else may load."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from mer_cli.page.content import Page

_ASSETS = files("mer_cli.page") / "assets"


def render(page: Page) -> str:
    """Return the page as HTML."""
    script, style = _asset("page.js"), _asset("page.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["json_for_script"] = _json_for_script
    template = environment.from_string(_asset("page.html.j2"))
    return template.render(page=page, script=Markup(script), style=Markup(style), script_hash=_hash(script))


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return what the page's content security policy allows to run: this script, to the letter."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _json_for_script(value: Any) -> Markup:
    """Return JSON that can stand inside `<script>`: a transcript may hold `</script>`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))
