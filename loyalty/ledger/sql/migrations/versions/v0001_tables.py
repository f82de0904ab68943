"""
The tables of a book, with the triggers that hold what was written.

This text stays as it is: it says what the first version was, whatever the library's tables have become since.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import CreateSequence
from sqlalchemy.sql.elements import conv

from loyalty.ledger.sql.migrations.target import Target

revision = "0001"
down_revision = None


def upgrade(to: Target) -> None:
    """Make the tables, and on PostgreSQL the sequence of ids and the functions of the triggers."""
    if to.dialect == "postgresql":
        to.op.execute(CreateSequence(Sequence(f"{to.prefix}ids", schema=to.schema, data_type=BigInteger())))
        _functions(to)
    _names(to)
    _journal(to)
    _wallets(to)
    _facts(to)
    _rest(to)


def _names(to: Target) -> None:
    _table(to, "book", "id", _big("id"), _text("name"), _big("clock_day", null=True), unique=["name"])
    _table(
        to,
        "asset",
        "id",
        _big("id"),
        _big("book_id"),
        _text("name"),
        unique=["book_id name"],
        refers={"book_id": "book"},
    )
    _table(
        to,
        "holder",
        "id",
        *(_big("id"), _big("book_id"), _big("layer"), _text("ref"), _big("version")),
        unique=["book_id ref layer"],
        refers={"book_id": "book"},
    )
    _table(
        to,
        "account",
        "id",
        *(_big("id"), _big("book_id"), _big("holder_id", null=True), _text("name"), _text("path")),
        _text("balance_mode"),
        unique=["book_id path"],
        checks={"mode": "balance_mode IN ('sync', 'derived')"},
        refers={"book_id": "book", "holder_id": "holder"},
    )
    _index(to, "account", "holder_id")


def _journal(to: Target) -> None:
    _table(
        to,
        "entry",
        "id",
        *(_big("id"), _big("book_id"), _writers_number(to), _text("key"), _text("kind"), _text("cause", null=True)),
        *(_big("effective_at"), _big("recorded_at"), _text("revision"), _text("corrects", null=True)),
        *(_text("explanation"), _blob("content_hash"), _big("hash_version")),
        unique=["book_id key"],
    )
    _index(to, "entry", "book_id cause", where="cause IS NOT NULL AND key <> 'event:' || cause AND key <> cause")
    _guard(to, "entry", keys=["id", "book_id key"])
    _table(
        to,
        "posting",
        "entry_id seq",
        *(_big("entry_id"), _big("seq"), _big("account_id"), _big("asset_id"), _big("amount")),
        *(_big("lot_day", null=True), _text("rule", null=True), _text("cause", null=True)),
        *(_big("balance_after", null=True), _big("version", null=True)),
        checks={"amount": "amount <> 0"},
        clustered=True,
    )
    _index(to, "posting", "account_id asset_id version", where="version IS NOT NULL", unique=True)
    _guard(to, "posting", keys=["entry_id seq", "account_id asset_id version"])
    if to.dialect == "postgresql":
        _say_always(
            to,
            "posting",
            "balance",
            f"AFTER INSERT ON {to.place('posting')} REFERENCING NEW TABLE AS added FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {to.place('balance')}()",
        )
    _table(
        to,
        "seal",
        "id",
        *(_big("id"), _big("book_id"), _big("number"), _big("epoch"), _big("last_xid"), _big("last_entry_id")),
        *(_blob("leaves"), _blob("root_hash"), _big("sealed_at")),
        unique=["book_id number"],
        refers={"book_id": "book"},
    )
    _guard(to, "seal", keys=["id", "book_id number"])


def _wallets(to: Target) -> None:
    _table(
        to,
        "balance",
        "account_id asset_id",
        *(_big("account_id"), _big("asset_id"), _big("posted"), _big("version")),
        *(_big("floor", null=True), _big("ceiling", null=True)),
        checks={"floor": "posted >= floor", "ceiling": "posted <= ceiling"},
        refers={"account_id": "account", "asset_id": "asset"},
        clustered=True,
    )
    _table(
        to,
        "lot",
        "id",
        *(_big("id"), _big("account_id"), _big("asset_id"), _big("expires_day"), _big("earned_at"), _big("seq")),
        *(_big("amount"), _big("remaining")),
        checks={"remaining": "remaining BETWEEN 0 AND amount", "amount": "amount > 0"},
    )
    _index(to, "lot", "account_id asset_id expires_day earned_at", where="remaining > 0")
    _guard(to, "lot", keys=["id"], fixed="id account_id asset_id expires_day earned_at seq amount")
    _table(
        to,
        "lot_allocation",
        "entry_id seq lot_id",
        *(_big("entry_id"), _big("seq"), _big("lot_id"), _big("amount")),
        checks={"amount": "amount > 0"},
        clustered=True,
    )
    _guard(to, "lot_allocation", keys=["entry_id seq lot_id"])


def _facts(to: Target) -> None:
    _table(
        to,
        "event",
        "id",
        *(_big("id"), _big("book_id"), _text("identity"), _text("source"), _text("kind"), _text("partner")),
        *(_text("person", null=True), _big("occurred_at"), _big("recorded_at"), _text("origin", null=True)),
        *(_text("fields_json"), _blob("body_hash")),
        unique=["book_id identity"],
    )
    _index(to, "event", "book_id origin", where="origin IS NOT NULL")
    _guard(to, "event", keys=["id", "book_id identity"])
    _table(
        to,
        "delivery",
        "holder_id at event_id",
        *(_big("holder_id"), _big("at"), _big("event_id"), _text("inputs")),
        unique=["event_id holder_id"],
        clustered=True,
    )
    _table(
        to,
        "grant",
        "id",
        *(_big("id"), _big("book_id"), _text("key"), _text("kind"), _big("holder_id"), _text("currency")),
        *(_big("amount"), _big("at"), _text("of_key", null=True), _big("final", null=True), _text("details")),
        unique=["book_id key", "book_id of_key final"],
        checks={"amount": "amount > 0", "final": "final = 1"},
        refers={"book_id": "book", "holder_id": "holder"},
    )
    _index(to, "grant", "holder_id at")
    _guard(to, "grant", keys=["id", "book_id key", "book_id of_key final"])


def _rest(to: Target) -> None:
    _table(
        to,
        "checkpoint",
        "holder_id revision",
        *(_big("holder_id"), _text("revision"), _big("holder_version"), _text("state")),
        refers={"holder_id": "holder"},
        clustered=True,
    )
    _table(
        to,
        "outbox",
        "id",
        *(_big("id"), _big("book_id"), _text("topic"), _text("body")),
        refers={"book_id": "book"},
    )
    _index(to, "outbox", "book_id id")


def _big(name: str, *, null: bool = False) -> Column[Any]:
    # SQLite's strict tables know INTEGER alone, which has 64 bits there.
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column(name, kind, nullable=null, autoincrement=False)


def _text(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Text(), nullable=null)


def _blob(name: str) -> Column[Any]:
    return Column(name, LargeBinary(), nullable=False)


def _writers_number(to: Target) -> Column[Any]:
    column = _big("xid")
    return Column(
        column.name,
        column.type,
        nullable=False,
        server_default=text("0" if to.dialect == "sqlite" else "(pg_current_xact_id()::text::bigint)"),
    )


def _table(
    to: Target,
    table: str,
    key: str,
    *columns: Column[Any],
    unique: list[str] | None = None,
    checks: dict[str, str] | None = None,
    refers: dict[str, str] | None = None,
    clustered: bool = False,
) -> None:
    """Make a table; columns of keys are named in one string, with spaces between them."""
    name, behind = to.prefix + table, "" if to.schema is None else f"{to.schema}."
    to.op.create_table(
        name,
        *columns,
        PrimaryKeyConstraint(*key.split(), name=conv(f"pk_{name}")),
        *(
            ForeignKeyConstraint([column], [f"{behind}{to.prefix}{other}.id"], name=conv(f"fk_{name}_{column}"))
            for column, other in (refers or {}).items()
        ),
        *(UniqueConstraint(*group.split(), name=conv(_joined("uq", name, group))) for group in unique or ()),
        *(CheckConstraint(condition, name=conv(f"ck_{name}_{short}")) for short, condition in (checks or {}).items()),
        schema=to.schema,
        sqlite_strict=True,
        sqlite_with_rowid=not clustered,
    )


def _index(to: Target, table: str, columns: str, *, where: str | None = None, unique: bool = False) -> None:
    condition = None if where is None else text(where)
    to.op.create_index(
        conv(_joined("ix", to.prefix + table, columns)),
        to.prefix + table,
        columns.split(),
        schema=to.schema,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _joined(kind: str, table: str, columns: str) -> str:
    return f"{kind}_{table}_{columns.replace(' ', '_')}"


def _guard(to: Target, table: str, *, keys: list[str], fixed: str = "") -> None:
    """Have the database refuse to change and take out rows; with *fixed*, to change those columns."""
    update = f"UPDATE OF {_quoted(fixed.split())}" if fixed else "UPDATE"
    name, place = to.prefix + table, to.place(table)
    if to.dialect == "sqlite":
        # INSERT OR REPLACE deletes the old row without firing delete triggers.
        same = " OR ".join(
            f"EXISTS (SELECT 1 FROM {place} AS old WHERE "
            + " AND ".join(f'old."{column}" = NEW."{column}"' for column in key.split())
            + ")"
            for key in keys
        )
        to.say(
            *(
                f'CREATE TRIGGER "tr_{name}_{verb}" BEFORE {occasion} ON {place} '
                f"BEGIN SELECT RAISE(ABORT, '{_refusal(name, verb)}'); END"
                for verb, occasion in (("update", update), ("delete", "DELETE"))
            ),
            f'CREATE TRIGGER "tr_{name}_replace" BEFORE INSERT ON {place} WHEN {same} '
            f"BEGIN SELECT RAISE(FAIL, '{_refusal(name, 'replace')}'); END",
        )
        return
    for verb, occasion in (("update", update), ("delete", "DELETE"), ("truncate", "TRUNCATE")):
        call = f"{to.place('refuse')}('{_refusal(name, verb)}')"
        _say_always(to, table, verb, f"BEFORE {occasion} ON {place} FOR EACH STATEMENT EXECUTE FUNCTION {call}")


def _say_always(to: Target, table: str, verb: str, rest: str) -> None:
    # A session that replicates passes every trigger that is not always on.
    trigger = f'"tr_{to.prefix}{table}_{verb}"'
    to.say(f"CREATE TRIGGER {trigger} {rest}", f"ALTER TABLE {to.place(table)} ENABLE ALWAYS TRIGGER {trigger}")


def _functions(to: Target) -> None:
    opening = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    to.say(
        f"CREATE FUNCTION {to.place('refuse')}() {opening}\n"
        "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';\nEND $$",
        f"CREATE FUNCTION {to.place('balance')}() {opening}\n"
        "IF EXISTS (SELECT 1 FROM added GROUP BY entry_id, asset_id HAVING sum(amount) <> 0) THEN\n"
        "  RAISE EXCEPTION 'postings of an entry do not sum to 0 in an asset' USING ERRCODE = 'check_violation';\n"
        "END IF;\nRETURN NULL;\nEND $$",
    )


def _refusal(name: str, verb: str) -> str:
    return f"{name} is append-only: add a row that corrects, {verb} none"


def _quoted(columns: list[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
