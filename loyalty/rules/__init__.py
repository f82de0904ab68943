"""Earning rules: what they declare, and the expression language of their conditions."""
