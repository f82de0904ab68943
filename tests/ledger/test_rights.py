"""A PostgreSQL role with the least rights keeps a book, and can do nothing else to it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

import loyalty
from loyalty.errors import StoreError
from loyalty.ledger.outbox import Message
from loyalty.ledger.sql import Schema, SqlStore, check_version, create_tables
from loyalty.ledger.sql.migrations import migrate
from loyalty.ledger.sql.rights import CHANGED, Part, rights_sql
from loyalty.ledger.verify import verify
from loyalty.sources import read_events
from tests.databases import Server

from .journals import AVAILABLE, earn, redeem
from .store_contract import StoreContract

ACME = Path(__file__).parents[2] / "examples" / "acme"

_WHERE = {"prefix": "p_", "schema": "points"}


@frozen
class Portal:
    """A database whose tables belong to a role of their own, and an engine for each who works there."""

    superuser: Engine
    owner: Engine
    post: Engine
    read: Engine
    relay: Engine


@pytest.fixture
def portal(postgresql: Server) -> Iterator[Portal]:
    """A database in which roles have what :func:`rights_sql` gives them and nothing more."""
    url, mark = postgresql.create(), uuid.uuid4().hex[:12]
    superuser = create_engine(url)
    names = {part: f'test "{part}" {mark}' for part in ("owner", *Part)}
    quoted = {part: '"' + name.replace('"', '""') + '"' for part, name in names.items()}
    with superuser.begin() as connection:
        for role in quoted.values():
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{mark}' NOSUPERUSER NOBYPASSRLS")
        connection.exec_driver_sql(f"CREATE SCHEMA points AUTHORIZATION {quoted['owner']}")
    engines = {part: create_engine(url.set(username=name, password=mark)) for part, name in names.items()}
    create_tables(engines["owner"], **_WHERE)
    with engines["owner"].begin() as connection:
        for part in Part:
            for statement in rights_sql(names[part], part, **_WHERE):
                connection.execute(text(statement))
    yield Portal(superuser, **engines)
    for engine in engines.values():
        engine.dispose()
    superuser.dispose()
    postgresql.drop(url)
    _drop_roles(postgresql.url, list(quoted.values()))


def _drop_roles(url: URL, roles: list[str]) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for role in roles:
            connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()


class TestContract(StoreContract):
    """The contract, under the role that posts."""

    @pytest.fixture
    def store(self, portal: Portal) -> SqlStore:
        return SqlStore(portal.post, **_WHERE)


def test_an_application_runs_under_the_role_that_posts(portal: Portal) -> None:
    """Settling, late events, every kind of command, the clock and sealing need no right that the role does not have."""
    programme = loyalty.load(ACME / "programme.yaml")
    events = read_events(ACME / "history.jsonl", programme).events[:120]
    late, rest = events[10], [*events[:10], *events[11:]]
    store = SqlStore(portal.post, **_WHERE)
    engine = loyalty.Engine(programme, store)
    assert len(list(engine.submit_many(rest))) == 119
    engine.submit(late)
    now = rest[-1].occurred_at
    engine.redeem("partner:calico", "points", 100, key="gift", at=now)
    engine.hold("partner:calico", "points", 90, key="hold", at=now)
    engine.capture("hold", 40, key="part", at=now)
    engine.release("hold", key="rest", at=now)
    engine.adjust("partner:calico", "points", -10, key="mend", reason="twice", actor="ann", at=now)
    engine.reverse("gift", 50, key="back", at=now)
    engine.merge("partner:calico", "partner:zephyra", key="bought", pending="mature", at=now)
    engine.advance(programme.calendar.day_of(rest[-1].occurred_at) + 400)
    with store.transaction() as book:
        book.seal(1)
    with SqlStore(portal.read, **_WHERE).transaction(read_only=True) as book:
        assert verify(book) == []
        assert len(list(book.entries())) > 100


@pytest.fixture
def kept(portal: Portal) -> Portal:
    """The same with a few entries."""
    with SqlStore(portal.post, **_WHERE).transaction() as book:
        book.post([earn("a", 5)])
        book.post([redeem("r", 3)])
    return portal


def _refused(engine: Engine, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), engine.begin() as connection:
        connection.exec_driver_sql(statement)


_TABLES = sorted(Schema.of("").rows)


@pytest.mark.parametrize("part", list(Part))
def test_nobody_deletes_empties_or_takes_the_guards_off(kept: Portal, part: Part) -> None:
    """No part may delete, truncate, change a trigger, a table or a version, nor pass the triggers as a replica."""
    engine: Engine = getattr(kept, part)
    for table in _TABLES:
        place = f'points."p_{table}"'
        if (table, part) != ("outbox", Part.RELAY):
            _refused(engine, f"DELETE FROM {place}")
        _refused(engine, f"TRUNCATE {place} CASCADE")
        _refused(engine, f"ALTER TABLE {place} DISABLE TRIGGER ALL")
        _refused(engine, f"CREATE TRIGGER t BEFORE INSERT ON {place} EXECUTE FUNCTION points.p_refuse()")
        _refused(engine, f"DROP TABLE {place} CASCADE")
    for statement in (
        "DROP TRIGGER tr_p_entry_delete ON points.p_entry",
        "DROP FUNCTION points.p_refuse() CASCADE",
        "CREATE OR REPLACE FUNCTION points.p_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TABLE points.mine (id integer)",
        "UPDATE points.p_alembic_version SET version_num = '9999'",
        "SET session_replication_role = replica",
        "SELECT setval('points.p_ids', 1)",
    ):
        _refused(engine, statement)


def test_the_role_that_posts_changes_the_named_columns_alone(kept: Portal) -> None:
    """Every column of every table is tried: what is not in the list cannot be updated."""
    for name, table in ((name, getattr(Schema.of("p_", "points"), name)) for name in _TABLES):
        for column in table.columns:
            statement = f'UPDATE points."{table.name}" SET "{column.name}" = "{column.name}" WHERE false'
            if column.name in CHANGED.get(name, ()):
                with kept.post.begin() as connection:
                    connection.exec_driver_sql(statement)
            else:
                _refused(kept.post, statement)


def test_the_role_that_reads_writes_nothing(kept: Portal) -> None:
    """A report reads the whole book, and the database refuses what it would write."""
    store = SqlStore(kept.read, **_WHERE)
    with store.transaction(read_only=True) as book:
        assert (book.balance(AVAILABLE, "points"), verify(book)) == (2, [])
    with pytest.raises(StoreError, match="permission denied"), store.transaction() as book:
        book.post([earn("b", 5)])
    for table in _TABLES:
        _refused(kept.read, f'INSERT INTO points."p_{table}" SELECT * FROM points."p_{table}" WHERE false')
        _refused(kept.read, f'SELECT * FROM points."p_{table}" FOR UPDATE')


def test_the_role_that_relays_sees_the_outbox_alone(kept: Portal) -> None:
    """Who tells others what happened reads no balance and no journal, and takes out of the outbox what it told."""
    with SqlStore(kept.post, **_WHERE).transaction() as book:
        book.add_messages([Message("points.earned", '{"id": "1"}'), Message("points.spent", '{"id": "2"}')])
    with SqlStore(kept.relay, **_WHERE).transaction() as book:
        told = book.messages(1)
        assert [message.topic for message in told] == ["points.earned"]
        book.drop_messages(told)
    with SqlStore(kept.read, **_WHERE).transaction(read_only=True) as book:
        assert [message.topic for message in book.messages(9)] == ["points.spent"]
    for table in set(_TABLES) - {"outbox", "book"}:
        _refused(kept.relay, f'SELECT * FROM points."p_{table}"')


def test_the_owner_is_held_by_the_triggers(kept: Portal) -> None:
    """Whoever owns the tables may alter them, and still changes no row while the triggers stand."""
    for statement in ("UPDATE points.p_entry SET kind = 'x'", "DELETE FROM points.p_posting", "TRUNCATE points.p_lot"):
        with pytest.raises(Exception, match="append-only"), kept.owner.begin() as connection:
            connection.exec_driver_sql(statement)
    _refused(kept.owner, "SET session_replication_role = replica")


def test_the_owner_migrates_and_the_others_ask(kept: Portal) -> None:
    """Migrating is the owner's; who works under less can ask for the version, and cannot make tables."""
    assert migrate(kept.owner, **_WHERE) == []
    for part in Part:
        if part != Part.RELAY:
            check_version(getattr(kept, part), **_WHERE)
    with pytest.raises(StoreError, match="permission denied for schema points"):
        create_tables(kept.post, prefix="q_", schema="points")


