"""
Where a programme changes its mind: the amounts, days and gaps around which its rules pay something else.

Everything is read from the declaration: constants of conditions, starts of bands, the measures at which a minimum ends,
a cap binds or a tier is reached. Searches and strategies draw from these before they draw from anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from fractions import Fraction
from itertools import chain, islice, product, zip_longest

from loyalty.core.calendar import LAST_DAY, PERIOD_MONTHS, Calendar, Duration, Period
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.rules.declaration import Award, Bands, ByField, ByTier, Fixed, Rate, Rule
from loyalty.rules.expressions import Expression, TypeKind, evaluate
from loyalty.rules.expressions.tree import Literal, walk
from loyalty.tiers.declaration import Measure, Metric, Needs

NUMBERS = (FieldType.INT, FieldType.MONEY)

#: Names of whole numbers that say how much was sold: more of them is more, and a sale can be cut in two of them.
QUANTITIES = {
    "seats", "quantity", "qty", "units", "count", "number", "pieces", "items", "licences", "licenses", "users",
    "volume", "amount", "hours", "devices", "subscriptions", "nodes", "cores", "boxes",
}  # fmt: skip

#: Last names of kinds that are sales: what such an event says of money can be cut in two, even where no rule reads it.
SALES = {
    "won", "sold", "closed", "ordered", "purchased", "bought", "signed", "invoiced", "shipped", "booked", "delivered",
    "paid", "renewed", "made", "placed", "sale", "deal", "order", "purchase", "invoice",
}  # fmt: skip

#: About so many days from one period to the next, from the middle of the one.
PERIOD_DAYS = {
    Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.HALF_YEAR: 183, Period.YEAR: 366,
}  # fmt: skip

#: Values of text fields; keys only ask whether texts are equal.
TEXTS = ("a", "b")


def numeric_fields(kind: EventKind) -> list[FieldSpec]:
    """Give the money and int fields of a kind."""
    return [spec for spec in kind.fields.values() if spec.type in NUMBERS]


def words_of(name: str) -> list[str]:
    """Give the words of a name: ``deal.closed_won`` has three."""
    return [word for word in re.split(r"[._-]+", name.lower()) if word]


def is_quantity(spec: FieldSpec) -> bool:
    """Say whether a whole number is called like something that can be counted out."""
    return spec.type is FieldType.INT and not QUANTITIES.isdisjoint(words_of(spec.name))


def divisible_fields(programme: Programme, kind: EventKind) -> list[FieldSpec]:
    """Give the numeric fields of which a part of an event has a part; those that are measured first."""
    measured = measured_fields(programme, kind)
    sold = not SALES.isdisjoint(words_of(kind.name)[-1:])
    parts = {other.part for other in programme.events.values() if other.origin_kind == kind.name and other.part}
    read = {name for expression in _expressions(programme, kind) for name in expression.names}
    more = [
        spec
        for spec in numeric_fields(kind)
        if spec not in measured
        and (
            (spec.type is FieldType.MONEY and sold)
            or (spec.type is FieldType.INT and spec.name in parts)
            or (is_quantity(spec) and (sold or f"event.{spec.name}" in read))
        )
    ]
    return [*measured, *more]


def measured_fields(programme: Programme, kind: EventKind) -> list[FieldSpec]:
    """Give the numeric fields of which some rule or metric measures: what a part of an event has a part of."""
    read: set[str] = set()
    for expression in _expressions(programme, kind, measures_only=True):
        read |= expression.names
    money = {name for expression in _expressions(programme, kind) for name in expression.names}
    return [
        spec
        for spec in numeric_fields(kind)
        if f"event.{spec.name}" in read or (spec.type is FieldType.MONEY and f"event.{spec.name}" in money)
    ]


#: Telling values by (revision, kind, field): they are asked for again and again, and a programme is no key.
_NUMBERS: dict[tuple[str, str, str], list[int]] = {}


def numbers(programme: Programme, kind: EventKind, spec: FieldSpec) -> list[int]:
    """Give the telling values of a numeric field, ascending: around each place where some award may change."""
    key = (programme.revision, kind.name, spec.name)
    if key not in _NUMBERS:
        if len(_NUMBERS) > 1000:
            _NUMBERS.clear()
        _NUMBERS[key] = _numbers(programme, kind, spec)
    return _NUMBERS[key]


def edges(programme: Programme, kind: EventKind, spec: FieldSpec) -> list[int]:
    """Give the telling values at which one event's own award may change: no caps, no thresholds of metrics."""
    return _numbers(programme, kind, spec, far=False)


