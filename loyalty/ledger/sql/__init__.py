"""A book in a database, through SQLModel and SQLAlchemy; nothing else of the library imports either."""

from loyalty.ledger.sql.connections import set_up_sqlite, sqlite_engine
from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema
from loyalty.ledger.sql.store import SqlStore
from loyalty.ledger.sql.transaction import SqlTransaction
from loyalty.ledger.sql.versions import check_version, create_tables

__all__ = [
    "DEFAULT_PREFIX",
    "Schema",
    "SqlStore",
    "SqlTransaction",
    "check_version",
    "create_tables",
    "set_up_sqlite",
    "sqlite_engine",
]
