"""Doing something to see what it does: the transaction around it is taken back by raising this inside."""

from __future__ import annotations


class Undo(Exception):
    """Takes a transaction back; it never reaches a host."""
