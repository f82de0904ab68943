"""
The liability: what was granted in each month, what became of it, and what is still owed for it.

Points that were granted in one month are a cohort. They keep their month wherever they go: from pending to available,
on hold and back, from one holder to another, into a redemption and out of it again. Of points that expire on one day,
those of the oldest cohort go first, which is the order in which the ledger consumes lots. Entries are read in effective
order, and a correction cancels what it corrects, so that a cohort looks as if everything had come in time.

>>> from loyalty.core.holders import Holder
>>> from loyalty.ledger.entries import Account, EntryKind, Posting
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> programme = loads(EXAMPLE)
>>> at, acme = programme.calendar.day_start_us(20_500), Account(Holder.partner("acme"), "available")
>>> def moved(key, giver, getter, amount):
...     legs = (Posting(giver, "points", -amount, lot_day=20_900 if giver.owner else None),
...             Posting(getter, "points", amount, lot_day=20_900 if getter.owner else None))
...     return Entry(
...         key=key, kind=EntryKind.EVENT, cause=key, effective_at=at, recorded_at=at, revision="r", postings=legs)
>>> entries = [moved("a", Account(None, "issued"), acme, 10), moved("b", acme, Account(None, "redeemed"), 4)]
>>> [(cohort.granted, cohort.used, cohort.open) for cohort in liability(entries, programme, until_day=20_500).cohorts]
[(10, 4, 6)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from attrs import frozen

from loyalty.exports.cohorts import PARTS, Follower, Opened
from loyalty.exports.ordering import EffectiveOrder
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import GrantedLot, Transaction
from loyalty.programme.model import Currency, Programme
from loyalty.programme.revisions import currencies_of


@frozen(kw_only=True)
class Cohort:
    """
    What was granted of a currency in one month, and where it is now; minor units.

    Args:
        month: Months since January of year 0, in the programme's zone; None for all months together.
        granted: What came into wallets, by awards, credits and opening balances; the sum of all that follows.
        pending, available, held: Still open.
        used: Redeemed and not given back.
        clawed_back: Taken back, by a refund for example.
        adjusted: Taken by an adjustment.
        repaid: Taken to repay arrears, which stand for points that were spent before they were clawed back.
        expired: Gone without being used.
        forfeited: Gone when their holder was closed.
    """

    currency: Currency
    month: int | None
    granted: int = 0
    pending: int = 0
    available: int = 0
    held: int = 0
    used: int = 0
    clawed_back: int = 0
    adjusted: int = 0
    repaid: int = 0
    expired: int = 0
    forfeited: int = 0

    @property
    def open(self) -> int:
        """What is still owed: pending, available and held."""
        return self.pending + self.available + self.held

    @property
    def breakage(self) -> Fraction | None:
        """The share that is gone unused so far, of what was not taken otherwise than by its use; None of nothing."""
        kept = self.granted - self.clawed_back - self.adjusted - self.repaid
        return Fraction(self.expired + self.forfeited, kept) if kept > 0 else None

    @property
    def worth(self) -> Fraction | None:
        """The worth of the open part, exact, in major units of the currency's ``worth_unit``; None where undeclared."""
        if self.currency.worth_unit is None:
            return None
        return self.currency.worth * Fraction(self.open, 10**self.currency.scale)


@frozen(kw_only=True)
class Liability:
    """
    The cohorts of every currency that can be spent.

    Args:
        until_day: The day at whose end it is looked at.
        cohorts: By currency, in the order of the programme, and month.
        arrears: What holders owe, by currency, minor units and not below 0; it lowers the liability when it is repaid.
    """

    until_day: int
    cohorts: tuple[Cohort, ...]
    arrears: Mapping[str, int]

    def totals(self) -> tuple[Cohort, ...]:
        """Give one cohort for each currency that has any, of all months together."""
        return tuple(
            Cohort(currency=currency, month=None, **_added(group))
            for currency, group in groupby(self.cohorts, key=lambda cohort: cohort.currency)
        )


def liability(
    entries: Iterable[Entry],
    programme: Programme,
    *,
    until_day: int,
    recorded_at: int | None = None,
    opened: Opened | None = None,
) -> Liability:
    """
    Follow every lot of a book from its grant to the end of a day.

    Currencies that cannot be spent are left out: nothing is owed for them.

    Args:
        entries: In any order; they are read once, and never all in memory.
        until_day: The last day; entries that count from later are left out. What falls due on days to which the book
            was not advanced is not there.
        recorded_at: UTC microseconds: entries that the book came to know later are left out.
        opened: Gives the lots of an opening balance by the key of its command; :func:`opened_in` reads them from the
            book. Without it they count as granted when they were imported.

    Raises:
        LedgerError: an entry is effective in a year that no calendar here has.
    """
    spendable = {name for name, currency in currencies_of(programme).items() if currency.spendable}
    follower = Follower(programme.calendar, spendable, opened)
    end = programme.calendar.day_start_us(until_day + 1)
    with EffectiveOrder() as order:
        for entry in entries:
            if entry.effective_at < end and (recorded_at is None or entry.recorded_at <= recorded_at):
                order.add(entry)
        for instant, together in groupby(order, key=lambda entry: entry.effective_at):
            follower.follow(instant, together)
    cohorts = [
        Cohort(currency=currencies_of(programme)[name], month=month, **parts)
        for (name, month), parts in follower.cohorts().items()
        if any(parts.values())
    ]
    rank = {name: place for place, name in enumerate(currencies_of(programme))}
    cohorts.sort(key=lambda cohort: (rank[cohort.currency.name], cohort.month))
    return Liability(until_day=until_day, cohorts=tuple(cohorts), arrears=follower.arrears())


def opened_in(transaction: Transaction) -> Opened:
    """Give what finds the lots of opening balances in a book."""

    def lots(key: str) -> Sequence[GrantedLot]:
        grant = transaction.find_grant(key)
        return grant.lots if grant is not None else ()

    return lots


def _added(cohorts: Iterable[Cohort]) -> dict[str, int]:
    sums = dict.fromkeys(PARTS, 0)
    for cohort in cohorts:
        for part in PARTS:
            sums[part] += getattr(cohort, part)
    return sums