def _numbers(programme: Programme, kind: EventKind, spec: FieldSpec, *, far: bool = True) -> list[int]:
    points: set[int] = {spec.lowest, spec.highest, 0, 1}
    for expression in _expressions(programme, kind):
        points |= {c + d for c in _constants(expression) for d in (-1, 0, 1)}
    for rule in programme.rules:
        if rule.on == kind.name and rule.of is not None and f"event.{spec.name}" in rule.of.names:
            for measure in _telling_measures(programme, rule, far=far):
                at = _inverse(rule.of, spec, measure)
                points |= {at - 1, at, at + 1}
    for metric in programme.metrics.values() if far else ():
        if metric.kind == kind.name and metric.of is not None and f"event.{spec.name}" in metric.of.names:
            for threshold in _thresholds(programme, metric):
                at = _inverse(metric.of, spec, threshold)
                points |= {at - 1, at, at + 1}
    return sorted(point for point in points if spec.lowest <= point <= spec.highest)


def ladder_of_sizes(spec: FieldSpec) -> list[int]:
    """Give sizes 1, 2, 5, 10, ... within a field's bounds, for what no declaration points at."""
    sizes = (step * 10**power for power in range(19) for step in (1, 2, 5))
    return [size for size in sizes if spec.lowest <= size <= spec.highest]


def choices(programme: Programme, kind: EventKind, spec: FieldSpec) -> list[FieldValue]:
    """Give the values of a field that is no number; of a text, those that it is compared with, and others."""
    if spec.type is FieldType.BOOL:
        return [True, False]
    if spec.type is FieldType.ONE_OF:
        return list(spec.values)
    compared = [
        node.value
        for expression in _expressions(programme, kind)
        if f"event.{spec.name}" in expression.names
        for node in walk(expression.tree)
        if isinstance(node, Literal) and isinstance(node.value, str)
    ]
    return list(dict.fromkeys((*compared, *TEXTS)))


def category_combinations(
    programme: Programme, kind: EventKind, limit: int, aim: Rule | None = None
) -> Iterator[dict[str, FieldValue]]:
    """
    Give combinations of the values of the fields that are no numbers; what may be absent is so in some.

    First what each rule and metric asks for and the opposite, the other fields standing still; then all others. With
    ``aim``, what this rule asks for and no more.
    """
    options: dict[str, list[FieldValue | None]] = {}
    for spec in kind.fields.values():
        if spec.type not in NUMBERS:
            values: list[FieldValue | None] = [*choices(programme, kind, spec)]
            if spec.type is FieldType.TEXT:
                values = values[:-1]
            options[spec.name] = values if spec.required or spec.default is not None else [*values, None]
    first = {name: values[0] for name, values in options.items()}
    asked = [list(islice(_asked(reader, options, first), 32)) for reader in _readers(programme, kind, aim)]
    every = (dict(zip(options, values, strict=True)) for values in product(*options.values()))
    seen: set[tuple[FieldValue | None, ...]] = set()
    in_turn = (one for row in zip_longest(*asked) for one in row if one is not None)
    for combination in in_turn if aim else chain([first], in_turn, islice(every, 4 * limit)):
        key = tuple(combination.values())
        if key not in seen and len(seen) < limit:
            seen.add(key)
            yield {name: value for name, value in combination.items() if value is not None}


