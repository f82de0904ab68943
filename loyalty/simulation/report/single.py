"""
The report of one run: what a programme did with a history, or would do with drawn partners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from heapq import nsmallest
from typing import Any, Final

from loyalty.core.holders import Layer
from loyalty.explaining.said import Value
from loyalty.programme.model import Programme
from loyalty.simulation.decimals import exact_decimal, share
from loyalty.simulation.flows import Flows
from loyalty.simulation.report import parts
from loyalty.simulation.report.charts import charts
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Section, section
from loyalty.simulation.report.summary import headlines, observations, sentences
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.results import Results
from loyalty.simulation.tables import (
    Cell,
    Column,
    Kind,
    Table,
    activity_table,
    amount,
    fund_table,
    monthly_table,
    rule_table,
    tier_table,
)

#: So many partners are listed; the files beside the report have them all.
_LISTED: Final = 25

#: What the rules that give gifts of tiers are called, before the name of the tier.
_GIFT: Final = "@tier."


def render_report(
    results: Results,
    *,
    programme: Programme,
    title: Value,
    notes: Sequence[Value] = (),
    parameters: Mapping[str, Value] | None = None,
    assumptions: Sequence[Value] = (),
    texts: Texts = ENGLISH,
) -> str:
    """
    Write the report of one run.

    Args:
        results: What it is about.
        programme: The programme that was settled; its id and revision are named.
        title: The heading.
        notes: Sentences that the reader must see, such as rows that were skipped; what strikes the eye is added.
        parameters: What the run was given: seed, partners, months; in this order. A name that has a text
            ``parameter.NAME`` is told in the language.
        assumptions: Sentences on what was assumed.

    Returns:
        A whole HTML document.
    """
    subject = " · ".join((programme.title or programme.id, period(results, texts)))
    striking = [*map(texts.tell, notes), *observations(results, programme, texts)]
    return render_page(
        texts.tell(title),
        subject,
        [
            section("summary", texts.say("summary"), parts.cards(headlines(results, texts)),
                    parts.listing(sentences(results, texts))),
            section("notes", texts.say("notes"), parts.listing(striking, "notes")),
            section("charts", texts.say("charts"), parts.figures(charts(results, texts), texts)),
            _tables(results, texts),
            facts(results, programme, parameters or {}, assumptions, texts),
        ],
        texts,
    )  # fmt: skip


def period(results: Results, texts: Texts) -> str:
    """Say from which month to which the results run."""
    if not results.months:
        return texts.say("period.none")
    first, last = (texts.month(results.months[end]) for end in (0, -1))
    return texts.say("period.span", first=first, last=last)


def facts(
    results: Results,
    programme: Programme,
    parameters: Mapping[str, Value],
    assumptions: Sequence[Value],
    texts: Texts,
) -> Section:
    """Say what the results rest on."""
    entries, postings = texts.count("entry", results.entries), texts.count("posting", results.postings)
    told = {
        texts.say("programme"): programme.id,
        texts.say("revision"): programme.revision,
        texts.say("period"): period(results, texts),
        texts.say("books"): texts.say("books.size", entries=entries, postings=postings),
        **parameters_told(parameters, texts),
    }
    return section(
        "assumptions", texts.say("assumptions"), parts.listing(map(texts.tell, assumptions), "card assumed"),
        parts.facts(told),
    )  # fmt: skip


def parameters_told(parameters: Mapping[str, Value], texts: Texts) -> dict[str, str]:
    """Give what a run was given in the language of the report."""
    return {
        texts.say(f"parameter.{name}") if texts.has(f"parameter.{name}") else name: texts.tell(value)
        for name, value in parameters.items()
    }


def _tables(results: Results, texts: Texts) -> Section:
    """Put the tables in the order in which they are best read."""
    told = parts.hint(f"{texts.say('sort_hint')} {texts.say('files')}")
    return section("tables", texts.say("tables"), told, _each_table(results, texts))


def _each_table(results: Results, texts: Texts) -> Iterator[str]:
    top = _top_holders(results, texts)
    yield parts.table(texts.say("table.top_holders", partners=texts.count("partner", len(top.rows))), top, texts)
    if results.activity:
        yield parts.table(texts.say("table.activity"), without_empty(activity_table(results)), texts)
    yield parts.table(texts.say("table.by_rule"), _rules_told(without_empty(rule_table(results)), texts), texts)
    if len(results.ladder) > 1:
        yield parts.table(
            texts.say("table.tiers"), _months_told(tier_table(results), texts), texts, plain_columns=results.ladder
        )
    monthly = monthly_table(results)
    for name in results.currencies:
        rows = tuple((row[0], *row[2:]) for row in monthly.rows if row[1] == name)
        table = without_empty(Table(monthly.name, (monthly.columns[0], *monthly.columns[2:]), rows))
        if len(table.columns) > 1:
            yield parts.table(
                texts.say("table.by_month", currency=texts.named(name)), _months_told(table, texts), texts
            )
    if results.funds:
        yield parts.table(texts.say("table.mdf"), _months_told(fund_table(results), texts), texts)
    yield parts.table(texts.say("table.concentration"), _spread(results), texts)


def _top_holders(results: Results, texts: Texts) -> Table:
    """The partners that cost most, and what they have of each currency that can be spent."""
    holders = results.holders
    units, names = holders.units, (*results.main_points, *results.money)
    partners = holders.layer(Layer.PARTNER)
    measures = [holders.worth(unit, partners)[0] for unit in units] or [
        holders.column(name, "outstanding", partners) for name in names
    ]
    ranked = nsmallest(_LISTED, range(holders.partners), key=lambda row: (*(-each[row] for each in measures), row))
    columns = [Column("partner"), Column("tier"), *(Column(f"cost_{unit}", Kind.AMOUNT) for unit in units)]
    kinds = [texts.say(f"series.{kind}") for kind in ("earned", "available")]
    columns += [Column(f"{texts.named(name)} {kind}", Kind.AMOUNT) for name in names for kind in kinds]
    rows: list[tuple[Cell, ...]] = []
    for row in (holders[place] for place in ranked):
        worth = (round(exact_decimal(row.worth.get(unit, Fraction(0))), 2) for unit in units)
        flows = [(name, row.currencies.get(name, Flows())) for name in names]
        held = (amount(results, name, value) for name, each in flows for value in (each.earned, each.available))
        rows.append((row.holder.id, texts.tier(row.tier or ""), *worth, *held))
    return without_empty(Table("top_holders", tuple(columns), tuple(rows)))


def _spread(results: Results) -> Table:
    """One row for each currency; the curve itself is in the files."""
    return Table(
        "concentration",
        (Column("currency"), Column("partners", Kind.COUNT), Column("earned", Kind.AMOUNT), Column("gini", Kind.SHARE),
         Column("top_tenth", Kind.SHARE)),
        tuple(
            (name, spread.partners, amount(results, name, spread.total), _digits(share(spread.gini)),
             _digits(share(spread.top_tenth)))
            for name, spread in results.concentration.items()
        ),
    )  # fmt: skip


def _digits(value: Decimal) -> Decimal:
    return round(value, 3)


def without_empty(table: Table) -> Table:
    """Leave out columns of numbers in which nothing but 0 stands."""
    kept = [
        position
        for position, column in enumerate(table.columns)
        if column.kind is Kind.TEXT or any(row[position] for row in table.rows)
    ]
    rows = tuple(tuple(row[position] for position in kept) for row in table.rows)
    return Table(table.name, tuple(table.columns[position] for position in kept), rows)


def _rules_told(table: Table, texts: Texts) -> Table:
    """Say partner and person in the language, and gifts of tiers, which files have by their names."""
    rule, layer = ([column.name for column in table.columns].index(name) for name in ("rule", "layer"))

    def told(place: int, cell: Any) -> Any:
        if place == layer:
            return texts.say(f"layer.{cell}")
        if place == rule and cell.startswith(_GIFT):
            return texts.say("rule.gift", tier=texts.tier(cell.removeprefix(_GIFT)))
        return cell

    rows = tuple(tuple(told(place, cell) for place, cell in enumerate(row)) for row in table.rows)
    return Table(table.name, table.columns, rows)


def _months_told(table: Table, texts: Texts) -> Table:
    """Leave months as they sort, year before month, and say what stands for no tier in the language."""
    rows = tuple(tuple(texts.tier(cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows)
    return Table(table.name, table.columns, rows)
