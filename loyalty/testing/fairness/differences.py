"""What two outcomes differ in, and which rules make the difference."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from loyalty.programme.model import Programme
from loyalty.testing.outcomes import Effect, by_rule, unit_value, write_amount

K = TypeVar("K", bound=Hashable)


def losses(before: Mapping[K, Fraction], after: Mapping[K, Fraction]) -> Iterator[tuple[K, Fraction, Fraction]]:
    """Give what became less, with what it was and what it is."""
    for key in {**before, **after}:
        was, now = before.get(key, Fraction(0)), after.get(key, Fraction(0))
        if now < was:
            yield key, was, now


def rules_that_differ(
    programme: Programme, before: Sequence[Effect], after: Sequence[Effect]
) -> tuple[tuple[str, str], ...]:
    """Give the rules that paid differently, the one that lost most first, then by how much they moved."""
    was, now = by_rule(before), by_rule(after)
    moves = {key: now.get(key, 0) - was.get(key, 0) for key in {**was, **now}}
    ranked = sorted(
        (key for key, move in moves.items() if move),
        key=lambda key: (-abs(moves[key] * unit_value(programme, key[1])[1]), key),
    )
    return tuple(
        (rule, f"{write_amount(programme, currency, was.get((rule, currency), 0))} -> "
               f"{write_amount(programme, currency, now.get((rule, currency), 0))}")
        for rule, currency in ranked
    )  # fmt: skip


def write_value(amount: Fraction, unit: str) -> str:
    """Write an amount of value, exactly where it is a decimal."""
    text = f"{float(amount):.6f}".rstrip("0").rstrip(".")
    return f"{text} {unit}"
