"""Each test of migrations runs on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from tests.databases import Server

#: Makes one more empty database of the kind that the test runs on.
NewEngine = Callable[[], Engine]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewEngine]:
    """Give empty databases of one kind."""
    made: list[Engine] = []

    def new() -> Engine:
        if request.param == "sqlite":
            url: object = f"sqlite:///{tmp_path / f'{len(made)}.db'}"
        else:
            server: Server = request.getfixturevalue("postgresql")
            url = server.create()
        made.append(create_engine(url))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for engine in made:
        engine.dispose()
        if request.param == "postgresql":
            request.getfixturevalue("postgresql").drop(engine.url)


@pytest.fixture
def engine(new_engine: NewEngine) -> Engine:
    """An engine on an empty database."""
    return new_engine()
