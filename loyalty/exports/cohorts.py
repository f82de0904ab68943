"""
Following points by the month in which they were granted, through every place where they can be.

What leaves the lots stays known by its holder and its expiry day, so that it keeps its month when it comes back: out of
a redemption that was reversed, or out of what had expired. A transfer between holders passes through a place of its
own, which the giver's and the taker's legs share by their cause.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from attrs import Factory, define, frozen

from loyalty.core.calendar import FIRST_DAY, Calendar, month_tables
from loyalty.core.holders import Holder
from loyalty.exports.journals import local_day
from loyalty.ledger.entries import LOT_ACCOUNTS, Entry, Posting
from loyalty.ledger.store import GrantedLot
from loyalty.ledger.transfers import transfers

#: Gives the lots of an opening balance by the key of its command.
Opened: TypeAlias = Callable[[str], Sequence[GrantedLot]]

#: The parts of a cohort that are amounts: what was granted, and where it can be.
PARTS: Final = (
    "granted", "pending", "available", "held", "used", "clawed_back", "adjusted", "repaid", "expired", "forfeited",
)  # fmt: skip

#: Where points are: whose, in which account or what became of them, of which currency, expiring on which day; and of
#: those on their way from one holder to another, by which command.
_Place: TypeAlias = tuple[Holder | None, str, str, int | None, str | None]

#: What became of points that left the lots, by the account that got them; of others they were clawed back.
_SINKS: Final = {
    "redeemed": "used",
    "expired": "expired",
    "forfeited": "forfeited",
    "adjusted": "adjusted",
    "arrears": "repaid",
    "transferred": "sent",
    "opening": "opened",
}

#: What is shown under another name: what was sent and not received again, and an opening that was reversed.
_SHOWN_AS: Final = {"sent": "clawed_back", "opened": "clawed_back"}

#: Accounts from which points come back that went there before. What comes from any other is granted, unless it is a
#: reversal.
_RETURNS: Final = frozenset({"used", "expired", "repaid", "sent"})

#: What a giver's legs and a taker's share.
_ON_THEIR_WAY: Final = frozenset({"sent"})

#: Places out of which points go by age, and places out of which they come without having been granted.
_BY_AGE: Final = LOT_ACCOUNTS | _ON_THEIR_WAY
_KNOWN: Final = LOT_ACCOUNTS | _RETURNS

#: What the cause of a command's postings begins with, before the command's key.
_COMMAND: Final = "command:"

#: The rule of reversals.
_REVERSAL: Final = "@reverse"


class Follower:
    """Moves cohorts about as the entries say, all of one instant together."""

    def __init__(self, calendar: Calendar, spendable: set[str], opened: Opened | None = None) -> None:
        self._calendar = calendar
        self._opened = opened
        self._spendable = spendable
        self._piles: dict[_Place, _Pile] = defaultdict(_Pile)
        self._sinks: dict[tuple[object, ...], dict[_Place, None]] = defaultdict(dict)
        self._owed: dict[str, int] = defaultdict(int)
        self._month_of_day = month_tables()[0]

    def follow(self, instant_us: int, entries: Iterable[Entry]) -> None:
        """Move what the entries of one instant move."""
        moves = self._net(entries)
        if not moves:
            return
        month = self._month_of_day[local_day(self._calendar, instant_us, "an entry") - FIRST_DAY]
        while moves:
            # Points may pass through a place within the instant: what finds too little waits for the others.
            waiting = [move for move in moves if not self._carry(move, month)]
            if len(waiting) == len(moves):
                self._overdraw(waiting.pop(0), month)
            moves = waiting

    def cohorts(self) -> dict[tuple[str, int], dict[str, int]]:
        """Give the parts of each cohort by currency and month."""
        found: dict[tuple[str, int], dict[str, int]] = defaultdict(lambda: dict.fromkeys(PARTS, 0))
        for (_, name, currency, _, _), pile in self._piles.items():
            for month, amount in pile.months.items():
                found[currency, month][_SHOWN_AS.get(name, name)] += amount
                found[currency, month]["granted"] += amount
        return found

    def arrears(self) -> dict[str, int]:
        """Give what holders owe, by currency."""
        return {currency: -amount for currency, amount in self._owed.items() if amount}

    def _net(self, entries: Iterable[Entry]) -> list[_Move]:
        """Give what the transfers of an instant come to; a correction cancels what it takes back."""
        nets: dict[tuple[_Place, _Place, str | None, str | None], int] = {}
        for entry in entries:
            postings = [posting for posting in entry.postings if posting.asset in self._spendable]
            for posting in postings:
                if posting.account.name == "arrears":
                    self._owed[posting.asset] += posting.amount
            for debit, credit, amount in transfers(postings):
                if debit.lot_day is None and credit.lot_day is None:
                    continue
                giver, getter = _place(debit, credit), _place(credit, debit)
                way, back = (giver, getter, credit.rule, credit.cause), (getter, giver, credit.rule, credit.cause)
                if back in nets:
                    nets[back] -= amount
                else:
                    nets[way] = nets.get(way, 0) + amount
        moves = []
        for (giver, getter, rule, cause), amount in nets.items():
            if amount:
                ends = (giver, getter) if amount > 0 else (getter, giver)
                comes_back = ends[0][1] in _KNOWN or rule == _REVERSAL
                moves.append(_Move(*ends, abs(amount), is_grant=not comes_back, cause=cause))
        return moves

    def _carry(self, move: _Move, month: int) -> bool:
        if move.is_grant:
            for earned_month, part in self._earned(move, month):
                self._put(move.getter, earned_month, part)
            return True
        pile = self._piles[move.giver]
        if pile.total < move.amount:
            return False
        # Lots are consumed oldest first; what comes back out of a redemption is what went there last.
        newest_first = move.giver[1] not in _BY_AGE
        for taken_month, part in pile.take(move.amount, newest_first=newest_first):
            self._put(move.getter, taken_month, part)
        return True

    def _earned(self, move: _Move, month: int) -> Iterator[tuple[int, int]]:
        """Give what is granted by the month in which it was earned: long ago, for lots of an opening balance."""
        left = move.amount
        if move.giver[1] == "opened" and self._opened is not None:
            for lot in self._opened((move.cause or "").removeprefix(_COMMAND)):
                part = min(left, lot.amount) if lot.expires_day == move.getter[3] else 0
                if part:
                    day = local_day(self._calendar, lot.earned_at, f"a lot of {move.cause}")
                    yield self._month_of_day[day - FIRST_DAY], part
                left -= part
        if left:
            yield month, left

    def _overdraw(self, move: _Move, month: int) -> None:
        """
        Carry what cannot be found where it should be.

        What comes back may have another expiry day than it had before. Whatever is missing then is owed by the month
        of the entry, so that every sum stays that of the accounts; only what one holder sent without having it is new.
        """
        places = [move.giver]
        if move.giver[1] not in LOT_ACCOUNTS:
            places += [place for place in reversed(self._sinks[_sink(move.giver)]) if place != move.giver]
        missing = move.amount
        for place in places:
            for taken_month, part in self._piles[place].take(missing, newest_first=True):
                self._put(move.getter, taken_month, part)
                missing -= part
        if missing:
            if move.giver[1] not in _ON_THEIR_WAY:
                self._put(move.giver, month, -missing)
            self._put(move.getter, month, missing)

    def _put(self, place: _Place, month: int, amount: int) -> None:
        if place[1] not in LOT_ACCOUNTS:
            # The one that got something last stands last.
            days = self._sinks[_sink(place)]
            days.pop(place, None)
            days[place] = None
        self._piles[place].put(month, amount)


@define(eq=False)
class _Pile:
    """What is in one place, by the month in which it was granted."""

    months: dict[int, int] = Factory(dict)
    total: int = 0

    def put(self, month: int, amount: int) -> None:
        self.months[month] = self.months.get(month, 0) + amount
        self.total += amount

    def take(self, amount: int, *, newest_first: bool) -> list[tuple[int, int]]:
        """Take up to *amount*, and give it by month."""
        taken = []
        for month in sorted(self.months, reverse=newest_first):
            part = min(amount, self.months[month])
            if part > 0:
                self.put(month, -part)
                if not self.months[month]:
                    del self.months[month]
                taken.append((month, part))
                amount -= part
        return taken


@frozen(eq=False)
class _Move:
    """An amount on its way from one place to another; what is granted comes from nowhere."""

    giver: _Place
    getter: _Place
    amount: int
    is_grant: bool
    cause: str | None


def _place(posting: Posting, other: Posting) -> _Place:
    """Give where a leg of a transfer stands; what leaves the lots stays known by its holder and its expiry day."""
    account = posting.account
    if posting.lot_day is not None:
        return account.owner, account.name, posting.asset, posting.lot_day, None
    name = _SINKS.get(account.name, "clawed_back")
    if name in _ON_THEIR_WAY:
        # The giver's legs and the taker's are of one command.
        return None, name, posting.asset, other.lot_day, posting.cause
    return other.account.owner, name, posting.asset, other.lot_day, None


def _sink(place: _Place) -> tuple[object, ...]:
    """Give a place without its expiry day."""
    owner, name, currency, _, cause = place
    return owner, name, currency, cause
