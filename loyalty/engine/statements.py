"""
Statements: what a holder has at an instant, by what was posted and by what is due until then, and how it came about.

There are two time axes. *At* asks from when something counts, *known at* when the book came to know it: what stood
there on 3 March is one question, what we believed on 5 March about it another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from loyalty.core.amounts import INT64_MAX
from loyalty.core.calendar import NEVER
from loyalty.core.holders import Holder
from loyalty.engine.arguments import Moment, day_of, end_of, holder_of, instant_of
from loyalty.engine.histories import Histories
from loyalty.engine.pages import read_place, write_place
from loyalty.engine.receipts import Expiry, Page, Statement
from loyalty.engine.working import Working
from loyalty.errors import UsageError
from loyalty.ledger.entries import Posting
from loyalty.ledger.lines import Lines
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.journal import accounts_of, postings_of

_EPOCH: Final = date(1970, 1, 1)

#: A page has at most so many lines.
_MOST_LINES: Final = 10_000


class Statements(Working):
    """What an engine reads of wallets; nothing is posted."""

    def statement(self, holder: Holder | str, at: Moment | None = None, *, known_at: Moment | None = None) -> Statement:
        """
        Give the holder's wallets at an instant, with everything due by then.

        Args:
            at: UTC microseconds or an aware datetime; or a day as ISO text or date (its end); or None for now.
            known_at: Likewise: what the book came to know later is left out, and so is what was due without being
                posted. All that is known by default.

        Raises:
            UsageError: an argument is of another kind.
        """
        at_us = self._clock() if at is None else self._end_of(at)
        known_us = None if known_at is None else self._end_of(known_at)
        with self._transaction(read_only=True) as tx:
            return statement_of(self._histories, tx, holder_of(holder), at_us, known_us)

    def balances(
        self, holder: Holder | str, at: Moment | None = None, *, known_at: Moment | None = None
    ) -> Mapping[tuple[str, str], int]:
        """Give the balances of :meth:`statement`: minor units by (account name, asset), zeros left out."""
        return self.statement(holder, at, known_at=known_at).balances

    def expiries(self, holder: Holder | str, at: Moment | None = None) -> tuple[Expiry, ...]:
        """
        Give all that will expire of what is available at an instant, soonest first.

        Args:
            at: As for :meth:`statement`.

        Raises:
            UsageError: an argument is of another kind.
        """
        return self.expiries_of(self.statement(holder, at))

    def expiries_of(self, statement: Statement) -> tuple[Expiry, ...]:
        """Give the expiries of a statement as :meth:`expiries` does."""
        calendar = self.programme.calendar
        days = sorted((day, currency, n) for currency, lots in statement.expiries.items() for day, n in lots)
        return tuple(
            Expiry(currency, amount, _EPOCH + timedelta(days=day - 1), calendar.day_start_us(day))
            for day, currency, amount in days
            if day < NEVER
        )

    def lines(
        self,
        holder: Holder | str,
        currency: str,
        *,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page:
        """
        Give a page of a wallet's lines in the order of posting, which never changes: what comes late is added behind.

        A page takes as long for a holder with many postings as for one with few.

        Args:
            after: The place that the page before gave as ``next``; the first page by default.
            limit: How many lines at most, > 0.
            newest_first: Whether to begin with the last line; each balance is still that after its line.

        Raises:
            UsageError: an argument is of another kind.
        """
        self._require(currency, limit)
        order = "newest" if newest_first else "posted"
        place = None if after is None else read_place(order, after)
        whose = holder_of(holder)
        with self._transaction(read_only=True) as tx:
            found = tx.lines_as_posted(whose, currency, after=place, limit=limit, newest_first=newest_first)
        return _page(whose, currency, found, None if found.next is None else write_place(order, found.next))

    def lines_between(
        self,
        holder: Holder | str,
        currency: str,
        from_: Moment | None = None,
        until: Moment | None = None,
        *,
        known_at: Moment | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """
        Give a page of a wallet's lines in the order in which they count, those that came late at their places.

        What is due without being posted has no line. All postings of the wallet are looked at for each page.

        Args:
            from_: The first instant: UTC microseconds or an aware datetime; or a day (its start). The beginning by
                default.
            until: The last instant; or a day (its end). Everything by default.
            known_at: What the book came to know later is left out; all that is known by default.
            after: The place that the page before gave as ``next``; the first page by default.
            limit: How many lines at most, > 0.

        Raises:
            UsageError: an argument is of another kind, or the last instant lies before the first.
        """
        self._require(currency, limit)
        whose = holder_of(holder)
        if after is not None:
            numbers = read_place("effective", after)
            place = (numbers.get("at", 0), numbers.get("entry", 0), numbers.get("leg", 0))
        else:
            place = (-INT64_MAX if from_ is None else self._start_of(from_), -1, -1)
        until_us = INT64_MAX if until is None else self._end_of(until)
        if from_ is not None and until_us < self._start_of(from_):
            raise UsageError(
                f"got lines from {from_!r} until {until!r}, which lies before it; write the earlier one first"
            )
        known_us = INT64_MAX if known_at is None else self._end_of(known_at)
        with self._transaction(read_only=True) as tx:
            found = tx.lines_as_effective(
                whose, currency, after=place, until=until_us, recorded_at=known_us, limit=limit
            )
        following = found.next and write_place("effective", dict(zip(("at", "entry", "leg"), found.next, strict=True)))
        return _page(whose, currency, found, following)

    def _require(self, currency: str, limit: int) -> None:
        if currency not in currencies_of(self.programme):
            known = ", ".join(currencies_of(self.programme))
            raise UsageError(f"got {currency!r} for a currency; the programme has {known}")
        if type(limit) is not int or not 0 < limit <= _MOST_LINES:
            raise UsageError(f"got {limit!r} for a limit; write how many lines a page has, 1 to {_MOST_LINES}")

    def _start_of(self, value: Moment) -> int:
        calendar = self.programme.calendar
        if isinstance(value, int | datetime):
            return instant_of(value, calendar)
        return calendar.day_start_us(day_of(value, calendar))

    def _end_of(self, value: Moment) -> int:
        return end_of(value, self.programme.calendar)


def statement_of(
    histories: Histories, tx: Transaction, holder: Holder, at: int, known_at: int | None = None
) -> Statement:
    """Give the holder's wallets at UTC microseconds *at*, with everything due by then unless *known_at* is given."""
    moved = histories.due(tx, holder, at) if known_at is None else None
    if moved is None:
        holdings = Counter(dict(tx.balances_at(holder, effective_at=at, recorded_at=known_at)))
        lots = Counter(dict(tx.lot_days(holder, "available", effective_at=at, recorded_at=known_at)))
    else:
        # Nothing that was posted counts later, so that the present balances are those of then.
        holdings = Counter(dict(tx.balances(holder)))
        lots = Counter(dict(tx.lot_days(holder, "available")))
        _add(holdings, lots, holder, postings_of(histories.steps.names, holder, moved, None))
    return _statement(histories.programme, holder, at, holdings, lots)