def _readers(programme: Programme, kind: EventKind, aim: Rule | None) -> Iterator[tuple[set[str], set[FieldValue]]]:
    """Give for each rule and metric of a kind which fields it reads, and the values that it names."""
    for rule in programme.rules if aim is None else (aim,):
        if rule.on == kind.name:
            names, values = _named(rule.when, rule.of)
            for award in (award for given in rule.give.values() for award in given.values()):
                if isinstance(award, ByField):
                    names.add(award.field)
                    values.update(award.awards)
            for multiplier in (one for multipliers in rule.multiply.values() for one in multipliers):
                if multiplier.field:
                    names.add(multiplier.field)
                    values.update(multiplier.table)
            yield names, values
    metrics = programme.metrics.values() if aim is None else ()
    yield from (_named(metric.when, metric.of) for metric in metrics if metric.kind == kind.name)


def _named(*expressions: Expression | None) -> tuple[set[str], set[FieldValue]]:
    names: set[str] = set()
    values: set[FieldValue] = set()
    for expression in expressions:
        if expression is not None:
            names |= {name.removeprefix("event.") for name in expression.names}
            values |= {node.value for node in walk(expression.tree) if isinstance(node, Literal)}
    return names, values


def _asked(
    reader: tuple[set[str], set[FieldValue]],
    options: Mapping[str, list[FieldValue | None]],
    first: Mapping[str, FieldValue | None],
) -> Iterator[dict[str, FieldValue | None]]:
    names, values = reader
    asked: dict[str, list[FieldValue | None]] = {}
    for name in (name for name in options if name in names):
        named = [value for value in options[name] if value in values and not isinstance(value, bool)]
        rest = [value for value in options[name] if value not in named]
        asked[name] = [*named, *(rest if None in rest or True in rest else rest[:1])]
    for combination in product(*asked.values()):
        yield {**first, **dict(zip(asked, combination, strict=True))}


def usual_numbers(programme: Programme, kind: EventKind) -> dict[str, FieldValue]:
    """Give one ordinary value for each numeric field: large enough that conditions hold, short of absurd."""
    usual: dict[str, FieldValue] = {}
    for spec in numeric_fields(kind):
        telling = [n for n in numbers(programme, kind, spec) if n < spec.highest]
        usual[spec.name] = telling[-1] if telling else spec.highest
    return usual


def settings(programme: Programme, kind: EventKind) -> list[dict[str, FieldValue]]:
    """Give usual numbers, then the same with one field at the other side of what a condition asks of it."""
    usual = usual_numbers(programme, kind)
    found = [usual]
    for spec in numeric_fields(kind):
        conditions = [
            expression
            for expression in _expressions(programme, kind)
            if f"event.{spec.name}" in expression.names and _constants(expression)
        ]
        telling = {n for expression in conditions for c in _constants(expression) for n in (c - 1, c)}
        values = sorted(n for n in telling if spec.lowest <= n <= spec.highest)
        if conditions and len(numeric_fields(kind)) > 1:
            found += [{**usual, spec.name: value} for value in dict.fromkeys((*values[:2], *values[-2:], spec.lowest))]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def depends_on_tier(programme: Programme, kind: EventKind) -> bool:
    """Say whether what an event of a kind is paid may depend on the partner's tier."""
    return any(
        asks_for_tier(rule) or any(one.by_tier for multipliers in rule.multiply.values() for one in multipliers)
        for rule in programme.rules
        if rule.on == kind.name
    )


def asks_for_tier(rule: Rule) -> bool:
    """Say whether a rule pays something else at another tier, multipliers aside."""
    names = [name for expression in (rule.when, rule.of) if expression for name in expression.names]
    by_tier = any(isinstance(award, ByTier) for given in rule.give.values() for award in given.values())
    return by_tier or any(name.startswith("tier.") for name in names)


