"""
SQLite knows the key of a row by three more names than its column's, and a trigger that names columns goes by the names
that a statement writes: what may not change of a lot is named by all of them.
"""

from __future__ import annotations

from loyalty.ledger.sql.migrations.target import Target
from loyalty.ledger.sql.migrations.versions.v0001_tables import _quoted, _refusal

revision = "0003"
down_revision = "0002"

_FIXED = "id account_id asset_id expires_day earned_at seq amount rowid oid _rowid_"


def upgrade(to: Target) -> None:
    """Make the trigger on lots anew; PostgreSQL's stays as it is."""
    if to.dialect == "sqlite":
        name = to.prefix + "lot"
        to.say(
            f'DROP TRIGGER "tr_{name}_update"',
            f'CREATE TRIGGER "tr_{name}_update" BEFORE UPDATE OF {_quoted(_FIXED.split())} ON {to.place("lot")} '
            f"BEGIN SELECT RAISE(ABORT, '{_refusal(name, 'update')}'); END",
        )
