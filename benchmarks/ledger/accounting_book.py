"""
python-accounting's side: journal entries of one line each, posted with its models and its session.

It posts one transaction at a time, each in several commits, with a chain of digests and without balances kept, keys or
lots. The objects are made while the clock runs, as those of our side are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import URL, create_engine, func, select

from benchmarks.ledger.sides import Totals
from benchmarks.ledger.workload import Award


class AccountingBook:
    """
    python-accounting in an empty database; one in a process, since it listens to every session of SQLAlchemy.

    Args:
        url: Where the database is.
        accounts: How many partners there are.
    """

    def __init__(self, url: URL, accounts: int) -> None:
        from python_accounting.database.session import get_session
        from python_accounting.models import Account, Base, Currency, Entity

        self._engine = create_engine(url)
        Base.metadata.create_all(self._engine)
        self._session = session = get_session(self._engine)
        self._entity = Entity(name="Benchmark")
        session.add(self._entity)
        session.commit()
        currency = Currency(name="Points", code="PTS", entity_id=self._entity.id)
        session.add(currency)
        session.commit()
        made = [
            Account(
                name=f"account-{number}",
                account_type=Account.AccountType.CURRENT_LIABILITY,
                currency_id=currency.id,
                entity_id=self._entity.id,
            )
            for number in range(accounts + 1)
        ]
        for account in made:
            session.add(account)
            session.commit()
        self._ids = [account.id for account in made]

    def prepare(self, awards: Sequence[Award], per_commit: int) -> Callable[[], None]:  # noqa: ARG002 (it commits by row)
        """Give the call that posts some awards, one by one: it knows no other way."""
        from python_accounting.models import LineItem
        from python_accounting.transactions import JournalEntry

        session, entity, ids, now = self._session, self._entity, self._ids, datetime.now()

        def post() -> None:
            for award in awards:
                entry = JournalEntry(
                    narration=f"/D-{award.number}",
                    transaction_date=now,
                    account_id=ids[award.account],
                    entity_id=entity.id,
                )
                session.add(entry)
                session.flush()
                line = LineItem(
                    narration=f"/D-{award.number}", account_id=ids[0], amount=award.amount, entity_id=entity.id
                )
                session.add(line)
                session.flush()
                entry.line_items.add(line)
                session.add(entry)
                entry.post(session)

        return post

    def totals(self) -> Totals:
        """Say what was written."""
        from python_accounting.models import Balance, Ledger, Transaction

        numbers = {pk: number for number, pk in enumerate(self._ids)}
        credited: Any = (
            select(Ledger.post_account_id, func.sum(Ledger.amount))
            .where(Ledger.entry_type == Balance.BalanceType.CREDIT)
            .group_by(Ledger.post_account_id)
        )
        with self._engine.connect() as connection:
            balances = {numbers[pk]: int(total) for pk, total in connection.execute(credited)}
            entries = connection.execute(select(func.count()).select_from(Transaction.__table__)).scalar_one()
            postings = connection.execute(select(func.count()).select_from(Ledger.__table__)).scalar_one()
        return Totals(entries, postings, balances)

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()
        self._engine.dispose()
