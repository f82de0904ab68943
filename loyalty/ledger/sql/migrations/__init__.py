"""
Migrations of the ledger's tables, on a connection that the host gives and beside the host's own Alembic.

>>> from sqlalchemy import create_engine
>>> engine = create_engine("sqlite://")
>>> migrate(engine, prefix="points_")
['0001', '0002', '0003']
>>> migrate(engine, prefix="points_")
[]
>>> current(engine, prefix="points_") == head()
True
"""

from loyalty.ledger.sql.migrations.hosts import include_name, include_object
from loyalty.ledger.sql.migrations.running import current, head, migrate, migration_sql

__all__ = ["current", "head", "include_name", "include_object", "migrate", "migration_sql"]
