"""Days, periods and instants of the programme's zone, held to the zone database and to Python's own dates."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.calendar import (
    FIRST_DAY,
    FIRST_YEAR,
    LAST_DAY,
    LAST_YEAR,
    NEVER,
    Calendar,
    Duration,
    Unit,
    format_day,
    instant_us,
    month_tables,
    parse_day,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Zones whose clocks change at midnight, across it, or by a whole day, beside plain ones.
ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "America/Santiago",
    "Pacific/Apia",
    "UTC",
)


def utc(instant: int) -> datetime:
    """Give UTC microseconds as a datetime."""
    return _EPOCH + timedelta(microseconds=instant)


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_starts_and_ends_where_the_zone_says(zone: str) -> None:
    """The first instant of each day has its date in the zone, and the one before it has not."""
    calendar, local = Calendar.of(zone), ZoneInfo(zone)
    for day in range(FIRST_DAY, LAST_DAY):
        start, end = calendar.day_start_us(day), calendar.day_start_us(day + 1)
        if start == end:
            assert (zone, format_day(day)) == ("Pacific/Apia", "2011-12-30")
            continue
        assert utc(start).astimezone(local).date().isoformat() == format_day(day)
        assert utc(start - 1).astimezone(local).date().isoformat() < format_day(day)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-04", 23),  # 00:00 does not exist.
        ("America/Sao_Paulo", "2018-02-17", 25),  # The last hour comes twice.
        ("Africa/Cairo", "2024-04-26", 23),
        ("America/Havana", "2024-11-03", 25),  # 00:00 comes twice.
        ("Asia/Beirut", "2026-03-29", 23),
        ("Pacific/Apia", "2011-12-30", 0),  # The day does not exist.
    ],
)
def test_days_that_are_not_of_24_hours(zone: str, day: str, hours: int) -> None:
    """A day is never assumed to have 24 hours."""
    calendar, number = Calendar.of(zone), parse_day(day)
    assert calendar.day_start_us(number + 1) - calendar.day_start_us(number) == hours * 3_600_000_000


@given(
    zone=st.sampled_from(ZONES),
    moment=st.datetimes(datetime(FIRST_YEAR, 1, 2), datetime(LAST_YEAR - 1, 12, 30), timezones=st.just(UTC)),
)
def test_the_day_of_any_instant_is_its_local_date(zone: str, moment: datetime) -> None:
    """The zone database gives the same date."""
    day = Calendar.of(zone).day_of(instant_us(moment))
    assert format_day(day) == moment.astimezone(ZoneInfo(zone)).date().isoformat()


@given(zone=st.sampled_from(ZONES), moment=st.datetimes(datetime(FIRST_YEAR, 1, 2), datetime(LAST_YEAR - 1, 12, 30)))
def test_a_local_time_is_read_as_the_zone_says(zone: str, moment: datetime) -> None:
    """A time that comes twice is the first; one that is skipped moves forward by what is skipped."""
    calendar, local = Calendar.of(zone), ZoneInfo(zone)
    read = calendar.parse_instant_us(moment.isoformat())
    assert read == instant_us(moment.replace(tzinfo=local, fold=0))
    back = utc(read).astimezone(local).replace(tzinfo=None)
    assert back >= moment
    assert calendar.local(read).replace(tzinfo=None) == back


def test_a_time_that_comes_twice_is_the_first() -> None:
    """An offset says which of the two is meant."""
    calendar = Calendar.of("Europe/Berlin")
    assert calendar.parse_instant_us("2026-10-25T02:30") == calendar.parse_instant_us("2026-10-25T02:30+02:00")
    assert calendar.parse_instant_us("2026-10-25T02:30+01:00") > calendar.parse_instant_us("2026-10-25T02:30")


def test_a_time_that_does_not_exist_moves_forward() -> None:
    """Half past two on the night in which the clock jumps from two to three is half past three."""
    calendar = Calendar.of("Europe/Berlin")
    assert calendar.parse_instant_us("2026-03-29T02:30") == calendar.parse_instant_us("2026-03-29T03:30")


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_without_a_time_is_the_start_of_the_day(zone: str) -> None:
    """Where 00:00 does not exist or comes twice, the day still starts once."""
    calendar = Calendar.of(zone)
    for text in ("2018-11-04", "2024-04-26", "2024-11-03", "2026-03-29", "2028-02-29"):
        assert calendar.parse_instant_us(text) == calendar.day_start_us(parse_day(text))
        assert calendar.day_of(calendar.parse_instant_us(text)) == parse_day(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "2026-02-30", "2027-02-29", "2026-13-01", "2026-2-3", "03.02.2026", "2026-02-03T25:00",
        "2026-02-03T10:00+25:00", "1989-12-31", "2100-01-01",
        # Python cannot write these in UTC.
        "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "0001-01-01T00:00",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused_with_its_text(text: str) -> None:
    """Every fault is a ValueError that shows what was got."""
    with pytest.raises(ValueError, match=r"is no date|outside the years") as caught:
        Calendar.of("Europe/Berlin").parse_instant_us(text)
    assert repr(text) in str(caught.value)


@given(st.text(alphabet="0123456789-+:TZW. ", max_size=28))
def test_no_text_fails_in_another_way(text: str) -> None:
    """Whatever is written where an instant is meant is read or refused."""
    calendar = Calendar.of("America/Havana")
    with suppress(ValueError):
        assert isinstance(calendar.parse_instant_us(text), int)


@pytest.mark.parametrize(
    "text", ["", "20260203", "2026-W06-2", "2026-02-30", "2026-02-03T10:00", "1989-12-31", "٢٠٢٦-٠٢-٠٣"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    """A date has one form; a number is no date."""
    with pytest.raises(ValueError, match=r"is no date|outside the years"):
        parse_day(text)


@given(st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR - 1, 12, 31)))
def test_a_date_that_is_written_is_read_again(day: date) -> None:
    """Day numbers count from 1970-01-01."""
    assert parse_day(day.isoformat()) == (day - date(1970, 1, 1)).days
    assert format_day(parse_day(day.isoformat())) == day.isoformat()


def test_the_day_that_never_comes_has_a_name() -> None:
    """What does not expire says so."""
    assert format_day(NEVER) == "never"


def test_instants_outside_the_years_have_no_day() -> None:
    """The tables end; beyond them there is an error and no wrong day."""
    calendar = Calendar.of("Europe/Berlin")
    assert calendar.day_of(calendar.starts_us[0]) == FIRST_DAY
    assert calendar.day_of(calendar.starts_us[-1] - 1) == LAST_DAY - 1
    for outside in (calendar.starts_us[0] - 1, calendar.starts_us[-1], 10**18, -(10**18)):
        with pytest.raises(ValueError, match="outside the years"):
            calendar.day_of(outside)


@pytest.mark.parametrize("zone", ["Europe/Berlim", "", "berlin", "../etc/passwd", "GMT+25"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """The message gives an example."""
    with pytest.raises(ValueError, match="Europe/Berlin"):
        Calendar.of(zone)


def test_the_month_tables_are_pythons_months() -> None:
    """Each day lies in its month, and each month begins on its first; 29 February is in leap years alone."""
    month_of, month_first = month_tables()
    for offset, month in enumerate(month_of):
        day = date(1970, 1, 1) + timedelta(days=FIRST_DAY + offset)
        assert month == day.year * 12 + day.month - 1
    for index, first in enumerate(month_first):
        assert format_day(first) == f"{FIRST_YEAR + index // 12}-{index % 12 + 1:02}-01"
    assert len(month_of) == LAST_DAY - FIRST_DAY


@pytest.mark.parametrize(
    ("text", "count", "unit", "days", "months", "hours"),
    [
        ("30 days", 30, Unit.DAYS, 30, 0, 0),
        ("1 day", 1, Unit.DAYS, 1, 0, 0),
        ("2 weeks", 2, Unit.WEEKS, 14, 0, 0),
        ("24 months", 24, Unit.MONTHS, 0, 24, 0),
        ("1 year", 1, Unit.YEARS, 0, 12, 0),
        ("12 hours", 12, Unit.HOURS, 0, 0, 12),
    ],
)
def test_durations(text: str, count: int, unit: Unit, days: int, months: int, hours: int) -> None:
    """A duration counts hours, local dates or calendar months, and only one of them."""
    duration = Duration.parse(text)
    assert (duration.count, duration.unit) == (count, unit)
    assert (duration.days, duration.months, duration.hours) == (days, months, hours)
    assert str(duration) == text


@pytest.mark.parametrize(
    "text", ["", "30", "days", "0 days", "-1 days", "1.5 years", "30days", "1 fortnight", "1 day 2"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The message shows one."""
    with pytest.raises(ValueError, match="30 days"):
        Duration.parse(text)
