"""The source that reads metrics as of a day, counts an event in them, and corrects them at an earlier date."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from loyalty.core.calendar import FIRST_DAY, PERIOD_MONTHS, Period
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Measure, Metric, Window, WindowKind

#: The local variable that holds the month of ``day`` while an event is settled.
MONTH = "month"


def month_source(day: str) -> str:
    """Give the source of the month, counted since year 0, that *day* lies in; that of ``day`` itself is a local."""
    return MONTH if day == "day" else f"m.month_of[{day} - {FIRST_DAY}]"


def month_of_day(w: Writer) -> AbstractContextManager[None]:
    """Have the month of ``day`` in its local variable for what is written inside, if that asks for it."""
    return w.hoisting(MONTH, f"m.month_of[day - {FIRST_DAY}]")


def period_source(layout: Layout, period: Period, day: str) -> str:
    """Give the source of the number of the calendar period that *day* lies in."""
    if period is Period.DAY:
        return day
    if period is Period.WEEK:
        return f"({day} + 3) // 7"
    month = month_source(day)
    months = PERIOD_MONTHS[period]
    if months == 1:
        return month
    shift = layout.programme.year_starts_month - 1
    return f"({month} - {shift}) // {months}" if shift else f"{month} // {months}"


def period_start_source(layout: Layout, period: Period, number: str) -> str:
    """Give the source of the first day of period *number* (of months)."""
    months = PERIOD_MONTHS[period]
    shift = layout.programme.year_starts_month - 1 if months > 1 else 0
    return f"month_start(m, ({number}) * {months} + {shift})"


def reading(w: Writer, layout: Layout, index: int, metric: Metric, day: str) -> str:
    """Write what must happen first, and give the source of the metric's value as of the end of *day*."""
    if metric.measure is Measure.BALANCE:
        return f"sum(m.amounts[{layout.currency[str(metric.currency)]}])"
    if metric.window.kind is WindowKind.TRAILING:
        start = _window_start(layout, metric.window, day)
        w.line(f"s.t{index} -= roll_window(m, {layout.trailing[metric.name]}, {start})")
        return f"s.t{index}"
    number = _period_number(layout, metric.window, day)
    return f"s.t{index}" if number is None else f"(s.t{index} if s.q{index} == {number} else 0)"


def read_into_locals(w: Writer, layout: Layout, names: set[str], day: str) -> dict[str, str]:
    """Write one local variable for each metric of *names* as the revision declares it, and give them by name."""
    local = {}
    for name, index in layout.own.items():
        if name in names:
            local[name] = layout.local(index)
            source = reading(w, layout, index, layout.metrics[index], day)
            w.line(f"{local[name]} = {source}")
    return local


def count_now(w: Writer, layout: Layout, index: int, metric: Metric, amount: str) -> None:
    """Write the lines that count *amount* on ``day`` in the metric."""
    if metric.window.kind is WindowKind.TRAILING:
        w.line(f"s.t{index} += {amount}")
        w.line(f"add_bucket(m, {layout.trailing[metric.name]}, day, {amount})")
        return
    number = _period_number(layout, metric.window, "day")
    if number is not None:
        w.line(f"now = {number}")
        with w.block(f"if s.q{index} != now"):
            w.line(f"s.q{index} = now")
            w.line(f"s.t{index} = 0")
    w.line(f"s.t{index} += {amount}")


def correct_at(w: Writer, layout: Layout, index: int, metric: Metric, day: str, amount: str) -> None:
    """Write the lines that add *amount* (mostly below 0) to what the metric counted on an earlier *day*."""
    if metric.window.kind is WindowKind.TRAILING:
        w.line(f"s.t{index} += adjust_bucket(m, {layout.trailing[metric.name]}, {day}, {amount})")
        return
    number = _period_number(layout, metric.window, day)
    with w.when(None if number is None else f"s.q{index} == {number}"):
        w.line(f"s.t{index} += {amount}")


def count_distinct(w: Writer, layout: Layout, index: int, metric: Metric, key: Key) -> None:
    """Write the lines that count the value of the key once in the metric's window."""
    seen = key.at("a")
    if metric.window.kind is WindowKind.TRAILING:
        bucket = layout.trailing[metric.name]
        # A value seen again moves to its newest day; the day that it leaves may have left the window before.
        w.line(f"s.t{index} -= roll_window(m, {bucket}, {_window_start(layout, metric.window, 'day')})")
        with w.block(f"if {seen} != 0"):
            w.line(f"s.t{index} += adjust_bucket(m, {bucket}, {seen} - 1, -1)")
        w.line(f"{seen} = day + 1")
        count_now(w, layout, index, metric, "1")
        return
    number = _period_number(layout, metric.window, "day") or "0"
    with w.block(f"if {seen} != {number} + 1"):
        w.line(f"{seen} = {number} + 1")
        count_now(w, layout, index, metric, "1")


def metric_names(layout: Layout, *expressions: Any) -> set[str]:
    """Give the metrics of this layer that any of the expressions reads."""
    return {name for expression in expressions if expression for name in expression.names if name in layout.own}


def _period_number(layout: Layout, window: Window, day: str) -> str | None:
    if window.kind is WindowKind.CALENDAR and window.period:
        return period_source(layout, window.period, day)
    if window.kind is WindowKind.ANNIVERSARY:
        return f"anniversary(m, s.anchor, {day})"
    return None


def _window_start(layout: Layout, window: Window, day: str) -> str:
    length = window.length
    if length is None:
        raise AssertionError(f"a trailing window of {layout.programme.id} has no length")
    if length.months:
        return f"add_months(m, {day}, {layout.number('window: months', -length.months)}) + 1"
    return f"{day} - {layout.number('window: days', length.days - 1)}"
