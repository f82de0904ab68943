"""
The pieces that a report's page is put together from, as HTML: whatever comes from outside is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from typing import Final

from attrs import frozen

from loyalty.simulation.report.drawing import Chart
from loyalty.simulation.report.texts import Texts
from loyalty.simulation.tables import Cell, Column, Kind, Table

_INSTALL: Final = "pip install 'loyalty-engine[sim]'"


@frozen
class Card:
    """One figure: what it is, the number as text, and a remark."""

    label: str
    value: str
    remark: str = ""


@frozen
class Shown:
    """A cell that is told in words of its own, and the number by which it sorts."""

    text: str
    value: Fraction


@frozen
class Grid:
    """A table of a report: its columns, of which the numbers stand to the right, and cells of any kind."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | Shown, ...], ...]


@frozen
class Section:
    """A part of the page under a heading; ``name`` is its anchor."""

    name: str
    heading: str
    html: tuple[str, ...]


def section(name: str, heading: str, *html: str | Iterable[str]) -> Section:
    """Put pieces under a heading; empty ones are left out."""
    pieces: list[str] = []
    for piece in html:
        pieces.extend([piece] if isinstance(piece, str) else piece)
    return Section(name, heading, tuple(piece for piece in pieces if piece))


#: A card is narrower than a large number with its unit, which then goes on in the next line.
_BEFORE_UNIT: Final = re.compile("\N{NO-BREAK SPACE}(?=[^\\W\\d])")


def cards(figures: Iterable[Card]) -> str:
    """Show figures as large numbers."""
    shown = [
        f'<div class="card"><div class="label">{escape(figure.label)}</div>'
        f'<div class="value">{escape(_BEFORE_UNIT.sub(" ", figure.value))}</div>'
        + (f'<div class="remark">{escape(figure.remark)}</div>' if figure.remark else "")
        + "</div>"
        for figure in figures
    ]
    return '<div class="cards">' + "\n".join(shown) + "</div>" if shown else ""


def listing(sentences: Iterable[str], kind: str = "told") -> str:
    """Show sentences one below another; of the kind ``notes`` they strike the eye."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def heading(text: str) -> str:
    """Give a heading within a section."""
    return f'<h3 class="within">{escape(text)}</h3>'


def hint(text: str) -> str:
    """Show a sentence that helps to read what follows."""
    return f'<p class="hint">{escape(text)}</p>'


def figures(charts: Sequence[Chart] | None, texts: Texts) -> str:
    """Show charts side by side; where they could not be drawn, say what is missing."""
    if charts is None:
        sentence = escape(texts.say("no_charts", command="\0")).replace("\0", f"<code>{escape(_INSTALL)}</code>")
        return f'<p class="card">{sentence}</p>'
    drawn = [
        f'<figure class="chart{" wide" if chart.is_wide else ""}"><h3>{escape(chart.title)}</h3>\n'
        f'<div class="picture"{_SCROLLS if chart.is_wide else ""}>{chart.svg}</div>'
        f"<figcaption>{escape(chart.description)}</figcaption></figure>"
        for chart in charts
    ]
    return '<div class="charts">' + "\n".join(drawn) + "</div>" if drawn else ""


#: What is wider than a phone scrolls within itself, by keys as well.
_SCROLLS: Final = ' tabindex="0"'


def table(heading: str, table: Table | Grid, texts: Texts, *, plain_columns: Sequence[str] = ()) -> str:
    """
    Show a table that sorts by each of its columns.

    Args:
        plain_columns: Names of columns that stand as they are, such as those of tiers.
    """
    lines = [
        f'<div class="table"><h3>{escape(heading)}</h3><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(heading)}"><table>',
        "<thead><tr>",
    ]
    for column in table.columns:
        name = texts.tier(column.name) if column.name in plain_columns else texts.heading(column.name)
        kinds = [*([] if column.kind is Kind.TEXT else ["n"]), *(["long"] if len(name) > _LONG_HEAD else [])]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        lines.append(f'<th scope="col"{kind}><button type="button">{_breaking(name)}</button></th>')
    lines.append("</tr></thead><tbody>")
    lines.extend("<tr>" + "".join(_cell(cell, texts) for cell in row) + "</tr>" for row in table.rows)
    if not table.rows:
        lines.append(f'<tr><td colspan="{len(table.columns)}">{escape(texts.say("table.empty"))}</td></tr>')
    lines.append("</tbody></table></div></div>")
    return "\n".join(lines)


#: Longer texts than this go on in the next line of their cell.
_LONG: Final = 44
_WRAPS: Final = ' class="long"'

#: Longer headings than this do so too, and numbers with their bounds.
_LONG_HEAD: Final = 20
_LONG_NUMBER: Final = 28


def _cell(cell: object, texts: Texts) -> str:
    if isinstance(cell, Shown):
        kind = "n long" if len(cell.text) > _LONG_NUMBER else "n"
        return f'<td class="{kind}" data-v="{float(cell.value)!r}">{escape(cell.text)}</td>'
    if isinstance(cell, int):
        return f'<td class="n" data-v="{cell}">{texts.number(cell)}</td>'
    if isinstance(cell, Decimal):
        return f'<td class="n" data-v="{cell:f}">{texts.number(cell)}</td>'
    text = str(cell or "")
    return f"<td{_WRAPS if len(text) > _LONG else ''}>{escape(text)}</td>"


def _breaking(name: str) -> str:
    """Let a path, which has no spaces, go on in the next line behind a point."""
    return escape(name).replace(".", ".<wbr>") if len(name) > _LONG_HEAD else escape(name)


def matrix(heading: str, corner: str, rows: Sequence[str], columns: Sequence[str],
           cells: Sequence[Sequence[Fraction | int]], texts: Texts) -> str:  # fmt: skip
    """Show counts by row and column, the more the darker; rows and columns of one name have another shade."""
    write = texts.mean if all(Fraction(cell).denominator == 1 for row in cells for cell in row) else texts.tenths
    shown = [[Shown(write(Fraction(cell)), Fraction(cell)) for cell in row] for row in cells]
    return shaded(heading, corner, rows, columns, shown)


def shaded(
    heading: str, corner: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Shown]]
) -> str:
    """Show cells by row and column, the greater the darker."""
    values = [cell.value for row in cells for cell in row]
    low, high = min(values, default=Fraction(0)), max(values, default=Fraction(0))
    lines = [
        f'<div class="table"><h3>{escape(heading)}</h3><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(heading)}"><table class="matrix"><thead><tr><th scope="col">{_breaking(corner)}</th>',
        "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in columns),
        "</tr></thead><tbody>",
    ]
    for name, row in zip(rows, cells, strict=True):
        lines.append(f'<tr><th scope="row">{escape(name)}</th>')
        for column, cell in zip(columns, row, strict=True):
            kind = "same" if column == name else "other"
            share = (cell.value - low) / (high - low) if high > low else Fraction(0)
            shade = 12 + round(58 * share) if cell.value else 0
            lines.append(f'<td class="n {kind}" style="--shade:{shade}%">{escape(cell.text)}</td>')
        lines.append("</tr>")
    lines.append("</tbody></table></div></div>")
    return "\n".join(lines)


def facts(told: Mapping[str, str]) -> str:
    """Show names with what they stand for."""
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told.items())
    return f'<dl class="facts">{pairs}</dl>' if pairs else ""


def source(text: str) -> str:
    """Show a file as it was written."""
    return f'<pre class="card" tabindex="0">{escape(text)}</pre>' if text else ""
