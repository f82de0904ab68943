"""
Commands: each asks for a decision, and what was decided is a grant that replay never takes again.

Each has a key: the same command again changes nothing and gives its receipt, and another one under the same key is
refused. They are never back-dated. What each does to wallets, and how replay treats it, is in
``docs/explanation/semantics.md`` (36 to 47).
"""

from __future__ import annotations

from loyalty.engine.adjusting import Adjusting
from loyalty.engine.moving import Moving
from loyalty.engine.spending import Spending


class Commands(Spending, Adjusting, Moving):
    """All commands of an engine."""
