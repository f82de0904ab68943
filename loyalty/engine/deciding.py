"""
Taking a decision: the holders' states at its instant, what it rests on, and its grants recorded and posted as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from loyalty.core.calendar import NEVER, format_day
from loyalty.core.holders import Holder
from loyalty.engine.histories import Histories
from loyalty.errors import InsufficientPoints, LedgerError
from loyalty.ledger.entries import Account
from loyalty.ledger.store import Grant, GrantedLot, Transaction
from loyalty.settlement.history import command_key
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Item, Outcome, advance_run, apply_item, entries_of


class Decision:
    """
    A command of one or two holders while it is decided.

    Args:
        key: The command's key, for words.
        at: UTC microseconds: when it is decided.
        recorded_at: UTC microseconds: when the book comes to know it.
        holders: Whose wallets it changes.
        may_be_closed: Whether it is one that follows a closing.

    Raises:
        LedgerError: it lies before what was settled for one of them, or one of them is closed.
    """

    def __init__(
        self,
        histories: Histories,
        tx: Transaction,
        key: str,
        at: int,
        recorded_at: int,
        holders: Sequence[Holder],
        *,
        may_be_closed: bool = False,
    ) -> None:
        self.histories = histories
        self.tx = tx
        self.at = at
        self._recorded_at = recorded_at
        self.day = histories.programme.calendar.day_of(at)
        self.runs: dict[Holder, HolderRun] = {}
        self._outcomes: list[Outcome] = []
        self._granted: dict[str, Holder] = {}
        for holder in sorted(set(holders)):
            run = histories.run(tx, holder)
            closing = run.closed_by
            if closing is not None and not may_be_closed:
                into = f" into {closing.peer}, which has its wallets now" if closing.peer is not None else ""
                raise LedgerError(
                    f"command {key}: {holder} was closed{into} by command {closing.key}; nothing is decided for it"
                )
            if command_key(at, run.commands) <= run.last_key or self.day < run.through_day:
                raise LedgerError(
                    f"command {key} of {format_day(self.day)} lies before what was settled for {holder}; "
                    "commands are never back-dated: give the instant at which it is decided"
                )
            self._outcomes += advance_run(histories.steps, run, self.day, traced=True)
            self.runs[holder] = run

    def available(self, holder: Holder, currency: str) -> int:
        """Give what is available at this instant, minor units."""
        return self.runs[holder].available(self.code(currency))

    def owed(self, holder: Holder, currency: str) -> int:
        """Give the arrears at this instant, minor units."""
        owed: int = self.runs[holder].memory.arrears[self.code(currency)]
        return owed

    def code(self, currency: str) -> int:
        """Give the number of a currency."""
        return self.histories.steps.names.assets.index(currency)

    def require(self, holder: Holder, currency: str, amount: int, what: str = "redeem") -> None:
        """
        See that so much is available.

        Raises:
            InsufficientPoints: it is not.
        """
        available = self.available(holder, currency)
        if available < amount:
            raise InsufficientPoints(str(holder), currency, amount, available, what)

    def soonest_lots(self, holder: Holder, currency: str, amount: int) -> tuple[GrantedLot, ...]:
        """Give the lots of which so much available would be taken, soonest expiry first, with when they were earned."""
        memory, c = self.runs[holder].memory, self.code(currency)
        named: list[GrantedLot] = []
        earned = self._earned(holder, currency)
        left = amount
        for day, open_amount in zip(memory.days[c], memory.amounts[c], strict=True):
            if left == 0 or day > NEVER:
                break
            part = min(left, open_amount)
            left -= part
            named += _cut(day, part, earned.get(day, []), self.at)
        return tuple(named)

    def grant(self, grant: Grant) -> None:
        """Record a decision and settle it, once; it is posted by :meth:`post`."""
        if grant.key in self._granted:
            return
        self._granted[grant.key] = grant.holder
        self.tx.add_grant(grant)
        run = self.runs[grant.holder]
        apply_item(self.histories.steps, run, Item.of_grant(grant, run.commands), self._outcomes, traced=True)

    def post(self, *grants: Grant) -> None:
        """Record these decisions and post what all of them moved, and the clock before them."""
        for grant in grants:
            self.grant(grant)
        # Of whom nothing was decided, nothing has happened either: a merged wallet with nothing in it moves none, and
        # what falls due for the other one is posted with what is recorded of it next.
        concerned = set(self._granted.values())
        for holder in concerned:
            self.histories.keep(self.tx, self.runs[holder])
        outcomes = [outcome for outcome in self._outcomes if outcome.holder in concerned]
        entries = entries_of(self.histories.steps, outcomes, recorded_at=self._recorded_at)
        self.histories.telling.post(self.tx, entries)

    def _earned(self, holder: Holder, currency: str) -> dict[int, list[tuple[int, int]]]:
        """Give the (instant of earning, minor units) of the book's lots by expiry day, what is pending included."""
        earned: dict[int, list[tuple[int, int]]] = {}
        for name in ("available", "pending"):
            for lot in self.tx.lots(Account(holder, name), currency):
                earned.setdefault(lot.expires_day, []).append((lot.earned_at, lot.remaining))
        return earned


def last_of(lots: Iterable[GrantedLot], skip: int, amount: int) -> tuple[GrantedLot, ...]:
    """
    Give the lots that make up *amount* from the end, behind the last *skip* minor units.

    >>> [lot.amount for lot in last_of([GrantedLot(1, 0, 5), GrantedLot(2, 0, 5)], skip=3, amount=4)]
    [2, 2]
    """
    chosen = []
    for lot in reversed(list(lots)):
        passed = min(skip, lot.amount)
        skip -= passed
        part = min(amount, lot.amount - passed)
        amount -= part
        if part:
            chosen.append(evolve(lot, amount=part))
    return tuple(chosen)


def _cut(day: int, amount: int, earned: list[tuple[int, int]], at: int) -> list[GrantedLot]:
    """Cut what expires on one day by when it was earned; what the book does not know yet was earned now."""
    lots: list[GrantedLot] = []
    for earned_at, open_amount in sorted(earned):
        part = min(amount, open_amount)
        if part:
            amount -= part
            lots.append(GrantedLot(day, earned_at, part))
    return [*lots, GrantedLot(day, at, amount)] if amount else lots
