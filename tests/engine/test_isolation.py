"""PostgreSQL's levels of isolation: what is decided after a wait for a lock sees what was waited for, or is refused."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from attrs import evolve
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine

from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.errors import StoreError
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.programme.loading import loads

PROGRAMME = loads("""\
language: 1
programme: {id: example, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
  deal.refunded: {refunds: deal.won}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR}
refunds:
  deal.refunded: {points: arrears, tier: keep_to_period_end}
""")
_AT = 1_770_000_000_000_000
DEAL = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=_AT, fields={"amount": 250_000})
REFUND = Event(id="R-1", kind="deal.refunded", partner="birch", occurred_at=_AT + 5, of="D-1")


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "SERIALIZABLE"])
def test_a_refund_that_waited_for_its_deal_sees_it(postgresql_book: SqlEngine, isolation: str) -> None:
    """The deal is open in a transaction of the host's when its refund comes; both are settled when it is committed."""
    database = create_engine(postgresql_book.url, isolation_level=isolation)
    Engine(PROGRAMME, SqlStore(database)).submit(Event(id="D-0", kind="deal.won", partner="zed", occurred_at=_AT,
                                                       fields={"amount": 250_000}))  # fmt: skip
    waiting: list[bool] = []
    with database.connect() as host:
        Engine(PROGRAMME, SqlStore(host)).submit(DEAL)
        other = Engine(PROGRAMME, SqlStore(database))
        refunding = threading.Thread(target=lambda: waiting.append(other.submit(REFUND).waiting))
        refunding.start()
        time.sleep(0.5)
        assert refunding.is_alive()
        host.commit()
        refunding.join()
    assert waiting == [False]
    assert Engine(PROGRAMME, SqlStore(database)).statement("partner:acme", "2026-03-01").balances == {}
    database.dispose()


def test_repeatable_read_is_refused(postgresql_book: SqlEngine) -> None:
    """It would show the refund that waited a book without its deal; reading under it is as good as ever."""
    database = create_engine(postgresql_book.url, isolation_level="REPEATABLE READ")
    engine = Engine(PROGRAMME, SqlStore(database))
    with pytest.raises(StoreError, match=r"the transaction is REPEATABLE READ, .* READ COMMITTED or SERIALIZABLE"):
        engine.submit(DEAL)
    with database.connect() as host, pytest.raises(StoreError, match="REPEATABLE READ"):
        Engine(PROGRAMME, SqlStore(host)).advance("2026-03-01")
    assert engine.statement("partner:acme", "2026-03-01").balances == {}
    database.dispose()


def test_autocommit_is_refused(postgresql_book: SqlEngine) -> None:
    """No lock would last longer than its statement: two who redeem at once would both get the same points."""
    database = create_engine(postgresql_book.url, isolation_level="AUTOCOMMIT")
    with pytest.raises(StoreError, match=r"in AUTOCOMMIT, .* READ COMMITTED or SERIALIZABLE"):
        Engine(PROGRAMME, SqlStore(database)).submit(DEAL)
    with database.connect() as host, pytest.raises(StoreError, match="in AUTOCOMMIT"):
        Engine(PROGRAMME, SqlStore(host)).submit(DEAL)
    with SqlStore(postgresql_book).transaction(read_only=True) as book:
        assert book.find_event(DEAL.identity) is None
    database.dispose()


def test_autocommit_is_refused_on_sqlite_too(tmp_path: Path) -> None:
    """A transaction that we began there would never end, and take what the host writes next with it."""
    database = create_engine(f"sqlite:///{tmp_path / 'book.db'}")
    create_tables(database)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as host:
        host.exec_driver_sql("CREATE TABLE orders (id TEXT)")
        host.exec_driver_sql("INSERT INTO orders VALUES ('before')")
        with pytest.raises(StoreError, match="in AUTOCOMMIT"):
            Engine(PROGRAMME, SqlStore(host)).submit(DEAL)
        host.exec_driver_sql("INSERT INTO orders VALUES ('after')")
    with database.connect() as host:
        assert host.exec_driver_sql("SELECT id FROM orders").scalars().all() == ["before", "after"]
    database.dispose()


TIERS = loads("""\
language: 1
programme: {id: example, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR}
      person: {points: 10}
tiers:
  base: {}
  ladder: [{tier: gold, needs: deals >= 1}]
metrics:
  deals: {count: deal.won, window: calendar_year}
""")


def test_a_late_deal_that_reaches_a_person_by_the_tier_waits_for_it(postgresql_book: SqlEngine) -> None:
    """Ann is adjusted in the host's transaction while a late deal makes her partner's tier another: both count."""
    database = create_engine(postgresql_book.url)
    Engine(TIERS, SqlStore(database)).submit(evolve(DEAL, person="ann"))
    late = evolve(DEAL, id="D-0", occurred_at=_AT - 86_400_000_000)
    with database.connect() as host:
        Engine(TIERS, SqlStore(host)).adjust("person:ann", "points", 7, key="A-1", reason="fair", actor="kim")
        submitting = threading.Thread(target=lambda: Engine(TIERS, SqlStore(database)).submit(late))
        submitting.start()
        time.sleep(0.5)
        assert submitting.is_alive()
        host.commit()
        submitting.join()
    assert SqlStore(database).verify().findings == ()
    assert Engine(TIERS, SqlStore(database)).statement("person:ann").balances == {("available", "points"): 17}
    database.dispose()


def test_a_refund_locks_nobody_but_whom_it_reaches(postgresql_book: SqlEngine) -> None:
    """Refunds name no partner, and those of different partners do not wait for each other."""
    database = create_engine(postgresql_book.url)
    engine = Engine(PROGRAMME, SqlStore(database))
    engine.submit_all([DEAL, evolve(DEAL, id="D-2", partner="birch")])
    with database.connect() as host:
        Engine(PROGRAMME, SqlStore(host)).submit(evolve(REFUND, partner=""))
        refunding = threading.Thread(target=lambda: engine.submit(evolve(REFUND, id="R-2", partner="", of="D-2")))
        refunding.start()
        refunding.join(10)
        assert not refunding.is_alive()
        host.rollback()
    with engine.store.transaction(read_only=True) as book:
        assert [str(holder) for holder in book.holders()] == ["partner:acme", "partner:birch"]
    database.dispose()
