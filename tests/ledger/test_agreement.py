"""Memory, SQLite, PostgreSQL and an independent model of one dictionary agree after each batch, posted or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, create_engine

from loyalty.core.holders import Holder
from loyalty.errors import LedgerError
from loyalty.ledger.entries import Account, Entry
from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.store import Store
from loyalty.ledger.verify import verify

from .journals import ISSUED, entry, leg

_HOLDERS = (Holder.partner("a"), Holder.partner("b"), Holder.person("a"))
_NAMES = ("pending", "available", "held")

#: From where to where: issue, take back, or move; then the holder, the day, the amount and the instant.
_LEGS = st.tuples(
    st.sampled_from(
        [(None, name) for name in _NAMES] * 2 + [(a, b) for a in _NAMES for b in (*_NAMES, None) if a != b]
    ),
    st.sampled_from(_HOLDERS),
    st.integers(100, 101),
    st.integers(1, 20),
    st.integers(0, 5),
)


class _Model:
    """What a day's points of each account amount to, and nothing else: a batch is fine if none ends below zero."""

    def __init__(self) -> None:
        self.days: Counter[tuple[Account, int]] = Counter()

    def post(self, entries: list[Entry]) -> bool:
        days = Counter(self.days)
        for one in entries:
            for posting in one.postings:
                if posting.lot_day is not None:
                    days[posting.account, posting.lot_day] += posting.amount
        if min(days.values(), default=0) < 0:
            return False
        self.days = days
        return True


class Agreement(RuleBasedStateMachine):
    """Random batches against the stores and the model."""

    #: Where every example has a book of its own.
    postgresql: ClassVar[Engine]
    books: ClassVar[Iterator[int]] = count()

    @initialize()
    def start(self) -> None:
        self.engine = create_engine("sqlite://")
        create_tables(self.engine)
        elsewhere = SqlStore(self.postgresql, book=f"example {next(self.books)}")
        self.stores: list[Store] = [MemoryStore(), SqlStore(self.engine), elsewhere]
        self.model = _Model()
        self.keys = count()

    @rule(batch=st.lists(st.lists(_LEGS, min_size=1, max_size=3), min_size=1, max_size=5))
    def post(self, batch: list[list[tuple[tuple[str | None, str | None], Holder, int, int, int]]]) -> None:
        entries = [_entry(f"e{next(self.keys)}", legs) for legs in batch]
        outcomes = []
        for store in self.stores:
            try:
                with store.transaction() as book:
                    book.post(entries)
                outcomes.append("")
            except LedgerError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1] == outcomes[2]
        if not outcomes[0]:
            assert self.model.post(entries)
        elif not _has_circle(entries):
            assert not self.model.post(entries)

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "stores"):
            return
        pictures = []
        for store in self.stores:
            with store.transaction() as book:
                assert verify(book) == []
                accounts = [Account(holder, name) for holder in _HOLDERS for name in _NAMES]
                lots = {account: book.lots(account, "points") for account in accounts}
                taken = {
                    account: [
                        (item.entry_key, item.posting, item.lot.entry_key, item.lot.earned_at, item.amount)
                        for item in book.allocations(account, "points")  # type: ignore[attr-defined]
                    ]
                    for account in accounts
                }
                known = [dict(book.balances_at(holder, effective_at=2)) for holder in _HOLDERS]
                pictures.append((lots, taken, book.trial_balance(), known, list(book.entries())))
        assert pictures[0] == pictures[1] == pictures[2]
        left: Counter[tuple[Account, int]] = Counter()
        for account, found in pictures[0][0].items():
            for lot in found:
                left[account, lot.expires_day] += lot.remaining
        assert left == +self.model.days


def _entry(key: str, legs: list[tuple[tuple[str | None, str | None], Holder, int, int, int]]) -> Entry:
    postings = []
    for (source, target), holder, day, amount, _ in legs:
        for name, signed in ((source, -amount), (target, amount)):
            if name is None:
                postings.append(leg(ISSUED, signed))
            else:
                postings.append(leg(Account(holder, name), signed, day))
    return entry(key, *postings, at=legs[0][-1])


def _has_circle(entries: list[Entry]) -> bool:
    """Whether points go round among the accounts of a wallet, and so may sum to enough without ever being there."""
    edges: set[tuple[Account, Account]] = set()
    for one in entries:
        lots = [posting for posting in one.postings if posting.lot_day is not None]
        edges |= {
            (debit.account, credit.account)
            for debit in lots
            for credit in lots
            if debit.amount < 0 < credit.amount and debit.account.owner == credit.account.owner
        }
    reached = edges | {(a, d) for a, b in edges for c, d in edges if b == c}
    return any((b, a) in reached for a, b in reached)


class TestAgreement(Agreement.TestCase):  # type: ignore[misc,name-defined]
    """The machine, with a database on the server of the run."""

    @pytest.fixture(autouse=True)
    def _server(self, postgresql_book: Engine) -> None:
        Agreement.postgresql = postgresql_book


TestAgreement.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