def test_a_new_epoch_is_the_owners_to_begin(kept: Portal) -> None:
    """After a restore the owner seals what there is; who posts has no right to keep all others from the entries."""
    with pytest.raises(StoreError, match="permission denied"), SqlStore(kept.post, **_WHERE).transaction() as book:
        book.seal(1, new_epoch=True)
    with SqlStore(kept.owner, **_WHERE).transaction() as book:
        assert book.seal(1, new_epoch=True) == 2
    with SqlStore(kept.post, **_WHERE).transaction() as book:
        book.post([earn("b", 5)])
    sealed = 0
    for _ in range(500):
        # A transaction that is open anywhere on the server, another test's too, holds sealing up.
        with SqlStore(kept.post, **_WHERE).transaction() as book:
            sealed += book.seal(2)
        if sealed:
            break
        time.sleep(0.02)
    assert sealed == 1


def test_rights_can_be_given_again_and_narrowed(kept: Portal) -> None:
    """The statements say all that a role has: run for a smaller part, they take the rest away."""
    role = kept.post.url.username
    assert role is not None
    with kept.owner.begin() as connection:
        for statement in rights_sql(role, Part.READ, **_WHERE):
            connection.execute(text(statement))
    _refused(kept.post, "UPDATE points.p_balance SET posted = posted")
    with SqlStore(kept.post, **_WHERE).transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 2


@pytest.mark.parametrize(
    ("given", "reason"), [(("",), "cannot be a role"), (("a", "own"), "no part 'own'; it is one of")]
)
def test_what_is_no_role_and_no_part_is_refused(given: tuple[str, ...], reason: str) -> None:
    """The statements are text, so what goes into them is looked at."""
    with pytest.raises(StoreError, match=reason):
        rights_sql(*given)
