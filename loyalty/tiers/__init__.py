"""Metrics over windows, and the ladder of tiers that they qualify for."""
