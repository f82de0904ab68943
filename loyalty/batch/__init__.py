"""Whole histories at once: events as columns in, totals or every movement out."""

from loyalty.batch.response import Response
from loyalty.batch.results import Batch, HolderTotals, in_turn, together
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable

__all__ = ["Batch", "EventTable", "HolderTotals", "Response", "in_turn", "run", "together"]
