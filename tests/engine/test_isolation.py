"""PostgreSQL's levels of isolation: what is decided after a wait for a lock sees what was waited for, or is refused."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine

from loyalty.core.events import Event
from loyalty.engine import Engine
from loyalty.errors import StoreError
from loyalty.ledger.sql import SqlStore
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
