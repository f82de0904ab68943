"""
What a holder's state says to people: the value of each metric with the days that it counts, and the room under caps.

Nothing here changes the state, so that one that is kept can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from attrs import field, frozen

from loyalty.core.calendar import FIRST_DAY, NEVER, date_of, period_bounds
from loyalty.rules.declaration import Cap, part_name
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.recording import view_on
from loyalty.settlement.runtime import add_months, anniversary
from loyalty.tiers.declaration import Measure, Metric, Window, WindowKind


@frozen
class MetricValue:
    """
    What a metric comes to at the end of a day.

    Attributes:
        metric: Its declaration.
        value: Minor units of a currency or of money, or a count.
        first_day: The first day that counts; None where all days before count, or none yet.
        last_day: The last day of the window, which may still come; None where the window does not end.
    """

    metric: Metric
    value: int
    first_day: date | None
    last_day: date | None


@frozen
class CapRoom:
    """
    What can still be earned under a cap in the period that a day lies in.

    Attributes:
        rule: The rule whose cap it is, or None where it is a campaign's.
        campaign: The campaign whose cap it is, or None.
        cap: Its declaration.
        key: The values of its key by the names of its parts, those of the holder and the period aside.
        used: Minor units of the cap's currency.
        first_day: The first day of the period; None for a cap over all time.
        last_day: The last day of the period, likewise.
    """

    rule: str | None
    campaign: str | None
    cap: Cap
    key: Mapping[str, object] = field(hash=False)
    used: int
    first_day: date | None
    last_day: date | None

    @property
    def left(self) -> int:
        """How much can still be earned, minor units."""
        return max(0, self.cap.amount - self.used)


def metric_values(layout: Layout, run: HolderRun, day: int) -> dict[str, MetricValue]:
    """
    Give the value of each metric of a holder's layer, as of the end of a day.

    Args:
        layout: The layout of the holder's layer.
        run: Its state; everything up to the day was settled, and nothing after it.
    """
    values = {}
    view = view_on(layout, day)
    for name, index in sorted(view.own.items()):
        metric = layout.metrics[index]
        first, last = window_days(view, run, metric.window, day)
        value = _value(view, run, index, metric, first, day)
        values[name] = MetricValue(view.programme.metrics[name], value, _date(first), _date(last))
    return values


def metric_unit(metric: Metric) -> str:
    """Give what a metric is counted in: a currency, a unit of money, or "" for a plain number."""
    if metric.currency is not None:
        return metric.currency
    return metric.of.type.unit if metric.of is not None else ""


def window_days(layout: Layout, run: HolderRun, window: Window, day: int) -> tuple[int | None, int | None]:
    """Give the first and the last day of the window that a day lies in; None where it has no such end."""
    if window.kind is WindowKind.CALENDAR and window.period is not None:
        _, first, last = period_bounds(window.period, day, layout.programme.year_starts_month)
        return first, last
    if window.kind is WindowKind.TRAILING and window.length is not None:
        months = window.length.months
        return (add_months(run.memory, day, -months) if months else day - window.length.days) + 1, day
    anchor = run.scalars.anchor
    if window.kind is WindowKind.ANNIVERSARY and anchor >= 0:
        year = anniversary(run.memory, anchor, day)
        first, end = (add_months(run.memory, anchor, 12 * (year + more)) for more in (0, 1))
        return first, end - 1 if end < NEVER else None
    return None, None


def cap_rooms(layout: Layout, run: HolderRun, day: int) -> Iterator[CapRoom]:
    """
    Give the room under each cap that has a balance: for each key under which something was earned in the period.

    Caps on single events have none. Arguments are those of :func:`metric_values`.
    """
    shown: set[int] = set()
    view = view_on(layout, day)
    for rule in (rule for rules in view.rules.values() for rule in rules):
        for currency in rule.give[layout.layer]:
            for cap, key in view.caps_of(rule, currency):
                if key is None or key.index in shown:
                    continue
                shown.add(key.index)
                number, first, last = -1, None, None
                if cap.period is not None:
                    number, first, last = period_bounds(cap.period, day, layout.programme.year_starts_month)
                is_own = any(cap is own for own in rule.caps)
                for values, used in _used(run, key, number):
                    by = dict(zip(map(part_name, key.parts), values, strict=True))
                    name, campaign = (rule.name, None) if is_own else (None, rule.campaign)
                    yield CapRoom(name, campaign, cap, by, used, _date(first), _date(last))


def _value(layout: Layout, run: HolderRun, index: int, metric: Metric, first: int | None, day: int) -> int:
    s, m = run.scalars, run.memory
    if metric.measure is Measure.BALANCE:
        return run.available(layout.currency[str(metric.currency)])
    counted: int = getattr(s, f"t{index}")
    if metric.window.kind is WindowKind.TRAILING and first is not None:
        table = layout.trailing[metric.name]
        return sum(amount for on, amount in zip(m.days[table], m.amounts[table], strict=True) if first <= on <= day)
    if metric.window.kind is WindowKind.CALENDAR and metric.window.period is not None:
        number, _, _ = period_bounds(metric.window.period, day, layout.programme.year_starts_month)
    elif metric.window.kind is WindowKind.ANNIVERSARY:
        number = anniversary(m, s.anchor, day) if s.anchor >= 0 else -1
    else:
        return counted
    return counted if getattr(s, f"q{index}") == number else 0


def _used(run: HolderRun, key: Key, number: int) -> Iterator[tuple[tuple[object, ...], int]]:
    """Give what was used under each key in the period of this number; -1 stands for all time."""
    s = run.scalars
    if not key.parts:
        now = number < 0 or getattr(s, f"c{key.index}_a") == number
        yield (), getattr(s, f"c{key.index}_b") if now else 0
        return
    for values, slot in run.slots(key).items():
        cell = run.memory.keys[key.index][slot]
        if cell.b and (number < 0 or cell.a == number):
            yield values, cell.b


def _date(day: int | None) -> date | None:
    return None if day is None or not FIRST_DAY <= day < NEVER else date_of(day)
