"""
What a decision needs first: the few figures, the sentences that say what they mean, and what strikes the eye.

For the head of a report and for the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.simulation.decimals import share
from loyalty.simulation.flows import worth_of
from loyalty.simulation.report.parts import Card
from loyalty.simulation.report.spread import median
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.report.tiers import rises_and_falls
from loyalty.simulation.results import Results
from loyalty.simulation.tables import amount


def headlines(results: Results, texts: Texts = ENGLISH) -> tuple[Card, ...]:
    """Give the figures that come first."""
    found = [_partners(results, texts)]
    for name in results.main_points:
        found.extend(_points(results, name, texts))
    found.extend(_money(results, name, texts) for name in results.money)
    if len(results.ladder) > 1 and results.months:
        found.append(_tiers(results, texts))
    found.extend(_top(results, texts))
    return tuple(found)


def sentences(results: Results, texts: Texts = ENGLISH) -> tuple[str, ...]:
    """Say what was settled, what it costs, what is owed, what expired, where partners stand, and who gains."""
    if not results.entries:
        return ()
    return tuple(
        [_what(results, texts)]
        + [sentence for unit in results.holders.units for sentence in _cost(results, unit, texts)]
        + list(_where(results, texts))
        + [sentence for unit in results.holders.units for sentence in _who(results, unit, texts)]
    )


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
        owing = [owed for owed in results.holders.column(name, "arrears") if owed]
        if owing:
            owed = texts.number(amount(results, name, sum(owing)))
            holders = texts.count("holder", len(owing))
            found.append(texts.say("note.arrears", holders=holders, amount=owed, currency=name))
    if len(results.ladder) > 1 and not any(row[tier] for row in results.tiers.values() for tier in results.ladder[1:]):
        found.append(texts.say("note.base_only"))
    return tuple(found)


def _partners(results: Results, texts: Texts) -> Card:
    persons = results.holders.persons
    remark = texts.say("card.partners.hint", persons=texts.count("person", persons)) if persons else ""
    return Card(texts.say("card.partners"), texts.number(results.holders.partners), remark)


def _points(results: Results, name: str, texts: Texts) -> tuple[Card, Card]:
    total = results.totals(name)

    def number(minor_units: int) -> str:
        return texts.number(amount(results, name, minor_units))

    unit, value = worth_of(results.currencies[name])
    if unit is not None and value:
        remark = texts.say("card.outstanding.worth", worth=texts.money(value * total.outstanding, unit))
    else:
        remark = texts.say("card.outstanding.hint", available=number(total.available), pending=number(total.pending))
    return (
        Card(
            texts.say("card.issued", currency=texts.named(name)),
            number(total.issued),
            texts.say(
                "card.issued.hint", redeemed=number(total.redeemed), expired=number(total.expired),
                reversed=number(total.reversed),
            ),
        ),
        Card(texts.say("card.outstanding", currency=texts.named(name)), number(total.outstanding), remark),
    )  # fmt: skip


def _money(results: Results, name: str, texts: Texts) -> Card:
    total = results.totals(name)

    def number(minor_units: int) -> str:
        return texts.number(amount(results, name, minor_units))

    return Card(
        texts.say("card.accrued", currency=texts.named(name), unit=results.currencies[name].unit or ""),
        number(total.issued),
        texts.say(
            "card.accrued.hint",
            redeemed=number(total.redeemed),
            expired=number(total.expired),
            reversed=number(total.reversed),
            available=number(total.available),
        ),
    )


def _tiers(results: Results, texts: Texts) -> Card:
    last = results.tiers[results.months[-1]]
    above = results.ladder[1:]
    return Card(
        texts.say("card.tiers", base=texts.tier(results.ladder[0])),
        texts.number(sum(last[tier] for tier in above)),
        " · ".join(f"{texts.tier(tier)}: {texts.number(last[tier])}" for tier in above),
    )


def _top(results: Results, texts: Texts) -> list[Card]:
    name = next((name for name in (*results.main_points, *results.money) if results.concentration[name].total), None)
    if name is None:
        return []
    spread = results.concentration[name]
    gini = Decimal(round(share(spread.gini), 2))
    remark = texts.say("card.top.hint", currency=texts.named(name), gini=gini)
    return [Card(texts.say("card.top"), texts.percent(spread.top_tenth), remark)]


def _what(results: Results, texts: Texts) -> str:
    """Who took part, for how long, and what they did."""
    told = texts.say(
        "told.what",
        partners=texts.count("partner", results.holders.partners),
        months=texts.count("month", len(results.months)),
        first=texts.month(results.months[0]),
        last=texts.month(results.months[-1]),
    )
    done = [activity for activity in results.activity if activity.events]
    if done:
        parts = [
            texts.say("told.done.money", kind=each.kind, events=each.events, sum=_whole(each.total, each.unit, texts))
            if each.unit
            else texts.say("told.done", kind=each.kind, events=each.events)
            for each in done
        ]
        told += " " + texts.say("told.did", kinds="; ".join(parts))
    return told


def _cost(results: Results, unit: str, texts: Texts) -> Iterator[str]:
    """What was given, what of it is owed, and what of it expired, in worth."""
    given = redeemed = outstanding = arrears = expired = Fraction(0)
    parts = []
    for name, currency in results.currencies.items():
        of, value = worth_of(currency)
        if of != unit or not value:
            continue
        total = results.totals(name)
        if total.earned:
            parts.append(f"{texts.named(name)}: {texts.money(value * total.earned, unit)}")
        given += value * total.earned
        redeemed += value * total.redeemed
        outstanding += value * total.outstanding
        arrears += value * total.arrears
        expired += value * total.expired
    if not given:
        return
    cost = redeemed + outstanding
    told = texts.say("told.cost", given=texts.money(given, unit), parts="; ".join(parts), cost=texts.money(cost, unit))
    revenue = revenue_of(results, unit)
    if revenue > 0:
        told += " " + texts.say(
            "told.cost.share", share=texts.percent(cost / revenue, 2), revenue=texts.money(revenue, unit)
        )
    yield told
    soon = _expiring_within(results, unit, 12)
    yield texts.say(
        "told.liability.arrears" if arrears else "told.liability", outstanding=texts.money(outstanding, unit),
        redeemed=texts.money(redeemed, unit), soon=texts.money(soon, unit), arrears=texts.money(arrears, unit),
        standing=texts.money(outstanding + arrears, unit),
    )  # fmt: skip
    if expired > 0:
        yield texts.say("told.breakage", expired=texts.money(expired, unit), share=texts.percent(expired / given))
    else:
        yield texts.say("told.breakage.none")


def revenue_of(results: Results, unit: str) -> Fraction:
    """Give what events brought in a unit of money, less what was refunded; 0 where that is not known."""
    total = Fraction(0)
    for each in results.activity:
        if each.unit == unit:
            total += -Fraction(each.total) if each.takes_back else Fraction(each.total)
    return total


def _expiring_within(results: Results, unit: str, months: int) -> Fraction:
    """The worth of what expires in the next months, if nothing of it is redeemed."""
    last = results.months[-1] + months
    soon = Fraction(0)
    for name, currency in results.currencies.items():
        of, value = worth_of(currency)
        if of == unit and value:
            cohorts = results.expiring.get(name, {})
            soon += value * sum(amount for month, amount in cohorts.items() if month is not None and month <= last)
    return soon


def _where(results: Results, texts: Texts) -> Iterator[str]:
    """In which tiers partners stand, and how many moves there were."""
    last = results.tiers[results.months[-1]]
    partners = results.holders.partners
    if len(results.ladder) < 2 or not partners:
        return
    above = {tier: last[tier] for tier in results.ladder[1:]}
    rose, fell = rises_and_falls(results)
    yield texts.say(
        "told.tiers",
        above=texts.count("partner", sum(above.values())),
        share=texts.percent(Fraction(sum(above.values()), partners)),
        base=texts.tier(results.ladder[0]),
        tiers=", ".join(f"{texts.tier(tier)}: {texts.number(count)}" for tier, count in above.items()),
        rose=texts.count("rise", rose),
        fell=texts.count("fall", fell),
    )


def _who(results: Results, unit: str, texts: Texts) -> Iterator[str]:
    """How evenly what partners cost is spread: what expired of theirs costs nothing."""
    partners = results.holders.layer(Layer.PARTNER)
    numerators, denominator = results.holders.worth(unit, partners)
    total = sum(max(each, 0) for each in numerators)
    if not total:
        return
    largest = sorted(numerators, reverse=True)[: -(-len(numerators) // 10)]
    yield texts.say(
        "told.who",
        share=texts.percent(Fraction(sum(max(each, 0) for each in largest), total)),
        median=texts.money(Fraction(median(numerators), denominator), unit),
        nothing=texts.count("partner", sum(each <= 0 for each in numerators)),
    )


def _whole(total: Decimal, unit: str, texts: Texts) -> str:
    return texts.money(Fraction(total), unit)
