"""Commands that spend: redeem at once, or hold first, and then capture or release."""

from __future__ import annotations

from loyalty.core.holders import Holder
from loyalty.engine.arguments import day_of, holder_of, text_of
from loyalty.engine.asking import Asking, Day, Instant, note_of, require_amount
from loyalty.engine.deciding import Decision
from loyalty.engine.receipts import Receipt
from loyalty.errors import LedgerError
from loyalty.ledger.store import Grant, Transaction


class Spending(Asking):
    """What an engine decides about points that are to be spent."""

    def redeem(
        self, holder: Holder | str, currency: str, amount: int, *, key: str, at: Instant = None, note: str = ""
    ) -> Receipt:
        """
        Redeem available points, the soonest expiry first.

        Args:
            holder: Whose.
            currency: A spendable currency of the programme.
            amount: Minor units, > 0.
            key: The command's idempotency key; the same command again changes nothing.
            at: UTC microseconds, an ISO time or an aware datetime, not before anything settled for the holder; now by
                default.
            note: A reason, kept with the grant.

        Raises:
            InsufficientPoints: less is available; nothing was changed.
            LedgerError: the currency cannot be spent, the key is another command's, *at* lies in the past, or the
                holder is closed.
            UsageError: an argument is of another kind.
        """
        self._require_spendable(currency, "redeemed")
        require_amount(amount, "a redemption")
        return self._draw("redeem", holder_of(holder), currency, amount, key, at, note, None)

    def hold(
        self,
        holder: Holder | str,
        currency: str,
        amount: int,
        *,
        key: str,
        until: Day | None = None,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Reserve available points, the soonest expiry first; they do not expire while they are held.

        Args:
            until: The day at whose start the clock releases what is left, or None; a day number, an ISO date, a date,
                or a datetime (its day in the programme's zone).

        The other arguments and the errors are those of :meth:`redeem`; besides, LedgerError where *until* is no day
        after that of *at*.
        """
        self._require_spendable(currency, "held")
        require_amount(amount, "a hold")
        until_day = None if until is None else day_of(until, self.programme.calendar)
        return self._draw("hold", holder_of(holder), currency, amount, key, at, note, until_day)

    def capture(
        self,
        hold: str,
        amount: int | None = None,
        *,
        key: str,
        final: bool = False,
        at: Instant = None,
        note: str = "",
    ) -> Receipt:
        """
        Redeem what a hold keeps, in part or whole, the soonest expiry first.

        Args:
            hold: The key of the hold.
            amount: Minor units, > 0; all that is left by default.
            key: This command's own key.
            final: Whether what is left then is released at once; otherwise it stays held.
            at: As for :meth:`redeem`.
            note: A reason, kept with the grant.

        Raises:
            LedgerError: there is no such hold, it has ended, less of it is left, or as for :meth:`redeem`.
            UsageError: an argument is of another kind.
        """
        return self._carry_on("capture", hold, amount, key, at, note, final)

    def release(self, hold: str, amount: int | None = None, *, key: str, at: Instant = None, note: str = "") -> Receipt:
        """
        Give back what a hold keeps, in part or whole, the soonest expiry last.

        It first repays arrears. What expired meanwhile follows the currency's ``returns``. Arguments and errors are
        those of :meth:`capture`.
        """
        return self._carry_on("release", hold, amount, key, at, note, False)

    def _draw(
        self,
        kind: str,
        holder: Holder,
        currency: str,
        amount: int,
        key: str,
        at: Instant,
        note: str,
        until_day: int | None,
    ) -> Receipt:
        grant = Grant(
            key=text_of(key, "a command's key"), kind=kind, holder=holder, currency=currency, amount=amount,
            at=self._instant(at), until_day=until_day, note=note_of(note),
        )  # fmt: skip

        def granted(decision: Decision) -> list[Grant]:
            if until_day is not None and until_day <= decision.day:
                raise LedgerError(
                    f"hold {key} would end before it begins; `until` is a later day, at whose start it ends"
                )
            decision.require(holder, currency, amount, kind)
            return [grant]

        asked = {"holder": holder, "currency": currency, "amount": amount, "note": grant.note}

        def same(known: Grant) -> bool:
            # A hold without an end is not the same as one that has one.
            return known.until_day == until_day

        return self._change(
            lambda tx: self._decide(tx, key, [kind], asked, [holder], grant.at, granted, same), holders=[holder]
        )

    def _carry_on(
        self, kind: str, of: str, amount: int | None, key: str, at: Instant, note: str, final: bool
    ) -> Receipt:
        text_of(of, "a hold's key")
        if amount is not None:
            require_amount(amount, f"a {kind}")
        # What takes all that is left ends the hold too; the note tells it from what was asked to release the rest.
        at_us, kept = self._instant(at), note_of(note) | ({"rest": "released"} if final else {})
        asked = {"of": of, "amount": amount, "note": kept}

        def work(tx: Transaction) -> Receipt:
            hold = tx.find_grant(of)
            if hold is None or hold.kind != "hold":
                what = "unknown" if hold is None else f"the key of a command of another kind: {hold.kind}"
                raise LedgerError(f"command {key} names hold {of}, which is {what}; name a hold by its key")
            tx.expect(holders=[hold.holder])
            return self._decide(tx, key, [kind], asked, [hold.holder], at_us, lambda decision: granted(decision, hold))

        def granted(decision: Decision, hold: Grant) -> list[Grant]:
            left = decision.runs[hold.holder].left(of)
            if left == 0:
                raise LedgerError(f"command {key}: hold {of} has ended, and nothing of it is left to {kind}")
            if amount is not None and amount > left:
                raise LedgerError(
                    f"command {key}: {left} {hold.currency} (minor units) of hold {of} are left, not {amount}; "
                    f"{kind} {left} or less"
                )
            taken = left if amount is None else amount
            return [
                Grant(
                    key=key, kind=kind, holder=hold.holder, currency=hold.currency, amount=taken, at=at_us, of=of,
                    final=final or taken == left, note=kept,
                )
            ]  # fmt: skip

        return self._change(work)
