"""Where the laws open their books, and how many examples each store is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import Engine as Database

from tests.engine.conftest import book_file, empty_file, open_database

from .worlds import OpenBook, books_in, books_in_memory

__all__ = ["book_file", "empty_file"]

#: Examples of the law of arrival, by the profile that is chosen as tests/conftest.py says, and by store.
EXAMPLES: Final = {
    "quick": {"memory": 100, "sqlite": 25, "postgresql": 12},
    "laws": {"memory": 10_000, "sqlite": 1_000, "postgresql": 300},
}[os.environ.get("LOYALTY_HYPOTHESIS_PROFILE", "quick")]


@pytest.fixture(params=list(EXAMPLES))
def backend(request: pytest.FixtureRequest) -> str:
    """Each of the stores."""
    return str(request.param)


@pytest.fixture
def examples(backend: str) -> int:
    """How many examples the store is given."""
    return EXAMPLES[backend]


@pytest.fixture
def open_book(backend: str, request: pytest.FixtureRequest) -> Iterator[OpenBook]:
    """Give empty books of the store, as many as are asked for."""
    if backend == "memory":
        yield books_in_memory()
        return
    database: Database
    if backend == "sqlite":
        database = open_database(request.getfixturevalue("book_file"))
    else:
        database = request.getfixturevalue("postgresql_book")
    yield books_in(database)
    database.dispose()
