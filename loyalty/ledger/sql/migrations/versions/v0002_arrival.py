"""What is decided when an event comes: the instant at which one counts that came too late for its own."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer

from loyalty.ledger.sql.migrations.target import Target

revision = "0002"
down_revision = "0001"


def upgrade(to: Target) -> None:
    """Add a column to the events; those that are there count at their own instants."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    to.op.add_column(to.prefix + "event", Column("counts_from", kind, nullable=True), schema=to.schema)
