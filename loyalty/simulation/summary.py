"""
The few figures that a decision needs first, and what strikes the eye: for the report's head and for the terminal.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from attrs import frozen

from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.simulation.results import Results, worth_of
from loyalty.simulation.tables import amount, exact_decimal, share
from loyalty.simulation.texts import ENGLISH, Texts


@frozen
class Headline:
    """One figure: what it is, the number as text, and a remark."""

    label: str
    value: str
    remark: str = ""


def headlines(results: Results, texts: Texts = ENGLISH) -> tuple[Headline, ...]:
    """Give the figures that come first."""
    found = [_partners(results, texts)]
    for name in results.main_points:
        found.extend(_points(results, name, texts))
    found.extend(_money(results, name, texts) for name in results.money)
    if len(results.ladder) > 1 and results.months:
        found.append(_tiers(results, texts))
    found.extend(_top(results, texts))
    return tuple(found)


def observations(results: Results, programme: Programme, texts: Texts = ENGLISH) -> tuple[str, ...]:
    """Give sentences about what whoever made the programme may not have meant."""
    if not results.entries:
        return (texts.say("note.nothing"),)
    found = []
    paid = {row.rule for row in results.rules if row.issued}
    silent = [rule.name for rule in programme.rules if rule.name not in paid]
    if silent:
        found.append(texts.say("note.silent", rules=", ".join(silent)))
    for name in results.currencies:
        owing = [row.currencies[name].arrears for row in results.holders if name in row.currencies]
        if any(owing):
            owed = texts.number(amount(results, name, sum(owing)))
            holders = texts.number(sum(1 for each in owing if each))
            found.append(texts.say("note.arrears", holders=holders, amount=owed, currency=name))
    if len(results.ladder) > 1 and not any(row[tier] for row in results.tiers.values() for tier in results.ladder[1:]):
        found.append(texts.say("note.base_only"))
    return tuple(found)


def money_text(value: Fraction, texts: Texts) -> str:
    """Write an amount of money to the cent, rounded half to even."""
    return texts.number(round(exact_decimal(value), 2))


def _partners(results: Results, texts: Texts) -> Headline:
    persons = sum(1 for row in results.holders if row.holder.layer is Layer.PERSON)
    remark = texts.say("card.partners.hint", persons=texts.number(persons)) if persons else ""
    return Headline(texts.say("card.partners"), texts.number(len(results.holders) - persons), remark)


def _points(results: Results, name: str, texts: Texts) -> tuple[Headline, Headline]:
    total = results.totals(name)

    def number(minor_units: int) -> str:
        return texts.number(amount(results, name, minor_units))

    unit, value = worth_of(results.currencies[name])
    if unit is not None and value:
        remark = texts.say("card.outstanding.worth", worth=money_text(value * total.outstanding, texts), unit=unit)
    else:
        remark = texts.say("card.outstanding.hint", available=number(total.available), pending=number(total.pending))
    return (
        Headline(
            texts.say("card.issued", currency=texts.named(name)),
            number(total.issued),
            texts.say(
                "card.issued.hint", redeemed=number(total.redeemed), expired=number(total.expired),
                reversed=number(total.reversed),
            ),
        ),
        Headline(texts.say("card.outstanding", currency=texts.named(name)), number(total.outstanding), remark),
    )  # fmt: skip


def _money(results: Results, name: str, texts: Texts) -> Headline:
    total = results.totals(name)

    def number(minor_units: int) -> str:
        return texts.number(amount(results, name, minor_units))

    return Headline(
        texts.say("card.accrued", currency=texts.named(name), unit=results.currencies[name].unit),
        number(total.issued),
        texts.say(
            "card.accrued.hint",
            expired=number(total.expired),
            reversed=number(total.reversed),
            available=number(total.available),
        ),
    )


def _tiers(results: Results, texts: Texts) -> Headline:
    last = results.tiers[results.months[-1]]
    above = results.ladder[1:]
    return Headline(
        texts.say("card.tiers", base=results.ladder[0]),
        texts.number(sum(last[tier] for tier in above)),
        texts.say("card.tiers.hint", tiers=" · ".join(f"{texts.number(last[tier])} {tier}" for tier in above)),
    )


def _top(results: Results, texts: Texts) -> list[Headline]:
    name = next((name for name in (*results.main_points, *results.money) if results.concentration[name].total), None)
    if name is None:
        return []
    spread = results.concentration[name]
    gini = texts.number(Decimal(round(share(spread.gini), 2)))
    remark = texts.say("card.top.hint", currency=name, gini=gini)
    return [Headline(texts.say("card.top"), texts.percent(spread.top_tenth), remark)]
