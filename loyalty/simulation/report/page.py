"""
One HTML file that needs nothing else: no network, no fonts, no libraries.

A policy in its head forbids the browser to fetch anything. It can be read on a phone, sorted by keyboard and printed.
The same sections give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from loyalty.simulation.report.parts import Section
from loyalty.simulation.report.texts import Texts


def render_page(title: str, subject: str, sections: Sequence[Section], texts: Texts) -> str:
    """
    Write the page.

    Args:
        title: The heading.
        subject: What stands below it: the programme and the time.
        sections: In the order of reading; empty ones are left out.

    Returns:
        A whole HTML document.
    """
    room = files("loyalty.simulation.report")
    script = room.joinpath("page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shown = [section for section in sections if section.html]
    links = "".join(f'<li><a href="#{escape(part.name)}">{escape(part.heading)}</a></li>' for part in shown)
    body = [
        f"<header><h1>{escape(title)}</h1>\n<p>{escape(subject)}</p></header>",
        f'<nav aria-label="{escape(texts.say("contents"))}"><ul>{links}</ul></nav>' if len(shown) > 2 else "",
        *(_section(part) for part in shown),
    ]
    return Template(room.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        language=escape(texts.code),
        title=escape(title),
        script=script,
        script_hash=f"sha256-{digest}",
        body="\n".join(piece for piece in body if piece),
    )


def _section(part: Section) -> str:
    name, inner = escape(part.name), "\n".join(part.html)
    head = f'<h2 id="{name}-heading">{escape(part.heading)}</h2>'
    return f'<section id="{name}" aria-labelledby="{name}-heading">{head}\n{inner}\n</section>'
