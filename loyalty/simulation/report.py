"""
One HTML file that says what a programme did or would do, for those who decide about it.

The file needs nothing else: no network, no fonts, no libraries; a policy in its head forbids the browser to fetch
anything. It can be read on a phone and printed. Whatever comes from outside, such as the names of partners, is
escaped. The same results give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.simulation.charts import charts
from loyalty.simulation.months import month_text
from loyalty.simulation.results import Flows, HolderResult, Results
from loyalty.simulation.summary import headlines, observations
from loyalty.simulation.tables import (
    Cell,
    Column,
    Kind,
    Table,
    amount,
    exact_decimal,
    fund_table,
    monthly_table,
    rule_table,
    share,
    tier_table,
)
from loyalty.simulation.texts import ENGLISH, Texts

#: So many partners are listed; the files beside the report have them all.
_LISTED: Final = 25

_INSTALL: Final = "pip install 'loyalty-engine[sim]'"


def render_report(
    results: Results,
    *,
    programme: Programme,
    title: str,
    notes: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    texts: Texts = ENGLISH,
) -> str:
    """
    Write the report.

    Args:
        results: What it is about.
        programme: The programme that was settled; its id and revision are named.
        title: The heading.
        notes: Sentences that the reader must see, such as rows that were skipped; what strikes the eye is added.
        parameters: What the run was given: seed, partners, months, assumptions; in this order.

    Returns:
        A whole HTML document.
    """
    page = files("loyalty.simulation")
    script = page.joinpath("page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    body = "\n".join(_body(results, programme, title, notes, parameters or {}, texts))
    return Template(page.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        language=escape(texts.language),
        title=escape(title),
        script=script,
        script_hash=f"sha256-{digest}",
        body=body,
    )


def _body(
    results: Results,
    programme: Programme,
    title: str,
    notes: Sequence[str],
    parameters: Mapping[str, str],
    texts: Texts,
) -> Iterable[str]:
    subject = " · ".join(part for part in (programme.title or programme.id, _period(results, texts)) if part)
    yield f"<header><h1>{escape(title)}</h1>\n<p>{escape(subject)}</p></header>"
    yield f'<section aria-label="{escape(texts.say("summary"))}">'
    yield f"<h2>{escape(texts.say('summary'))}</h2>"
    yield '<div class="cards">'
    for figure in headlines(results, texts):
        remark = f'<div class="remark">{escape(figure.remark)}</div>' if figure.remark else ""
        yield (
            f'<div class="card"><div class="label">{escape(figure.label)}</div>'
            f'<div class="value">{escape(figure.value)}</div>{remark}</div>'
        )
    yield "</div></section>"
    yield from _notes([*notes, *observations(results, programme, texts)], texts)
    yield from _charts(results, texts)
    yield f"<section><h2>{escape(texts.say('tables'))}</h2>"
    yield f'<p class="hint">{escape(texts.say("sort_hint"))} {escape(texts.say("files"))}</p>'
    for heading, table in _tables(results, texts):
        yield _table(heading, table, texts)
    yield "</section>"
    yield from _facts(results, programme, parameters, texts)


def _period(results: Results, texts: Texts) -> str:
    if not results.months:
        return texts.say("period.none")
    first, last = (texts.month(results.months[end]) for end in (0, -1))
    return texts.say("period.span", first=first, last=last)


def _notes(sentences: Sequence[str], texts: Texts) -> Iterable[str]:
    if sentences:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        yield f'<section><h2>{escape(texts.say("notes"))}</h2><ul class="notes">{items}</ul></section>'


def _charts(results: Results, texts: Texts) -> Iterable[str]:
    drawn = charts(results, texts)
    if drawn is None:
        sentence = escape(texts.say("no_charts", command="\0")).replace("\0", f"<code>{escape(_INSTALL)}</code>")
        yield f'<section><h2>{escape(texts.say("charts"))}</h2><p class="card">{sentence}</p></section>'
    elif drawn:
        yield f'<section><h2>{escape(texts.say("charts"))}</h2><div class="charts">'
        for chart in drawn:
            yield f'<figure class="chart"><h3>{escape(chart.title)}</h3>\n{chart.svg}</figure>'
        yield "</div></section>"


def _tables(results: Results, texts: Texts) -> Iterable[tuple[str, Table]]:
    top = _top_holders(results, texts)
    yield texts.say("table.top_holders", count=texts.number(len({row[0] for row in top.rows}))), top
    yield texts.say("table.by_rule"), _without_empty(rule_table(results))
    if len(results.ladder) > 1:
        yield texts.say("table.tiers"), tier_table(results)
    monthly = monthly_table(results)
    for name in results.currencies:
        rows = tuple((row[0], *row[2:]) for row in monthly.rows if row[1] == name)
        table = Table(monthly.name, (monthly.columns[0], *monthly.columns[2:]), rows)
        yield texts.say("table.by_month", currency=texts.named(name)), _without_empty(table)
    if results.funds:
        yield texts.say("table.mdf"), fund_table(results)
    yield texts.say("table.concentration"), _spread(results)


def _top_holders(results: Results, texts: Texts) -> Table:
    """The partners with the highest worth, and what they have of each currency that can be spent."""
    units = sorted({unit for row in results.holders for unit in row.worth})
    names = (*results.main_points, *results.money)
    partners = [row for row in results.holders if row.holder.layer is Layer.PARTNER]
    partners.sort(key=lambda row: (*(-worth for worth in _measure(row, units, names)), row.holder.id))
    columns = [Column("partner"), Column("tier"), *(Column(f"worth_{unit}", Kind.AMOUNT) for unit in units)]
    kinds = [texts.say(f"series.{kind}") for kind in ("earned", "available")]
    columns += [Column(f"{texts.named(name)} {kind}", Kind.AMOUNT) for name in names for kind in kinds]
    rows: list[tuple[Cell, ...]] = []
    for row in partners[:_LISTED]:
        worth = (round(exact_decimal(row.worth.get(unit, Fraction(0))), 2) for unit in units)
        flows = [(name, row.currencies.get(name, Flows())) for name in names]
        held = (amount(results, name, value) for name, each in flows for value in (each.earned, each.available))
        rows.append((row.holder.id, row.tier or "", *worth, *held))
    return _without_empty(Table("top_holders", tuple(columns), tuple(rows)))


def _measure(row: HolderResult, units: Sequence[str], names: Sequence[str]) -> list[Fraction]:
    if units:
        return [row.worth.get(unit, Fraction(0)) for unit in units]
    return [Fraction(row.currencies[name].outstanding) if name in row.currencies else Fraction(0) for name in names]


def _spread(results: Results) -> Table:
    """One row for each currency; the curve itself is in the files."""
    return Table(
        "concentration",
        (Column("currency"), Column("partners", Kind.COUNT), Column("earned", Kind.AMOUNT), Column("gini", Kind.SHARE),
         Column("top_tenth", Kind.SHARE)),
        tuple(
            (name, spread.partners, amount(results, name, spread.total), round(share(spread.gini), 3),
             round(share(spread.top_tenth), 3))
            for name, spread in results.concentration.items()
        ),
    )  # fmt: skip


def _without_empty(table: Table) -> Table:
    """Leave out columns of numbers in which nothing but 0 stands."""
    kept = [
        position
        for position, column in enumerate(table.columns)
        if column.kind is Kind.TEXT or any(row[position] for row in table.rows)
    ]
    rows = tuple(tuple(row[position] for position in kept) for row in table.rows)
    return Table(table.name, tuple(table.columns[position] for position in kept), rows)


def _table(heading: str, table: Table, texts: Texts) -> str:
    lines = [f'<div class="table"><h3>{escape(heading)}</h3><div class="scroll" tabindex="0"><table>', "<thead><tr>"]
    for column in table.columns:
        name = column.name if table.name == "tiers" and column.kind is Kind.COUNT else texts.heading(column.name)
        kind = "" if column.kind is Kind.TEXT else ' class="n"'
        lines.append(f'<th scope="col"{kind}><button type="button">{escape(name)}</button></th>')
    lines.append("</tr></thead><tbody>")
    lines.extend("<tr>" + "".join(_cell(cell, texts) for cell in row) + "</tr>" for row in table.rows)
    lines.append("</tbody></table></div></div>")
    return "\n".join(lines)


def _cell(cell: object, texts: Texts) -> str:
    if isinstance(cell, int):
        return f'<td class="n" data-v="{cell}">{texts.number(cell)}</td>'
    if isinstance(cell, Decimal):
        return f'<td class="n" data-v="{cell:f}">{texts.number(cell)}</td>'
    return f"<td>{escape(str(cell or ''))}</td>"


def _facts(results: Results, programme: Programme, parameters: Mapping[str, str], texts: Texts) -> Iterable[str]:
    facts = {
        texts.say("programme"): programme.id,
        texts.say("revision"): programme.revision,
        texts.say("period"): _period(results, texts)
        + (f" ({month_text(results.months[0])} – {month_text(results.months[-1])})" if results.months else ""),
        texts.say("books"): texts.say(
            "books.size", entries=texts.number(results.entries), postings=texts.number(results.postings)
        ),
        **parameters,
    }
    yield f'<section><h2>{escape(texts.say("assumptions"))}</h2><dl class="facts">'
    for name, value in facts.items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
    yield "</dl></section>"
