"""
Where a programme changes its mind: the amounts, days and gaps around which its rules pay something else.

Everything is read from the declaration: constants of conditions, starts of bands, the measures at which a minimum ends,
a cap binds or a tier is reached. Searches and strategies draw from these before they draw from anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import islice, product

from loyalty.core.calendar import LAST_DAY, PERIOD_MONTHS, Calendar, Duration
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.rules.declaration import Award, Bands, ByField, ByTier, Fixed, Rate, Rule
from loyalty.rules.expressions import Expression, TypeKind, evaluate
from loyalty.rules.expressions.tree import Literal, walk
from loyalty.tiers.declaration import Measure, Metric, Needs

NUMBERS = (FieldType.INT, FieldType.MONEY)

#: Values of text fields; keys only ask whether texts are equal.
TEXTS = ("a", "b")


def numeric_fields(kind: EventKind) -> list[FieldSpec]:
    """Give the money and int fields of a kind."""
    return [spec for spec in kind.fields.values() if spec.type in NUMBERS]


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


def _numbers(programme: Programme, kind: EventKind, spec: FieldSpec) -> list[int]:
    points: set[int] = {spec.lowest, spec.highest, 0, 1}
    for expression in _expressions(programme, kind):
        points |= {c + d for c in _constants(expression) for d in (-1, 0, 1)}
    for rule in programme.rules:
        if rule.on == kind.name and rule.of is not None and f"event.{spec.name}" in rule.of.names:
            for measure in _telling_measures(programme, rule):
                at = _inverse(rule.of, spec, measure)
                points |= {at - 1, at, at + 1}
    for metric in programme.metrics.values():
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


def category_combinations(programme: Programme, kind: EventKind, limit: int) -> Iterator[dict[str, FieldValue]]:
    """Give combinations of the values of the fields that are no numbers; what may be absent is so in some."""
    specs = [spec for spec in kind.fields.values() if spec.type not in NUMBERS]
    options: list[list[FieldValue | None]] = []
    for spec in specs:
        values: list[FieldValue | None] = [*choices(programme, kind, spec)]
        if spec.type is FieldType.TEXT:
            values = values[:-1]
        options.append(values if spec.required or spec.default is not None else [*values, None])
    for combination in islice(product(*options), limit):
        yield {spec.name: value for spec, value in zip(specs, combination, strict=True) if value is not None}


def usual_numbers(programme: Programme, kind: EventKind) -> dict[str, FieldValue]:
    """Give one ordinary value for each numeric field: large enough that conditions hold, short of absurd."""
    usual: dict[str, FieldValue] = {}
    for spec in numeric_fields(kind):
        telling = [n for n in numbers(programme, kind, spec) if n < spec.highest]
        usual[spec.name] = telling[-1] if telling else spec.highest
    return usual


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


def _telling_measures(programme: Programme, rule: Rule) -> Iterator[int]:
    limits: dict[str, list[int]] = {}
    campaign = programme.campaigns.get(rule.campaign or "")
    for cap in (*rule.caps, *(campaign.caps if campaign else ())):
        limits.setdefault(cap.currency, []).append(cap.amount)
    for metric in programme.metrics.values():
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
