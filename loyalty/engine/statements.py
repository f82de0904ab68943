"""Statements: what a holder has at an instant, by what was posted and by what is due until then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from loyalty.core.holders import Holder
from loyalty.engine.histories import Histories
from loyalty.engine.receipts import Statement
from loyalty.ledger.entries import Posting
from loyalty.ledger.store import Transaction
from loyalty.settlement.journal import accounts_of, postings_of


def statement_of(histories: Histories, tx: Transaction, holder: Holder, at: int) -> Statement:
    """Give the holder's wallets at UTC microseconds *at*, with everything due by then; nothing is posted."""
    programme = histories.steps.programme
    calendar = programme.calendar
    holdings = Counter(dict(tx.balances_at(holder, effective_at=at)))
    lots: Counter[tuple[str, int]] = Counter()
    for entry in tx.entries(holder=holder):
        if entry.effective_at <= at:
            _count_lots(lots, holder, entry.postings)
    run = histories.fresh_run(tx, holder)
    if run.last_key and run.last_key[0] <= at:
        moved = run.advance(calendar.day_of(at))
        due = postings_of(histories.steps.names, holder, moved, None)
        for posting in due:
            if posting.account.owner == holder:
                holdings[posting.account.name, posting.asset] += posting.amount
        _count_lots(lots, holder, due)
    balances = {key: amount for key, amount in sorted(holdings.items()) if amount}
    standing = [asset for account, asset in balances if account == "standing"]
    tier = next((asset[5:] for asset in standing if asset.startswith("tier.")), programme.ladder.tiers[0].name)
    expiries = {
        name: tuple((day, amount) for (currency, day), amount in sorted(lots.items()) if currency == name and amount)
        for name in programme.currencies
    }
    badges = tuple(asset[6:] for asset in standing if asset.startswith("badge."))
    return Statement(holder, at, balances, expiries, tier, badges)


def _count_lots(lots: Counter[tuple[str, int]], holder: Holder, postings: Iterable[Posting]) -> None:
    available = accounts_of(holder)[1][0]
    for posting in postings:
        if posting.account == available and posting.lot_day is not None:
            lots[posting.asset, posting.lot_day] += posting.amount
