"""What a host calls: an engine over a store, and settlement of a whole history as a pure function."""

from loyalty.engine.engine import Engine
from loyalty.engine.receipts import Receipt, Statement
from loyalty.explaining.steps import Explanation
from loyalty.settlement.settle import Settlement, settle

__all__ = ["Engine", "Explanation", "Receipt", "Settlement", "Statement", "settle"]
