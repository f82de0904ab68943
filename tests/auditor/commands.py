"""
Commands: what was decided draws, pays in, carries on, gives back or closes (paragraphs 36 to 44).
"""

from __future__ import annotations

from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Returns
from tests.auditor.days import add, expiry_day
from tests.auditor.revisions import currency_on
from tests.auditor.state import Drawn, Lot
from tests.auditor.wallet import Cause, Wallet

#: Where each kind draws to, and its rule (37). A revoke draws to where its origin was paid in from.
DRAWS = {
    "redeem": ("redeemed", "@redeem"),
    "hold": ("held", "@hold"),
    "debit": ("adjusted", "@adjust"),
    "send": ("transferred", "@transfer"),
    "forfeit": ("forfeited", "@close"),
    "revoke": (None, "@reverse"),
}

#: Where each kind is paid in from, and its rule (37).
PAYS_IN = {
    "credit": ("adjusted", "@adjust"),
    "open": ("opening", "@open"),
    "receive": ("transferred", "@transfer"),
    "write_off": ("written_off", "@close"),
}

#: Kinds that are a part of the command that they name, where they name one (42).
PARTS = {"send", "receive", "forfeit", "write_off"}


def carry_out(programme: Programme, wallet: Wallet, grant: Grant, today: int) -> None:
    """Do to the wallet what was decided (37)."""
    command = grant.of if grant.kind in PARTS and grant.of is not None else grant.key

    def cause(rule: str) -> Cause:
        return Cause(f"command:{command}", rule, grant.at)

    if grant.kind in DRAWS:
        to, rule = DRAWS[grant.kind]
        draw(wallet, cause(rule), to or wallet.state.paid_in_from[str(grant.of)], grant)
    elif grant.kind in PAYS_IN:
        frm, rule = PAYS_IN[grant.kind]
        pay_in(wallet, cause(rule), frm, grant)
    elif grant.kind == "capture":
        hold = wallet.state.drawn[str(grant.of)]
        capture(wallet, cause("@capture"), hold, grant)
        if grant.final:
            give_back(programme, wallet, cause("@release"), hold, hold.left, today)
    elif grant.kind == "release":
        give_back(programme, wallet, cause("@release"), wallet.state.drawn[str(grant.of)], grant.amount, today)
    elif grant.kind == "restore":
        give_back(programme, wallet, cause("@reverse"), wallet.state.drawn[str(grant.of)], grant.amount, today)
    else:
        assert grant.kind == "close", f"no command is called {grant.kind}"
        close(wallet, cause("@close"), grant)


def draw(wallet: Wallet, cause: Cause, to: str, grant: Grant) -> None:
    """
    Take an amount, lot by lot where lots are named, and else the soonest expiry first; owe what lacks (38).

    What lacks of a hold is owed to nobody.
    """
    pieces: list[tuple[int, int]] = []
    for first, amount in [(lot.expires_day, lot.amount) for lot in grant.lots] or [(None, grant.amount)]:
        pieces += wallet.take_available(cause, to, grant.currency, amount, first)
    drawn = Drawn(grant, to, pieces, 0)
    drawn.lacked = grant.amount - drawn.left
    wallet.state.drawn[grant.key] = drawn
    if grant.kind != "hold":
        wallet.owe(cause, to, grant.currency, drawn.lacked)


def pay_in(wallet: Wallet, cause: Cause, frm: str, grant: Grant) -> None:
    """Credit each lot, in the order listed (39)."""
    wallet.state.paid_in_from[grant.key] = frm
    for lot in grant.lots:
        wallet.credit(cause, Lot(grant.currency, "available", lot.amount, lot.expires_day), frm)


def capture(wallet: Wallet, cause: Cause, hold: Drawn, grant: Grant) -> None:
    """Redeem what a hold keeps, in the order of taking; draw, at the end, what the hold lacked (40)."""
    pieces = hold.cut(grant.amount)
    for day, amount in pieces:
        wallet.move(cause, "held", "redeemed", grant.currency, amount, day)
    lacked = min(hold.lacked, grant.amount - sum(amount for _, amount in pieces))
    hold.lacked -= lacked
    taken = wallet.take_available(cause, "redeemed", grant.currency, lacked)
    owed = lacked - sum(amount for _, amount in taken)
    wallet.owe(cause, "redeemed", grant.currency, owed)
    wallet.state.drawn[grant.key] = Drawn(grant, "redeemed", pieces + taken, owed)


def give_back(programme: Programme, wallet: Wallet, cause: Cause, drawn: Drawn, amount: int, today: int) -> None:
    """Return an amount to the wallet: first what was lacked, then pieces, the last taken first (41)."""
    currency = drawn.grant.currency
    lacked = min(drawn.lacked, amount)
    drawn.lacked -= lacked
    if drawn.account != "held":
        earned_today = expiry_day(today, currency_on(programme, currency, today).expires, programme.year_starts_month)
        wallet.credit(cause, Lot(currency, "available", lacked, earned_today), drawn.account)
    for day, part in drawn.cut(amount - lacked, last=True):
        lot = Lot(currency, "available", part, day)
        wallet.credit(cause, lot, drawn.account)
        if day <= today:
            come_back_late(programme, wallet, cause, lot, today)


def come_back_late(programme: Programme, wallet: Wallet, cause: Cause, lot: Lot, today: int) -> None:
    """Let a lot expire that comes back when its day is over, and what then comes of it live on as declared (41)."""
    currency, amount = currency_on(programme, lot.currency, today), lot.remaining
    if currency.returns is Returns.EXPIRED:
        wallet.expire(cause, lot)
        return
    lot.remaining = 0
    wallet.move(cause, "available", "expired", lot.currency, amount, lot.expiry_day)
    if currency.returns is Returns.GRACE:
        assert currency.returns_grace is not None
        gone_on = add(today, currency.returns_grace) + 1
    else:
        gone_on = expiry_day(today, currency.expires, programme.year_starts_month)
    wallet.credit(cause, Lot(lot.currency, "available", amount, gone_on), "expired")


def close(wallet: Wallet, cause: Cause, grant: Grant) -> None:
    """Make what is pending available, or forfeit it, by day of earning; nothing is allotted from now on (44)."""
    wallet.state.is_closed = True
    for lot in wallet.state.lots:
        if lot.account != "pending":
            continue
        if grant.note.get("pending") == "mature":
            wallet.mature(cause, lot)
        else:
            wallet.move(cause, "pending", "forfeited", lot.currency, lot.remaining, lot.expiry_day)
            lot.remaining = 0
