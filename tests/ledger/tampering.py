"""A small book that nothing guards any more, and what a forger does to it who knows how it is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, text

from loyalty.core.holders import Holder
from loyalty.ledger.hashing import hash_fields
from loyalty.ledger.sealing import NO_ROOT, root_of
from loyalty.ledger.sql import SqlStore
from loyalty.ledger.store import Grant, Store

from .journals import ACME, AVAILABLE, PENDING, ZOE, deal, earn, move, redeem

#: What the entries of the book are called, in the order of the chain.
KEYS = ("a", "b", "m", "r")


def fill(store: Store, between: Callable[[], None] = lambda: None) -> None:
    """Earn, then move and redeem, in two transactions; three events and a decision."""
    with store.transaction() as book:
        book.post([earn("a", 10, at=1, to=PENDING), earn("b", 5, 101, at=2)])
    between()
    with store.transaction() as book:
        book.post([move("m", 6, of=PENDING, to=AVAILABLE), redeem("r", 2)])
        for event in (deal("D-1", person="zoe"), deal("D-2"), deal("R-1", kind="deal.refunded", of="D-1")):
            book.add_event(event, recorded_at=event.occurred_at)
            book.deliver(event.identity, ACME, {})
        book.deliver("crm/D-1", ZOE, {"tier": 2})
        book.deliver("crm/D-1", ZOE, {"tier": 3})
        book.add_grant(
            Grant(key="gift", kind="redeem", holder=ACME, currency="points", amount=2, at=5, peer=Holder.person("zoe"))
        )


def seal(engine: Engine, at: int = 7) -> None:
    """Have all of a server's entries sealed, which waits for every open transaction on it, of other tests too."""
    store = SqlStore(engine)
    for _ in range(500):
        with store.transaction() as book:
            book.seal(at)
        if not store.verify().unsealed:
            return
        time.sleep(0.02)
    raise TimeoutError("another transaction stays open on the server")


def unguard(connection: Connection) -> None:
    """Take triggers and conditions away."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return
    named = "FROM pg_{0} t JOIN pg_class c ON c.oid = t.{1} WHERE c.relname LIKE 'loyalty_%' AND {2}"
    triggers = "SELECT tgname, relname " + named.format("trigger", "tgrelid", "NOT tgisinternal")
    for name, table in connection.exec_driver_sql(triggers.replace("%", "%%")).all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}" ON "{table}"')
    checks = "SELECT conname, relname " + named.format("constraint", "conrelid", "contype = 'c'")
    for name, table in connection.exec_driver_sql(checks.replace("%", "%%")).all():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')


def say(connection: Connection, statement: str, **values: object) -> int:
    """Run a statement and give how many rows it touched."""
    return connection.execute(text(statement), values).rowcount


def id_of(key: str) -> str:
    """Write the id of an entry."""
    return f"(SELECT id FROM loyalty_entry WHERE key = '{key}')"


def lots_of(key: str) -> str:
    """Write the condition for the lots that an entry made."""
    return f"(id >> 20) = {id_of(key)}"


def hash_again(connection: Connection, key: str) -> None:
    """Give an entry the digest of what it says now."""
    entry = connection.execute(
        text(
            "SELECT id, key, kind, cause, effective_at, recorded_at, revision, corrects, explanation "
            "FROM loyalty_entry WHERE key = :key"
        ),
        {"key": key},
    ).one()
    fields = list(entry[1:])
    for leg in connection.execute(
        text(
            "SELECT a.path, s.name, p.amount, p.lot_day, p.rule, p.cause FROM loyalty_posting p "
            "JOIN loyalty_account a ON a.id = p.account_id JOIN loyalty_asset s ON s.id = p.asset_id "
            "WHERE p.entry_id = :id ORDER BY p.seq"
        ),
        {"id": entry.id},
    ):
        fields += leg
    say(connection, "UPDATE loyalty_entry SET content_hash = :digest WHERE id = :id",
        digest=hash_fields(fields), id=entry.id)  # fmt: skip


def seal_again(connection: Connection, *, leaves: bool = True, roots: bool = True) -> None:
    """Make the chain anew: the leaves of each seal from the entries in its range, and its root from them."""
    before, root = (-1, -1), NO_ROOT
    for row in connection.execute(text("SELECT * FROM loyalty_seal ORDER BY number")).all():
        last = (row.last_xid, row.last_entry_id)
        held = row.leaves if not leaves else b"".join(_hashes(connection, before, last))
        made = root_of(root, row.number, row.epoch, last, held, row.sealed_at) if roots else row.root_hash
        say(connection, "UPDATE loyalty_seal SET leaves = :leaves, root_hash = :root WHERE id = :id",
            leaves=held, root=made, id=row.id)  # fmt: skip
        before, root = last, made


def _hashes(connection: Connection, before: tuple[int, int], last: tuple[int, int]) -> Iterator[bytes]:
    for row in connection.execute(text("SELECT xid, id, content_hash FROM loyalty_entry ORDER BY xid, id")).all():
        if before < (row.xid, row.id) <= last:
            yield row.content_hash


def delete_entry(connection: Connection, key: str) -> None:
    """Take an entry out with everything that has its id."""
    id = connection.execute(text(f"SELECT {id_of(key)}")).scalar_one()
    for statement in (
        "DELETE FROM loyalty_lot_allocation WHERE entry_id = :id",
        "DELETE FROM loyalty_lot WHERE (id >> 20) = :id",
        "DELETE FROM loyalty_posting WHERE entry_id = :id",
        "DELETE FROM loyalty_entry WHERE id = :id",
    ):
        say(connection, statement, id=id)


def copy_entry(connection: Connection, key: str, new: str, *, id: int, xid: int | None = None) -> None:
    """Put in another entry like one that is there, without postings, with a digest of its own."""
    columns = "kind, cause, effective_at, recorded_at, revision, corrects, explanation, content_hash, hash_version"
    where = "xid" if xid is None else str(xid)
    say(
        connection,
        f"INSERT INTO loyalty_entry (id, book_id, xid, key, {columns}) "
        f"SELECT :id, book_id, {where}, :new, {columns} FROM loyalty_entry WHERE key = :key",
        id=id, new=new, key=key,
    )  # fmt: skip
    hash_again(connection, new)


def shift_transactions(connection: Connection, by: int) -> None:
    """Have the book come from a server that had counted so many transactions more."""
    say(connection, "UPDATE loyalty_entry SET xid = xid + :by", by=by)
    say(connection, "UPDATE loyalty_seal SET last_xid = last_xid + :by", by=by)
    seal_again(connection)
