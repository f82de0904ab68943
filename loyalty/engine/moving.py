"""Commands of two wallets, and of a wallet's end: transfers, and partners that are merged or closed."""

from __future__ import annotations

from loyalty.core.holders import Holder
from loyalty.engine.arguments import holder_of, text_of
from loyalty.engine.asking import Asking, Instant, note_of, require_amount
from loyalty.engine.closing import closing_grants
from loyalty.engine.deciding import Decision
from loyalty.engine.groups import require_group
from loyalty.engine.receipts import Receipt
from loyalty.errors import LedgerError, UsageError
from loyalty.ledger.store import Grant, Transaction
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.commands import FORFEIT, MATURE, PENDING_NOTE


class Moving(Asking):
    """What an engine decides about wallets that change hands."""

    def transfer(
        self,
        giver: Holder | str,
        taker: Holder | str,
        currency: str,
        amount: int,
        *,
        key: str,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Move available points to another holder's wallet, the soonest expiry first; they keep their expiry days.

        Args:
            giver: Whose they are.
            taker: Whose they become; one of the group that the currency's ``transfer`` declares.
            currency: A spendable currency of the programme.
            amount: Minor units, > 0.
            key: The command's idempotency key; the same command again changes nothing.
            at: UTC microseconds, an ISO time or an aware datetime, not before anything settled for either; now by
                default.
            note: A reason, kept with the grant.

        Raises:
            InsufficientPoints: less is available; nothing was changed.
            LedgerError: points may not move between these two, the key is another command's, *at* lies in the past, or
                one of them is closed.
            UsageError: an argument is of another kind.
        """
        self._require_spendable(currency, "transferred")
        require_amount(amount, "a transfer")
        source, target, at_us, kept = holder_of(giver), holder_of(taker), self._instant(at), note_of(note)
        text_of(key, "a command's key")

        def granted(decision: Decision) -> list[Grant]:
            require_group(decision.tx, currencies_of(self.programme)[currency], source, target)
            decision.require(source, currency, amount, "transfer")
            lots = decision.soonest_lots(source, currency, amount)
            return [
                Grant(
                    key=key, kind="send", holder=source, currency=currency, amount=amount, at=at_us, peer=target,
                    lots=lots, note=kept,
                ),
                Grant(
                    key=f"{key}@{target}", kind="receive", holder=target, currency=currency, amount=amount, at=at_us,
                    of=key, peer=source, lots=lots,
                ),
            ]  # fmt: skip

        asked = {"holder": source, "currency": currency, "amount": amount, "peer": target, "note": kept}
        holders = sorted({source, target})
        return self._change(lambda tx: self._decide(tx, key, ["send"], asked, holders, at_us, granted), holders=holders)

    def merge(
        self,
        source: Holder | str,
        target: Holder | str,
        *,
        key: str,
        pending: str | None = None,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Move all wallets of one holder to another, and close the first.

        Lots keep their expiry days, and arrears are owed by the other then. The tier, badges and metrics of either stay
        what they are. What a refund or a late event posts for the closed holder afterwards is moved on as it comes.

        Args:
            source: Who is closed, a partner or a person.
            target: Who has the wallets then, of the same layer.
            key: The command's idempotency key; the same command again changes nothing.
            pending: What becomes of what is pending: ``mature`` makes it available at once and moves it, ``forfeit``
                takes it. It must be said where anything is pending.
            at: As for :meth:`transfer`.
            note: A reason, kept with the grant.

        Raises:
            LedgerError: one of them is closed, holds are open, something is pending and nothing was said, or as for
                :meth:`transfer`.
            UsageError: an argument is of another kind.
        """
        closed, into = holder_of(source), holder_of(target)
        if closed == into or closed.layer is not into.layer:
            raise UsageError(f"got {closed} to merge into {into}; name two partners, or two persons")
        if pending not in (None, MATURE, FORFEIT):
            raise UsageError(f"got {pending!r} for what is pending; write {MATURE!r} or {FORFEIT!r}")
        return self._close(closed, into, key, pending, True, at, note)

    def close(
        self, holder: Holder | str, *, key: str, forfeit: bool = False, at: Instant = None, note: str = ""
    ) -> Receipt:
        """
        Close a holder: events and commands are refused from then on, but for refunds of what came before.

        Args:
            holder: Who is closed.
            key: The command's idempotency key; the same command again changes nothing.
            forfeit: Whether what is available or pending is forfeited, and what is owed written off; a holder that has
                any of it is not closed without.
            at: As for :meth:`transfer`.
            note: A reason, kept with the grant.

        Raises:
            LedgerError: it is closed already, holds are open, something is left and may not be forfeited, or as for
                :meth:`transfer`.
            UsageError: an argument is of another kind.
        """
        return self._close(holder_of(holder), None, key, FORFEIT if forfeit else None, forfeit, at, note)

    def _close(
        self,
        closed: Holder,
        into: Holder | None,
        key: str,
        pending: str | None,
        may_empty: bool,
        at: Instant,
        note: str,
    ) -> Receipt:
        text_of(key, "a command's key")
        at_us = self._instant(at)
        # A closed holder's pending points of events that come late go the same way.
        kept = {**note_of(note), PENDING_NOTE: pending or (MATURE if into is not None else FORFEIT)}
        holders = [closed] if into is None else sorted((closed, into))

        def granted(decision: Decision) -> list[Grant]:
            run = decision.runs[closed]
            open_holds = run.open_holds()
            if open_holds:
                raise LedgerError(f"{closed} has open holds: {', '.join(open_holds)}; capture or release them first")
            left = _left_words(decision, closed)
            if left and not may_empty:
                raise LedgerError(f"{closed} still has {left}; pass forfeit=True to have it forfeited and written off")
            if pending is None and run.pending():
                raise LedgerError(
                    f"{closed} still has {left}; pass pending='{MATURE}' to have what is pending made available and "
                    f"moved, or pending='{FORFEIT}' to have it forfeited"
                )
            return closing_grants(decision, closed, into, key, kept)

        # Which holder a merging goes to is part of the command; that none was named is so too.
        asked = {"holder": closed, "note": kept, "kind": "close"}

        def work(tx: Transaction) -> Receipt:
            known = tx.find_grant(key)
            if known is not None and known.peer != into:
                raise self._given_before(known)
            return self._decide(tx, key, ["close"], asked, holders, at_us, granted)

        return self._change(work, holders=holders)


def _left_words(decision: Decision, holder: Holder) -> str:
    """Say what a holder has in its wallets, or nothing."""
    run = decision.runs[holder]
    waiting = run.pending()
    parts = []
    for name in currencies_of(decision.histories.programme):
        for amount, what in (
            (decision.available(holder, name), "available"),
            (waiting.get(name, 0), "pending"),
            (decision.owed(holder, name), "owed"),
        ):
            if amount:
                parts.append(f"{amount} {name} {what}")
    return ", ".join(parts) + " (minor units)" if parts else ""
