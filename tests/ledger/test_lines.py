"""Every store reads a wallet line by line alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from loyalty.ledger.memory import MemoryStore
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine

from .lines_contract import LinesContract, filled

__all__ = ["filled"]


class TestMemory(LinesContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestFile(LinesContract):
    """In an SQLite file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        engine = sqlite_engine(tmp_path / "book.db")
        create_tables(engine)
        yield SqlStore(engine)
        engine.dispose()


class TestPostgreSQL(LinesContract):
    """In PostgreSQL."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> SqlStore:
        return SqlStore(postgresql_book)


class TestPostgreSQLSession(LinesContract):
    """In a host's session on PostgreSQL."""

    @pytest.fixture
    def store(self, postgresql_book: Engine) -> Iterator[SqlStore]:
        with Session(postgresql_book) as session:
            yield SqlStore(session)
