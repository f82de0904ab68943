"""
What a store keeps of each holder, to be settled again: its history, and what was moved for it.

A movement is two consecutive postings of an entry, out of one account and into the other. What a holder's entries
moved is kept as sums, since corrections take back what they correct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from attrs import frozen

from loyalty.core.calendar import NEVER
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Entry, EntryKind
from loyalty.ledger.store import Grant, Received, Transaction

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Move(NamedTuple):
    """
    What makes two movements of a holder the same: all but the amount.

    Attributes:
        entry_key: The entry's.
        cause: The identity of the event or the key of the command that it stands for; None for the clock's.
        rule: The rule that caused it.
        first, second: The names of the accounts that it runs between, those of the programme behind ``programme/``; the
            holder's come first, and of two of them the first in the alphabet. An amount above 0 runs to the second.
        asset: Of what.
        lot_day: The expiry day of what it moves, NEVER where neither account keeps lots.
        effective_at: UTC microseconds.
    """

    entry_key: str
    cause: str | None
    rule: str
    first: str
    second: str
    asset: str
    lot_day: int
    effective_at: int


@frozen(eq=False)
class Kept:
    """
    What a store keeps of one holder.

    Attributes:
        received: Its events, in order of acceptance.
        grants: Its decisions, in order of recording.
        told: For each event of a partner, the persons whom it reached too, with what it brought them.
        moved: What its entries moved, without what sums to 0.
        is_corrected: Whether some of them are corrections, so that movements are compared across entries.
        last_effective_at: The latest effective instant of its entries, UTC microseconds, or None.
        clock_day: The day that its own clock has reached, where an advance took it further than the book's; or None.
        programme_legs: How many of its movements had the programme on the other side.
    """

    holder: Holder
    received: Sequence[Received]
    grants: Sequence[Grant]
    told: Mapping[str, Sequence[tuple[Holder, Mapping[str, int]]]]
    moved: Mapping[tuple[Any, ...], int]
    is_corrected: bool
    last_effective_at: int | None
    programme_legs: int
    clock_day: int | None = None


@runtime_checkable
class KeepsInBulk(Protocol):
    """What the transaction of a store can do besides that reads many holders faster than one by one."""

    def spans(self) -> list[tuple[int, int]]:
        """Divide the holders into spans that :meth:`kept` takes."""

    def kept(self, span: tuple[int, int]) -> Iterator[Kept]:
        """Give what is kept of each holder of a span that has anything."""

    def unreached(self) -> Iterator[Received]:
        """Give the events that are in nobody's history."""

    def count_programme_legs(self) -> int:
        """Give how many postings the programme's accounts have."""

    def keys_without_holder(self) -> Iterator[str]:
        """Give the keys of entries with two consecutive postings that are both the programme's."""


@runtime_checkable
class SharesWork(Protocol):
    """What a store can do besides that other processes can read."""

    def share(
        self,
        transaction: Any,
        given: Any,
        tasks: Sequence[_Task],
        work: Callable[[Any, Any, _Task], _Result],
        jobs: int,
    ) -> list[_Result] | None:
        """
        Have processes do tasks, each in a transaction that sees what *transaction* sees.

        Args:
            given: What every process gets once.
            work: A function of a module, called in the processes with their transaction, what was given, and a task.
            jobs: How many processes.

        Returns:
            The results in the order of the tasks; None where processes cannot reach the book, or it was written to.
        """


def kept_of(transaction: Transaction, holders: Iterable[Holder]) -> Iterator[Kept]:
    """Give what any store keeps of holders, one by one."""
    for holder in holders:
        entries = list(transaction.entries(holder=holder))
        received = transaction.received(holder)
        moved: dict[tuple[Any, ...], int] = {}
        programme_legs = 0
        for move, amount in moves_of(entries, holder):
            moved[move] = moved.get(move, 0) + amount
            programme_legs += move.second.startswith("programme/")
        yield Kept(
            holder=holder,
            received=received,
            grants=transaction.grants(holder),
            told=_told(transaction, received) if holder.layer is Layer.PARTNER else {},
            moved={move: amount for move, amount in moved.items() if amount},
            is_corrected=any(entry.kind is EntryKind.CORRECTION for entry in entries),
            last_effective_at=max((entry.effective_at for entry in entries), default=None),
            programme_legs=programme_legs,
            clock_day=transaction.clock_day(holder),
        )


def moves_of(entries: Iterable[Entry], holder: Holder) -> Iterator[tuple[Move, int]]:
    """Give what entries moved for a holder, each with its amount, in order."""
    for entry in entries:
        for one, other in zip(entry.postings[::2], entry.postings[1::2], strict=False):
            if holder not in (one.account.owner, other.account.owner):
                continue
            first, second = sorted((one, other), key=lambda leg: (leg.account.owner is None, leg.account.name))
            lots = [leg.lot_day for leg in (one, other) if leg.lot_day is not None]
            name = second.account.name if second.account.owner is not None else f"programme/{second.account.name}"
            yield (
                Move(
                    entry.key, one.cause, one.rule or "", first.account.name, name, one.asset,
                    lots[0] if lots else NEVER, entry.effective_at,
                ),
                second.amount,
            )  # fmt: skip


def _told(
    transaction: Transaction, received: Sequence[Received]
) -> Mapping[str, Sequence[tuple[Holder, Mapping[str, int]]]]:
    told: dict[str, list[tuple[Holder, Mapping[str, int]]]] = {}
    brought: dict[Holder, Mapping[str, Mapping[str, int]]] = {}
    for item in received:
        identity = item.recorded.event.identity
        for person in transaction.recipients(identity):
            if person.layer is Layer.PARTNER:
                continue
            if person not in brought:
                brought[person] = {
                    other.recorded.event.identity: other.inputs for other in transaction.received(person)
                }
            told.setdefault(identity, []).append((person, brought[person][identity]))
    return told
