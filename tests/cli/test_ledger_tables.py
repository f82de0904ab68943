"""``loyalty ledger init`` and ``migrate``: tables made once, brought up to date, and never guessed at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, inspect, text

from loyalty.ledger.sql import SqlStore, check_version, create_tables
from loyalty.ledger.sql.migrations import head
from loyalty.ledger.sql.schema import Schema
from loyalty.ledger.sql.versions import VERSIONS
from tests.cli.conftest import Call
from tests.ledger.journals import AVAILABLE, earn


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, as a user names it; the file does not exist yet."""
    if request.param == "sqlite":
        return str(tmp_path / "portal.db")
    url: URL = request.getfixturevalue("postgresql_url")
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _engine(db: str) -> Engine:
    return create_engine(f"sqlite:///{db}" if "://" not in db else db.replace("postgresql:", "postgresql+psycopg:"))


def _empty(db: str) -> None:
    if "://" not in db:
        Path(db).touch()


@pytest.mark.parametrize("name", ["init", "migrate"])
def test_either_makes_tables_that_a_store_works_on(call: Call, db: str, name: str) -> None:
    """What was made can be used at once, and a second call says that there is nothing to do."""
    if name == "migrate":
        _empty(db)
    first = call("ledger", name, "--db", db, "--prefix", "points_")
    assert (first.exit_code, first.stderr) == (0, "")
    count = len(Schema.of("").metadata.tables)
    made = {"init": f"Made {count} tables points_*", "migrate": f"Ran {', '.join(VERSIONS)}: the tables points_*"}
    assert first.stdout.startswith(made[name])
    engine = _engine(db)
    with SqlStore(engine, prefix="points_").transaction() as book:
        book.post([earn("a", 5)])
    for again in ("init", "migrate"):
        second = call("ledger", again, "--db", db, "--prefix", "points_")
        assert (second.exit_code, "nothing to do" in second.stdout) == (0, True)
    with SqlStore(engine, prefix="points_").transaction(read_only=True) as book:
        assert book.balance(AVAILABLE, "points") == 5
    engine.dispose()


def test_the_script_is_printed_and_not_run(call: Call, db: str) -> None:
    """``--sql`` is a script and nothing else on standard output, and empty where there is nothing to do."""
    _empty(db)
    script = call("ledger", "migrate", "--db", db, "--sql")
    assert (script.exit_code, script.stderr) == (0, "")
    assert script.stdout.startswith("BEGIN;\n")
    assert script.stdout.rstrip().endswith("COMMIT;")
    assert "CREATE TABLE loyalty_posting" in script.stdout
    engine = _engine(db)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    call("ledger", "init", "--db", db)
    again = call("ledger", "migrate", "--db", db, "--sql")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr


def test_machines_get_a_document(call: Call, db: str) -> None:
    """``--json`` says what was there, what was run and what is there now."""
    made = json.loads(call("ledger", "init", "--db", db, "--json").stdout)
    assert made == {"ok": True, "created": True, "version": head(), "prefix": "loyalty_", "schema": None}
    ran = json.loads(call("ledger", "migrate", "--db", db, "--prefix", "p_", "--json").stdout)
    assert ran == {"ok": True, "before": None, "version": head(), "newest": head(), "ran": list(VERSIONS)}
    script = json.loads(call("ledger", "migrate", "--db", db, "--prefix", "q_", "--sql", "--json").stdout)
    assert (script["before"], script["version"], script["newest"]) == (None, None, head())
    assert "CREATE TABLE q_posting" in script["sql"]


@pytest.mark.parametrize("arguments", [["init"], ["migrate"], ["migrate", "--sql"]])
def test_tables_of_the_future_are_left_alone(call: Call, db: str, arguments: list[str]) -> None:
    """A release that does not know the version says so, with both versions, and exits with 1."""
    call("ledger", "init", "--db", db)
    engine = _engine(db)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE loyalty_alembic_version SET version_num = '9999'")
    engine.dispose()
    result = call("ledger", *arguments, "--db", db)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"of version 9999, which this library does not know (its newest is {head()})" in result.stderr


def test_a_schema_of_postgresql(call: Call, postgresql_url: URL) -> None:
    """The tables go into the schema that was named; one that does not exist is named with what makes it."""
    db = postgresql_url.set(drivername="postgresql").render_as_string(hide_password=False)
    missing = call("ledger", "init", "--db", db, "--schema", "points")
    assert missing.exit_code == 1
    assert "no schema 'points' in the database; say CREATE SCHEMA \"points\" first" in missing.stderr
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA points")
    made = call("ledger", "init", "--db", db, "--schema", "points")
    assert (made.exit_code, "schema points, version" in made.stdout) == (0, True)
    check_version(engine, schema="points")
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_what_cannot_be_reached_is_told(call: Call, tmp_path: Path) -> None:
    """A file that is not there is a wrong call for ``migrate``; a server that does not answer is told in its words."""
    missing = call("ledger", "migrate", "--db", tmp_path / "nowhere.db")
    assert (missing.exit_code, "nowhere.db does not exist" in missing.stderr) == (2, True)
    assert not (tmp_path / "nowhere.db").exists()
    bad = call("ledger", "init", "--db", tmp_path / "portal.db", "--prefix", "no-name")
    assert (bad.exit_code, "cannot begin a table's name" in bad.stderr) == (1, True)
    assert not (tmp_path / "portal.db").exists()
    away = call("ledger", "init", "--db", "postgresql://someone:secret@127.0.0.1:1/portal")
    assert (away.exit_code, "refused" in away.stderr, "secret" in away.stderr) == (1, True, False)


def test_rights_are_statements_for_the_owner(call: Call, postgresql_url: URL) -> None:
    """What ``rights`` prints is what the database takes, for each part and for any name of a role."""
    engine = create_engine(postgresql_url)
    role = 'test "portal" ' + str(postgresql_url.database)[-8:]
    quoted = '"' + role.replace('"', '""') + '"'
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA points")
            connection.exec_driver_sql(f"CREATE ROLE {quoted}")
        create_tables(engine, schema="points")
        for part, expected in {"post": (True, True), "read": (True, False), "relay": (False, False)}.items():
            printed = call("ledger", "rights", role, "--schema", "points", "--part", part)
            assert printed.exit_code == 0
            with engine.begin() as connection:
                for statement in printed.stdout.splitlines():
                    connection.execute(text(statement))
                asked = "SELECT has_table_privilege(:role, 'points.loyalty_entry', :right)"
                rights = [connection.scalar(text(asked), {"role": role, "right": r}) for r in ("SELECT", "INSERT")]
            assert tuple(rights) == expected
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {quoted}")
            connection.exec_driver_sql(f"DROP ROLE {quoted}")
        engine.dispose()
