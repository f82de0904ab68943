"""
What is decided when something comes late: the instant at which an event counts that came too late for its own, and the
lock of a book, behind which entries are booked under other days than their own. The texts of the declarations that
entries were settled under, and the chains of revisions that a book took up. And how far each holder's own clock has
run, so that the clock can move in batches.
"""

from __future__ import annotations

from loyalty.ledger.sql.migrations.target import Target
from loyalty.ledger.sql.migrations.versions.v0001_tables import _big, _guard, _index, _table, _text

revision = "0002"
down_revision = "0001"


def upgrade(to: Target) -> None:
    """Add columns that may be empty, and are in all rows that are there; and tables of what is decided of a book."""
    for table, column in (
        ("event", "counts_from"),
        ("entry", "booked_day"),
        ("book", "locked_day"),
        ("holder", "clock_day"),
        ("holder", "due_day"),
    ):
        to.op.add_column(to.prefix + table, _big(column, null=True), schema=to.schema)
    to.op.add_column(to.prefix + "holder", _text("due_under", null=True), schema=to.schema)
    _table(
        to,
        "book_lock",
        "id",
        *(_big("id"), _big("book_id"), _big("through_day", null=True), _big("recorded_at")),
        *(_text("actor"), _text("reason")),
        refers={"book_id": "book"},
    )
    _index(to, "book_lock", "book_id")
    _guard(to, "book_lock", keys=["id"])
    _table(
        to,
        "revision",
        "id",
        *(_big("id"), _big("book_id"), _text("digest"), _big("first_day")),
        *(_text("after", null=True), _text("text"), _big("recorded_at")),
        unique=["book_id digest"],
        refers={"book_id": "book"},
    )
    _guard(to, "revision", keys=["id", "book_id digest"])
    to.op.add_column(to.prefix + "book", _text("chain", null=True), schema=to.schema)
    _table(
        to,
        "adoption",
        "id",
        *(_big("id"), _big("book_id"), _text("chain"), _text("revisions"), _big("recorded_at")),
        *(_text("actor"), _text("reason")),
        refers={"book_id": "book"},
    )
    _index(to, "adoption", "book_id")
    _guard(to, "adoption", keys=["id"])
