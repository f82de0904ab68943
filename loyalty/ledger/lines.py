"""
A wallet's journal line by line, each with the balance that it left.

There are two orders. The order of posting is that in which balances ran; nothing that came earlier ever changes there.
The order of effect puts each line where it counts, late ones too, and by what was known at an instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

from attrs import field, frozen

from loyalty.ledger.entries import Entry, EntryKind, Posting

#: In the order of posting: how many postings of each account (by name) lie before the place.
PostedPlace: TypeAlias = Mapping[str, int]

#: In the order of effect: the instant, and the posting of that instant that lies just before the place.
EffectivePlace: TypeAlias = tuple[int, int, int]

Place = TypeVar("Place")


@frozen(kw_only=True)
class Line:
    """
    One posting to a wallet.

    Attributes:
        entry_key: The entry that it stands in.
        kind: What caused the entry.
        cause: What the line stands for: the identity of an event, ``command:`` and a key, or None for the clock.
        rule: The rule that caused it, or ``@expiry`` and the like.
        effective_at: UTC microseconds: from when it counts.
        recorded_at: UTC microseconds: when the book came to know it.
        account: The name of the wallet's account, such as ``available``.
        amount: Minor units; positive adds to the account.
        balance: The account's balance after it, in the order in which the lines stand.
        lot_day: The day at whose start the points expire, ``calendar.NEVER`` for none, None on accounts without lots.
        number: How many postings of the account were posted through this one.
        place: What orders lines of one instant: the entry's place in the journal, and the leg's in the entry.
    """

    entry_key: str
    kind: EntryKind
    cause: str | None
    rule: str | None
    effective_at: int
    recorded_at: int
    account: str
    amount: int
    balance: int
    lot_day: int | None
    number: int = field(eq=False)
    place: tuple[int, int] = field(eq=False)

    @property
    def effective_place(self) -> EffectivePlace:
        """Where it stands in the order of effect."""
        return (self.effective_at, *self.place)


@frozen(kw_only=True)
class StandingLine:
    """
    One posting to a holder's standing: a unit of a tier or a badge that came or went.

    Attributes:
        asset: ``tier.NAME`` or ``badge.NAME``.
        amount: Above 0 where it came.
        rule: The rule that caused it, such as ``@promotion``.
        cause: What it stands for: the identity of an event, or None for the clock.
        effective_at: UTC microseconds: from when it counts.
    """

    asset: str
    amount: int
    rule: str | None
    cause: str | None
    effective_at: int


@frozen
class Lines(Generic[Place]):
    """
    Some lines that follow each other.

    Attributes:
        lines: The lines.
        opening: The balance of each account before the first line; accounts that hold nothing may be left out.
        closing: The same after the last line.
        next: Where those behind them begin, None where there are none.
    """

    lines: tuple[Line, ...]
    opening: Mapping[str, int]
    closing: Mapping[str, int]
    next: Place | None


def run_on(opening: Mapping[str, int], lines: Iterable[Line]) -> dict[str, int]:
    """Give the balances after *lines*, each of which has its own."""
    return {**opening, **{line.account: line.balance for line in lines}}


def line_of(entry: Entry, posting: Posting, *, balance: int, number: int, place: tuple[int, int]) -> Line:
    """Write a posting as a line."""
    return Line(
        entry_key=entry.key,
        kind=entry.kind,
        cause=posting.cause,
        rule=posting.rule,
        effective_at=entry.effective_at,
        recorded_at=entry.recorded_at,
        account=posting.account.name,
        amount=posting.amount,
        balance=balance,
        lot_day=posting.lot_day,
        number=number,
        place=place,
    )


def posted_page(
    lines: Sequence[Line], place: PostedPlace, at_place: Mapping[str, int], limit: int, *, newest_first: bool
) -> Lines[PostedPlace]:
    """
    Make a page in the order of posting.

    Args:
        lines: Those from the place on, one more than *limit* where there are more.
        place: Where they begin.
        at_place: The balances there.
        newest_first: Whether they run against the order of posting.
    """
    shown, has_more = tuple(lines[:limit]), len(lines) > limit
    reached = {**place, **{line.account: line.number - newest_first for line in shown}}
    if not newest_first:
        return Lines(shown, at_place, run_on(at_place, shown), reached if has_more else None)
    before = dict(at_place)
    for line in shown:
        before[line.account] = line.balance - line.amount
    return Lines(shown, before, at_place, reached if has_more else None)


def effective_page(lines: Sequence[Line], opening: Mapping[str, int], limit: int) -> Lines[EffectivePlace]:
    """Make a page in the order of effect; one more line than *limit* says that there are more."""
    shown = tuple(lines[:limit])
    return Lines(shown, opening, run_on(opening, shown), shown[-1].effective_place if len(lines) > limit else None)