def _add(
    holdings: Counter[tuple[str, str]], lots: Counter[tuple[str, int]], holder: Holder, due: Iterable[Posting]
) -> None:
    available = accounts_of(holder)[1]
    for posting in due:
        if posting.account.owner == holder:
            holdings[posting.account.name, posting.asset] += posting.amount
        if posting.account == available and posting.lot_day is not None:
            lots[posting.asset, posting.lot_day] += posting.amount


def _statement(
    programme: Programme,
    holder: Holder,
    at: int,
    holdings: Mapping[tuple[str, str], int],
    lots: Mapping[tuple[str, int], int],
) -> Statement:
    balances = {key: amount for key, amount in sorted(holdings.items()) if amount}
    standing = [asset for account, asset in balances if account == "standing"]
    tier = next((asset[5:] for asset in standing if asset.startswith("tier.")), programme.ladder.tiers[0].name)
    expiries = {
        name: tuple((day, amount) for (currency, day), amount in sorted(lots.items()) if currency == name and amount)
        for name in currencies_of(programme)
    }
    badges = tuple(asset[6:] for asset in standing if asset.startswith("badge."))
    return Statement(holder, at, balances, expiries, tier, badges)


def _page(holder: Holder, currency: str, found: Lines[Any], following: str | None) -> Page:
    opening, closing = (
        {name: amount for name, amount in sorted(balances.items()) if amount}
        for balances in (found.opening, found.closing)
    )
    return Page(holder, currency, found.lines, opening, closing, following)
