"""
Partner programmes as pure functions of history.

>>> import loyalty
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = loyalty.Engine(loyalty.loads(EXAMPLE), loyalty.MemoryStore())

The public names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loyalty.core.events import Event
    from loyalty.core.holders import Holder, Layer
    from loyalty.engine import Engine, Receipt, Statement, settle
    from loyalty.engine.migrating import MigrationPlan, migrate, plan_migration
    from loyalty.errors import (
        ClaimError,
        EventConflict,
        EventRejected,
        Finding,
        InsufficientPoints,
        LedgerError,
        LoyaltyError,
        NotRecorded,
        Place,
        ProgrammeError,
        SourceError,
        StoreError,
        UsageError,
    )
    from loyalty.ledger.memory import MemoryStore
    from loyalty.programme.admission import read_event
    from loyalty.programme.loading import load, loads
    from loyalty.programme.model import Programme

__version__ = "0.1.0"

_HOME = {
    "Event": "loyalty.core.events",
    "Holder": "loyalty.core.holders",
    "Layer": "loyalty.core.holders",
    "Engine": "loyalty.engine",
    "Receipt": "loyalty.engine",
    "Statement": "loyalty.engine",
    "settle": "loyalty.engine",
    "ClaimError": "loyalty.errors",
    "EventConflict": "loyalty.errors",
    "EventRejected": "loyalty.errors",
    "Finding": "loyalty.errors",
    "InsufficientPoints": "loyalty.errors",
    "LedgerError": "loyalty.errors",
    "LoyaltyError": "loyalty.errors",
    "NotRecorded": "loyalty.errors",
    "Place": "loyalty.errors",
    "ProgrammeError": "loyalty.errors",
    "SourceError": "loyalty.errors",
    "StoreError": "loyalty.errors",
    "UsageError": "loyalty.errors",
    "MemoryStore": "loyalty.ledger.memory",
    "Programme": "loyalty.programme.model",
    "load": "loyalty.programme.loading",
    "loads": "loyalty.programme.loading",
    "MigrationPlan": "loyalty.engine.migrating",
    "migrate": "loyalty.engine.migrating",
    "plan_migration": "loyalty.engine.migrating",
    "read_event": "loyalty.programme.admission",
}

__all__ = [
    "ClaimError",
    "Engine",
    "Event",
    "EventConflict",
    "EventRejected",
    "Finding",
    "Holder",
    "InsufficientPoints",
    "Layer",
    "LedgerError",
    "LoyaltyError",
    "MemoryStore",
    "MigrationPlan",
    "NotRecorded",
    "Place",
    "Programme",
    "ProgrammeError",
    "Receipt",
    "SourceError",
    "Statement",
    "StoreError",
    "UsageError",
    "load",
    "loads",
    "migrate",
    "plan_migration",
    "read_event",
    "settle",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'loyalty' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
