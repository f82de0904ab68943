"""Commands that put a wallet right: adjustments by hand, opening balances, and reversals of other commands."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.core.calendar import FIRST_DAY
from loyalty.core.holders import Holder
from loyalty.engine.arguments import holder_of, instant_of, text_of
from loyalty.engine.asking import Asking, Day, Instant, note_of, require_amount, require_usable
from loyalty.engine.deciding import Decision, last_of
from loyalty.engine.receipts import Receipt
from loyalty.errors import LedgerError, UsageError
from loyalty.ledger.entries import EntryKind
from loyalty.ledger.store import Grant, GrantedLot, Transaction
from loyalty.settlement.commands import CLOSING_NOTE, entry_key_of
from loyalty.settlement.state import expiry_table

#: What a reversal of each kind of grant is: what was taken is restored, what was paid in is revoked.
_REVERSED_BY = {
    "redeem": "restore", "capture": "restore", "debit": "restore", "send": "restore",
    "credit": "revoke", "open": "revoke",
}  # fmt: skip

#: What to do instead where a kind cannot be reversed.
_INSTEAD = {
    "hold": "release it",
    "release": "hold the points again",
    "restore": "give the command again under a key of its own",
    "revoke": "give the command again under a key of its own",
    "receive": "reverse the transfer by its own key",
}


class Adjusting(Asking):
    """What an engine decides about points by hand."""

    def adjust(
        self,
        holder: Holder | str,
        currency: str,
        amount: int,
        *,
        key: str,
        reason: str,
        actor: str,
        expires: Day | None = None,
        arrears: bool = False,
        at: Instant = None,
    ) -> Receipt:
        """
        Add or take points by hand; they count in no metric.

        Args:
            holder: Whose.
            currency: Any currency of the programme.
            amount: Minor units; above 0 they are added, below 0 taken, the soonest expiry first.
            key: The command's idempotency key; the same command again changes nothing.
            reason: Why, for whoever reads the book.
            actor: Who decided it.
            expires: The day at whose start added points expire; as what is earned on that day, unless given.
            arrears: Whether what is not there is owed; it is refused otherwise.
            at: UTC microseconds, an ISO time or an aware datetime, not before anything settled for the holder; now by
                default.

        Raises:
            InsufficientPoints: less is available than was to be taken; nothing was changed.
            LedgerError: the currency is unknown, the key is another command's, *at* lies in the past, the points would
                have expired, or the holder is closed.
            UsageError: an argument is of another kind.
        """
        self._require_currency(currency)
        if type(amount) is not int or not 0 < abs(amount) <= MAX_AMOUNT:
            raise LedgerError(
                f"an adjustment of {amount!r}: write a whole number of minor units, not 0, at most {MAX_AMOUNT} either "
                "way"
            )
        if amount < 0 and expires is not None:
            raise LedgerError("an adjustment below 0 takes the soonest expiry first; leave `expires` out")
        owner, at_us = holder_of(holder), self._instant(at)
        day = self.programme.calendar.day_of(at_us)
        expires_day = expiry_table(self.programme, currency)[day - FIRST_DAY]
        if expires is not None:
            expires_day = self._expiry_day(expires)
        grant = Grant(
            key=text_of(key, "a command's key"), kind="credit" if amount > 0 else "debit", holder=owner,
            currency=currency, amount=abs(amount), at=at_us,
            lots=(GrantedLot(expires_day, at_us, amount),) if amount > 0 else (),
            note={"reason": text_of(reason, "a reason"), "actor": text_of(actor, "an actor")},
        )  # fmt: skip

        def granted(decision: Decision) -> list[Grant]:
            require_usable(grant.lots, decision.day)
            if amount < 0 and not arrears:
                decision.require(owner, currency, -amount, "take")
            return [grant]

        def same(known: Grant) -> bool:
            return expires is None or known.lots[0].expires_day == expires_day

        asked = {"holder": owner, "currency": currency, "amount": abs(amount), "note": grant.note}
        return self._change(
            lambda tx: self._decide(tx, key, [grant.kind], asked, [owner], at_us, granted, same), holders=[owner]
        )

    def open(
        self,
        holder: Holder | str,
        currency: str,
        lots: Sequence[tuple[Day | None, Instant, int]],
        *,
        key: str,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Import an opening balance with its lots; they count in no metric.

        Args:
            holder: Whose.
            currency: Any currency of the programme.
            lots: For each the day at whose start it expires (None for never), when it was earned (an instant), and its
                minor units, > 0.
            key: The command's idempotency key; the same command again changes nothing.
            at: As for :meth:`adjust`.
            note: A reason, kept with the grant.

        Raises:
            LedgerError: there are no lots, one has expired or was earned later, or as for :meth:`adjust`.
            UsageError: an argument is of another kind.

        >>> from loyalty import Engine, MemoryStore, loads
        >>> from loyalty.settlement.settle import EXAMPLE
        >>> engine = Engine(loads(EXAMPLE), MemoryStore())
        >>> opened = engine.open("partner:acme", "points", [(None, "2025-04-01", 70)], key="O-1", at="2026-01-01")
        >>> engine.statement("partner:acme", "2026-01-02").balances
        {('available', 'points'): 70}
        """
        self._require_currency(currency)
        owner, at_us, calendar = holder_of(holder), self._instant(at), self.programme.calendar
        read = []
        for expires, earned, amount in _three_of_each(lots):
            require_amount(amount, "a lot of an opening balance")
            expires_day = self._expiry_day(expires)
            earned_at = at_us if earned is None else instant_of(earned, calendar)
            if earned_at > at_us:
                raise LedgerError(f"a lot earned at {earned} is opened before that; give the instant of its earning")
            read.append(GrantedLot(expires_day, earned_at, amount))
        if not read:
            raise LedgerError(f"command {key} opens nothing; give at least one lot")
        grant = Grant(
            key=text_of(key, "a command's key"), kind="open", holder=owner, currency=currency,
            amount=sum(lot.amount for lot in read), at=at_us, lots=tuple(read), note=note_of(note),
        )  # fmt: skip

        def granted(decision: Decision) -> list[Grant]:
            require_usable(grant.lots, decision.day)
            return [grant]

        def same(known: Grant) -> bool:
            given = [earned is not None for _, earned, _ in _three_of_each(lots)]
            return len(known.lots) == len(read) and all(
                (lot.expires_day, lot.amount, lot.earned_at if is_given else other.earned_at)
                == (other.expires_day, other.amount, other.earned_at)
                for lot, other, is_given in zip(read, known.lots, given, strict=True)
            )

        asked = {"holder": owner, "currency": currency, "note": grant.note}
        return self._change(
            lambda tx: self._decide(tx, key, ["open"], asked, [owner], at_us, granted, same), holders=[owner]
        )

    def reverse(
        self,
        of: str,
        amount: int | None = None,
        *,
        key: str,
        arrears: bool = False,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Take back a redemption, a capture, an adjustment, a transfer or an opening balance, in part or whole.

        What was taken goes back into the lots that it came from, the soonest expiry last, and first repays arrears;
        what expired meanwhile follows the currency's ``returns``. What was paid in is taken again, from its own lots
        first. A transfer's taker gives it back so.

        Args:
            of: The key of the command.
            amount: Minor units, > 0; all that was not reversed yet by default.
            key: This command's own key.
            arrears: Whether what is to be taken and is not there is owed; it is refused otherwise.
            at: As for :meth:`adjust`.
            note: A reason, kept with the grant.

        Raises:
            InsufficientPoints: what was paid in is not available any more; nothing was changed.
            LedgerError: *of* is no such command, less of it is left, or as for :meth:`adjust`.
            UsageError: an argument is of another kind.
        """
        text_of(of, "the key of what is reversed")
        if amount is not None:
            require_amount(amount, "a reversal")
        at_us, kept = self._instant(at), note_of(note)

        def work(tx: Transaction) -> Receipt:
            original = _reversible(tx, of)
            kind = _REVERSED_BY[original.kind]
            taker = original.peer if original.kind == "send" else None
            holders = [original.holder] if taker is None else [original.holder, taker]
            tx.expect(holders=sorted(holders))
            asked = {"of": original.key, "amount": amount, "note": kept}

            def granted(decision: Decision) -> list[Grant]:
                left, already = _left(decision, original)
                taken = left if amount is None else amount
                if taken > left or left == 0:
                    raise LedgerError(
                        f"command {key}: {left} {original.currency} (minor units) of {original.key} can still be "
                        f"reversed, not {amount if amount is not None else 'more'}"
                    )
                giver = original.holder if kind == "revoke" else taker
                if giver is not None and not arrears:
                    decision.require(giver, original.currency, taken, "give back")
                lots = last_of(original.lots, already, taken)
                reversal = Grant(
                    key=key, kind=kind, holder=original.holder, currency=original.currency, amount=taken, at=at_us,
                    of=original.key, final=taken == left, peer=taker, lots=lots if kind == "revoke" else (), note=kept,
                )  # fmt: skip
                if taker is None:
                    return [reversal]
                given = Grant(
                    key=f"{key}@{taker}", kind="send", holder=taker, currency=original.currency, amount=taken,
                    at=at_us, of=key, peer=original.holder, lots=lots,
                )  # fmt: skip
                return [reversal, given]

            return self._decide(tx, key, [kind], asked, holders, at_us, granted)

        return self._change(work)


def _three_of_each(lots: object) -> list[tuple[Day | None, Instant, int]]:
    """Take lots as they are given: for each its expiry, its instant of earning and its amount."""
    if isinstance(lots, list | tuple) and all(isinstance(lot, list | tuple) and len(lot) == 3 for lot in lots):
        return [(lot[0], lot[1], lot[2]) for lot in lots]
    raise UsageError(f"got {lots!r} for lots; write a list of (day of expiry or None, instant of earning, amount)")


def _left(decision: Decision, original: Grant) -> tuple[int, int]:
    """Give how much of a command can still be reversed, and how much was."""
    if _REVERSED_BY[original.kind] == "restore":
        left = decision.runs[original.holder].left(original.key)
    else:
        revoked = (grant.amount for grant in decision.tx.grants_of(original.key) if grant.kind == "revoke")
        left = original.amount - sum(revoked)
    return left, original.amount - left


def _reversible(tx: Transaction, of: str) -> Grant:
    """Give the command of this key, or of this entry, if it can be reversed."""
    grant = tx.find_grant(of) or tx.find_grant(of.removeprefix(entry_key_of("")))
    if grant is None:
        entry = tx.find_entry(of)
        if entry is not None and entry.kind is EntryKind.TIMER:
            why = "what the clock posted follows from the declaration and the history: change what it follows from"
        elif entry is not None or tx.find_event(of) is not None:
            why = "what an event earned is taken back by an event: send a void of it, or a refund"
        else:
            why = "no command has this key: name a redemption, a capture, an adjustment, a transfer or an opening"
        raise LedgerError(f"{of} cannot be reversed; {why}")
    if grant.kind not in _REVERSED_BY or CLOSING_NOTE in grant.note or (grant.kind == "send" and grant.of is not None):
        what = "part of a closing or of a reversal" if grant.kind in ("send", "forfeit", "write_off") else grant.kind
        instead = _INSTEAD.get(grant.kind, "adjust the wallets by hand instead")
        raise LedgerError(f"{of} cannot be reversed: it is a {what}; {instead}")
    return grant