def asked_metrics(programme: Programme, kind: EventKind) -> list[tuple[Metric, int]]:
    """Give the metrics that conditions of a kind's rules read, each with how much they ask of it, 6 at most."""
    names = {name for r in programme.rules if r.on == kind.name for e in (r.when, r.of) if e for name in e.names}
    metrics = [metric for name, metric in programme.metrics.items() if name in names]
    return [(metric, max(1, min(6, max(_thresholds(programme, metric), default=1)))) for metric in metrics]


def rhythms(programme: Programme) -> list[tuple[int, int]]:
    """Give how often, and how many days apart, a thing is done to be rewarded for doing it again."""
    found = {(rule.streak.length, PERIOD_DAYS[rule.streak.every]) for rule in programme.rules if rule.streak}
    found |= {
        (threshold, 0)
        for metric in programme.metrics.values()
        if metric.measure in (Measure.COUNT, Measure.DISTINCT)
        for threshold in _thresholds(programme, metric)
    }
    return sorted((times, days) for times, days in found | {(2, 0)} if 2 <= times <= 6)


def gaps(programme: Programme) -> list[int]:
    """Give numbers of days between two events at which something of the programme begins or ends."""
    lengths: set[int] = {0, 1, 31, 366}
    for duration in _durations(programme):
        days = duration.days or duration.months * 31 or 1
        lengths |= {max(days - 1, 0), days, days + 1}
    return sorted(length for length in lengths if length < 4000)


def longest_memory_days(programme: Programme) -> int:
    """Give a number of days after which nothing of an event is still under way."""
    return min(max(gaps(programme)) + 800, 4000)


def telling_days(programme: Programme, years: int = 3) -> list[int]:
    """Give days around which the calendar matters: starts of months and years, shifts of the clock, 29 February."""
    start = programme.first_day
    end = min(start + 366 * years, LAST_DAY - 4000)
    days: set[int] = {start - 1, start, start + 1}
    for rule in programme.rules:
        days |= _around(rule.valid.first_day, rule.valid.last_day)
    for campaign in programme.campaigns.values():
        days |= _around(campaign.valid.first_day, campaign.valid.last_day)
    days |= _around(programme.last_day)
    days |= {d for d in range(start, end) if is_calendar_edge(programme.calendar, d)}
    return sorted(days)


def is_calendar_edge(calendar: Calendar, day: int) -> bool:
    """Say whether a month starts or ends on the day, or the clock is shifted on it."""
    local = date(1970, 1, 1) + timedelta(days=day)
    hours = calendar.day_start_us(day + 1) - calendar.day_start_us(day)
    return local.day == 1 or (local + timedelta(days=1)).day == 1 or hours != 86_400_000_000


def cancelled_kinds(programme: Programme) -> set[str]:
    """Give the kinds that a refund can take back."""
    return {kind.origin_kind for kind in programme.events.values() if kind.role is Role.REFUNDS and kind.origin_kind}


def awards_of(rule: Rule) -> Iterator[tuple[Layer, str, Fixed | Rate]]:
    """Give each plain award of a rule, those inside tables included, with its layer and currency."""
    for layer, given in rule.give.items():
        for currency, award in given.items():
            for plain in _plain(award):
                yield layer, currency, plain


def _plain(award: Award) -> Iterator[Fixed | Rate]:
    if isinstance(award, Bands):
        yield from (band.award for band in award.bands)
    elif isinstance(award, ByTier):
        yield from award.awards.values()
    elif isinstance(award, ByField):
        yield from award.awards.values()
        yield award.otherwise
    else:
        yield award


