"""A book in a database, through SQLModel and SQLAlchemy; nothing else of the library imports either."""

from loyalty.ledger.sql.connections import sqlite_engine
from loyalty.ledger.sql.schema import DEFAULT_PREFIX, Schema, create_tables
from loyalty.ledger.sql.store import SqlStore, SqlTransaction

__all__ = ["DEFAULT_PREFIX", "Schema", "SqlStore", "SqlTransaction", "create_tables", "sqlite_engine"]
