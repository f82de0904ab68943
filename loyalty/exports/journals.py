"""
A book as a journal of dated transactions, for tools that keep plain-text accounts.

An entry becomes a transaction on the local day of its effective instant, or on the day under which it is booked behind
a lock, and the journal is in the order of those days. Balances are asserted at the end of each month, of what moved in
it, and at the end of the journal, of everything. How each of this is written is the tool's own; see
:mod:`loyalty.exports.hledger` and :mod:`loyalty.exports.beancount`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TextIO, TypeAlias

from attrs import evolve, frozen

from loyalty.core.calendar import FIRST_DAY, Calendar, format_day, month_tables
from loyalty.errors import LedgerError
from loyalty.exports.names import STANDING, scale_of
from loyalty.exports.ordering import EffectiveOrder
from loyalty.ledger.entries import Account, Entry
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: A balance that is asserted: whose, of what, and how much in minor units.
Balance: TypeAlias = tuple[Account, str, int]


@frozen
class Exported:
    """How much was written."""

    entries: int
    postings: int


@frozen
class Contents:
    """
    What a journal declares before its first transaction.

    Args:
        programme: Whose book it is.
        scales: The digits after the point of each asset, in order of the assets.
        opened: The first day of each account that has a posting, in order of their paths.
    """

    programme: Programme
    scales: Mapping[str, int]
    opened: Mapping[Account, int]


class Dialect(Protocol):
    """How a tool writes a journal."""

    def begin(self, file: TextIO, contents: Contents) -> None:
        """Write declarations."""

    def transaction(self, file: TextIO, entry: Entry, day: int) -> None:
        """Write one entry of a day."""

    def balances(self, file: TextIO, day: int, balances: Iterable[Balance]) -> None:
        """Assert balances as they are at the end of a day."""


def write_journal(
    entries: Iterable[Entry], programme: Programme, file: TextIO, dialect: Dialect, *, standing: bool = True
) -> Exported:
    """
    Write a whole book as a journal.

    Args:
        entries: In any order; they are read once, and never all in memory.
        standing: Whether tiers and badges are written too.

    Raises:
        UsageError: there is an amount of a currency that the programme does not declare.
        LedgerError: an entry is effective in a year that no calendar here has.
    """
    calendar = programme.calendar
    postings = 0
    with EffectiveOrder() as order:
        opened: dict[Account, int] = {}
        assets: set[str] = set(currencies_of(programme))
        for entry in entries if standing else without_standing(entries):
            at = entry.effective_at if entry.booked_day is None else calendar.day_start_us(entry.booked_day)
            order.add(entry, at)
            postings += len(entry.postings)
            for posting in entry.postings:
                first = opened.get(posting.account)
                if first is None or at < first:
                    opened[posting.account] = at
                assets.add(posting.asset)
        scales = {asset: scale_of(programme, asset) for asset in sorted(assets)}
        accounts = sorted(opened, key=lambda account: account.path)
        days = {account: local_day(calendar, opened[account], account.path) for account in accounts}
        dialect.begin(file, Contents(programme, scales, days))
        _write_transactions(order, calendar, file, dialect)
        return Exported(len(order), postings)


def without_standing(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give the entries without tiers and badges; those that consist of nothing else are left out."""
    for entry in entries:
        kept = tuple(posting for posting in entry.postings if not posting.asset.startswith(STANDING))
        if len(kept) == len(entry.postings):
            yield entry
        elif kept:
            yield evolve(entry, postings=kept)


def local_day(calendar: Calendar, instant_us: int, what: str) -> int:
    """
    Give the day of an instant in the programme's zone.

    Raises:
        LedgerError: the calendar does not reach so far; the message names *what* was dated so.
    """
    try:
        return calendar.day_of(instant_us)
    except ValueError as error:
        raise LedgerError(f"{what} cannot be dated: {error}; look at the entry, which no engine posts so") from error


def booking_day(calendar: Calendar, entry: Entry) -> int:
    """
    Give the day under which an entry is booked: its own, or the first that was not locked when it was recorded.

    Raises:
        LedgerError: the calendar does not reach so far.
    """
    if entry.booked_day is not None:
        return entry.booked_day
    return local_day(calendar, entry.effective_at, f"entry {entry.key}")


def instant_text(instant_us: int) -> str:
    """
    Write an instant exactly.

    >>> instant_text(1_770_073_200_000_001)
    '2026-02-02T23:00:00.000001Z'
    """
    return (_EPOCH + timedelta(microseconds=instant_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_facts(entry: Entry) -> Iterator[tuple[str, str]]:
    """Give what a transaction says of its entry besides the date, each with the name of its tag."""
    yield "key", entry.key
    yield "kind", entry.kind.value
    if entry.cause is not None:
        yield "cause", entry.cause
    yield "effective", instant_text(entry.effective_at)
    yield "recorded", instant_text(entry.recorded_at)
    yield "revision", entry.revision
    if entry.corrects is not None:
        yield "corrects", entry.corrects


def posting_facts(lot_day: int | None, rule: str | None, cause: str | None) -> Iterator[tuple[str, str]]:
    """Give what a leg says of its posting besides account and amount, each with the name of its tag."""
    if lot_day is not None:
        yield "lot", format_day(lot_day)
    if rule is not None:
        yield "rule", rule
    if cause is not None:
        yield "cause", cause


def _write_transactions(order: EffectiveOrder, calendar: Calendar, file: TextIO, dialect: Dialect) -> None:
    month_of_day, first_days = month_tables()
    balances: dict[tuple[Account, str], int] = {}
    moved: set[tuple[Account, str]] = set()
    day = month_end = -1
    for entry in order:
        day = booking_day(calendar, entry)
        if day > month_end:
            if moved:
                dialect.balances(file, month_end, _asserted(balances, moved))
                moved.clear()
            month = month_of_day[day - FIRST_DAY] - month_of_day[0]
            month_end = (first_days[month + 1] if month + 1 < len(first_days) else day + 1) - 1
        dialect.transaction(file, entry, day)
        for posting in entry.postings:
            key = (posting.account, posting.asset)
            balances[key] = balances.get(key, 0) + posting.amount
            moved.add(key)
    if balances:
        dialect.balances(file, day, _asserted(balances, balances))


def _asserted(balances: Mapping[tuple[Account, str], int], keys: Iterable[tuple[Account, str]]) -> list[Balance]:
    ordered = sorted(keys, key=lambda key: (key[0].path, key[1]))
    return [(account, asset, balances[account, asset]) for account, asset in ordered]