def _telling_measures(programme: Programme, rule: Rule, *, far: bool) -> Iterator[int]:
    limits: dict[str, list[int]] = {}
    campaign = programme.campaigns.get(rule.campaign or "")
    for cap in (*rule.caps, *(campaign.caps if campaign else ())) if far else ():
        limits.setdefault(cap.currency, []).append(cap.amount)
    for metric in programme.metrics.values() if far else ():
        if metric.measure in (Measure.EARNED, Measure.BALANCE) and metric.currency:
            limits.setdefault(metric.currency, []).extend(_thresholds(programme, metric))
    factors = _factors(programme, rule)
    for given in rule.give.values():
        for currency, award in given.items():
            if isinstance(award, Bands):
                yield from (band.start for band in award.bands)
            for plain in _plain(award):
                if isinstance(plain, Rate) and plain.amount:
                    yield -(-plain.per // plain.amount)
                    bounds = [bound for bound in (plain.at_least, plain.at_most) if bound]
                    bounds += [int(limit / factor) for limit in limits.get(currency, ()) for factor in factors]
                    yield from (-(-bound * plain.per // plain.amount) for bound in bounds)


def _factors(programme: Programme, rule: Rule) -> set[Fraction]:
    factors = {Fraction(1)}
    for multipliers in rule.multiply.values():
        for one in multipliers:
            factors |= {one.constant} if one.constant else set()
            factors |= set(one.table.values())
            factors |= {tier.multiplier for tier in programme.ladder.tiers} if one.by_tier else set()
    return {factor for factor in factors if factor > 0}


def _thresholds(programme: Programme, metric: Metric) -> list[int]:
    found: list[int] = []
    needs: list[Needs | Expression] = [tier.needs for tier in programme.ladder.tiers if tier.needs]
    needs += [badge.needs for badge in programme.badges]
    needs += [rule.when for rule in programme.rules if rule.when]
    while needs:
        part = needs.pop()
        if isinstance(part, Needs):
            needs.extend(part.parts)
        elif metric.name in part.names:
            found.extend(_constants(part))
    return found


def _expressions(programme: Programme, kind: EventKind, *, measures_only: bool = False) -> Iterator[Expression]:
    for rule in programme.rules:
        if rule.on == kind.name:
            yield from (e for e in ((rule.of,) if measures_only else (rule.when, rule.of)) if e)
    for metric in programme.metrics.values():
        if metric.kind == kind.name:
            yield from (e for e in ((metric.of,) if measures_only else (metric.when, metric.of)) if e)


def _constants(expression: Expression) -> list[int]:
    return [
        node.value
        for node in walk(expression.tree)
        if isinstance(node, Literal) and type(node.value) is int and node.type.kind is not TypeKind.BOOL
    ]


def _inverse(of: Expression, spec: FieldSpec, measure: int) -> int:
    """Find the least value of a field at which a measure that grows with it is reached; others stand at rest."""
    name, values = f"event.{spec.name}", dict.fromkeys(of.names, 0)
    low, high = spec.lowest, spec.highest
    while low < high:
        middle = (low + high) // 2
        try:
            reached = evaluate(of, {**values, name: middle})
        except (KeyError, TypeError, OverflowError, ArithmeticError):
            return measure
        if isinstance(reached, int) and reached >= measure:
            high = middle
        else:
            low = middle + 1
    return low


def _durations(programme: Programme) -> Iterator[Duration]:
    for rule in programme.rules:
        yield from (p.duration for p in rule.pending.values() if p.duration)
        if rule.cooldown:
            yield rule.cooldown.length
    yield from (c.expires.after for c in programme.currencies.values() if c.expires)
    yield from (policy.within for policy in programme.refunds.values() if policy.within)
    yield from (metric.window.length for metric in programme.metrics.values() if metric.window.length)
    review = programme.ladder.review
    if review and review.grace:
        yield review.grace
    if review and review.every in PERIOD_MONTHS:
        yield Duration.parse(f"{PERIOD_MONTHS[review.every]} months")


def _around(*days: int | None) -> set[int]:
    return {day + step for day in days if day is not None for step in (-1, 0, 1)}
