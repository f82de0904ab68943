"""The store in memory keeps the contract."""

from __future__ import annotations

import pytest

from loyalty.ledger.memory import MemoryStore

from .store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """The contract, in memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
