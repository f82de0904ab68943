"""What all commands share: how arguments are read, and how a command that is given twice is known again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.core.calendar import NEVER, format_day
from loyalty.core.holders import Holder
from loyalty.engine.arguments import day_of, instant_of, text_of
from loyalty.engine.deciding import Decision
from loyalty.engine.receipts import Receipt
from loyalty.engine.working import Working
from loyalty.errors import LedgerError
from loyalty.explaining.entries import explain_command
from loyalty.explaining.words import amount_words
from loyalty.ledger.store import Grant, GrantedLot, Transaction
from loyalty.programme.revisions import currencies_of, currency_of
from loyalty.settlement.commands import command_of, entry_key_of

#: An instant as hosts give it; None is now.
Instant = int | str | datetime | None

#: A day as hosts give it.
Day = int | str | date

_Result = TypeVar("_Result")


class Asking(Working):
    """The part of an engine that its commands are written with."""

    def _decide(
        self,
        tx: Transaction,
        key: str,
        kinds: Sequence[str],
        asked: Mapping[str, Any],
        holders: Sequence[Holder],
        at: int,
        grants: Callable[[Decision], Sequence[Grant]],
        same: Callable[[Grant], bool] = lambda _: True,
    ) -> Receipt:
        """
        Decide a command, or give the receipt of the first time where it was given before.

        Args:
            kinds: What its first grant can be.
            asked: What the same command has in common with its first grant; None stands for what may differ.
            holders: Whose wallets it changes.
            at: UTC microseconds.
            grants: Gives the decisions, the first of which has the key, or raises.
            same: Looks at what else the first grant has in common with the same command.
        """
        known = tx.find_grant(text_of(key, "a command's key"))
        if known is None:
            decision = Decision(self._histories, tx, key, at, self._clock(), holders)
            known, *parts = grants(decision)
            decision.post(known, *parts)
        elif (
            known.kind not in kinds
            or any(value is not None and getattr(known, name) != value for name, value in asked.items())
            or not same(known)
        ):
            raise self._given_before(known)
        return self._command_receipt(tx, known)

    def _given_before(self, known: Grant) -> LedgerError:
        """Say what a key stands for already that another command was given with."""
        amount = f" of {amount_words(self.programme, known.currency, known.amount)}" if known.currency else ""
        peer = f" and {known.peer}" if known.peer is not None else ""
        at = self.programme.calendar.local(known.at).isoformat()
        return LedgerError(
            f"command {known.key} was given before as another one, a {known.kind}{amount} for {known.holder}{peer} at "
            f"{at}; use a key of its own"
        )

    def _command_receipt(self, tx: Transaction, grant: Grant) -> Receipt:
        command = command_of(grant)
        entries = tuple(tx.entries(cause=entry_key_of(command)))
        grants = (grant, *(part for part in tx.grants_of(command) if command_of(part) == command))
        # The receipt answers by what its entries recorded, long after the host's session is closed.
        return Receipt(command, entries, False, lambda _: explain_command(self.programme, grants, entries))

    def _instant(self, at: Instant) -> int:
        return self._clock() if at is None else instant_of(at, self.programme.calendar)

    def _expiry_day(self, expires: Day | None) -> int:
        """Take the day at whose start points expire; None is never."""
        if expires is None or (type(expires) is int and expires == NEVER):
            return NEVER
        return day_of(expires, self.programme.calendar)

    def _require_currency(self, currency: str) -> None:
        if currency not in currencies_of(self.programme):
            known = ", ".join(currencies_of(self.programme))
            raise LedgerError(f"{currency!r} is no currency of the programme; its currencies are {known}")

    def _require_spendable(self, currency: str, what: str) -> None:
        declared = currency_of(self.programme, currency)
        if declared is None or not declared.spendable:
            spendable = ", ".join(c.name for c in currencies_of(self.programme).values() if c.spendable)
            raise LedgerError(f"{currency!r} cannot be {what}; spendable currencies are {spendable}")


def require_usable(lots: Sequence[GrantedLot], today: int) -> None:
    """
    See that points that are paid in have not expired.

    Raises:
        LedgerError: their expiry day has come.
    """
    for lot in lots:
        if lot.expires_day <= today:
            raise LedgerError(
                f"points that expire on {format_day(lot.expires_day)} are gone on {format_day(today)} already; give a "
                "later day, or leave them out"
            )


def require_amount(amount: object, what: str) -> None:
    """
    See that an amount can be asked for.

    Raises:
        LedgerError: it is no whole number above 0, or more than any posting moves.
    """
    if type(amount) is not int or not 0 < amount <= MAX_AMOUNT:
        raise LedgerError(f"{what} of {amount!r}: write a whole number of minor units above 0, at most {MAX_AMOUNT}")


def note_of(note: str) -> dict[str, str]:
    """Give a grant's note of a text that may be empty."""
    return {"note": text_of(note, "a note")} if note else {}
