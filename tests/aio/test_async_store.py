"""The store keeps its contract on asyncio, on the engines, connections and sessions of both databases."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from loyalty.aio import AsyncSqlStore
from loyalty.ledger.sql import SqlStore
from tests.ledger.store_contract import StoreContract


def _on_the_loop(test: Callable[..., None]) -> Callable[..., None]:
    """Give a test of the contract as one that runs in a greenlet, with the store that is given there."""
    others = [name for name in inspect.signature(test).parameters if name not in ("self", "store")]
    assert others == [], "the tests of the contract ask for a store alone"

    def on_the_loop(_self: object, async_store: AsyncSqlStore, run: Any) -> None:
        def contract(store: SqlStore) -> None:
            test(StoreContract(), store)

        run(async_store.run_sync(contract))

    on_the_loop.__doc__ = test.__doc__
    return on_the_loop


class TestAsyncStore:
    """The contract, each test of it in a greenlet."""


_TESTS = {
    name: test for name, test in inspect.getmembers(StoreContract, inspect.isfunction) if name.startswith("test_")
}
for _name, _test in _TESTS.items():
    setattr(TestAsyncStore, _name, _on_the_loop(_test))


def test_every_test_of_the_contract_is_there() -> None:
    """None is left out, whatever the contract grows by."""
    assert len(_TESTS) > 30
    assert all(getattr(TestAsyncStore, name).__doc__ == test.__doc__ for name, test in _TESTS.items())


@pytest.mark.parametrize("kind", [int, str])
def test_what_is_no_database_of_asyncio_is_refused(kind: type) -> None:
    """Whoever gives something else is told what to give."""
    from loyalty.errors import UsageError

    with pytest.raises(UsageError, match=f"got {kind.__name__} for the database"):
        AsyncSqlStore(kind())
