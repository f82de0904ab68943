"""
Interval arithmetic: what an operation can give, when its operands can be anything within their ranges.

The bounds are exact whole numbers, wider than 64 bits where need be; the checker compares them with 64 bits.

>>> divide(Range(-7, 100), Range(2, 10))
Range(lo=-3, hi=50, nonzero=False)
"""

from __future__ import annotations

from attrs import frozen

from loyalty.rules.expressions.types import INT64_MAX, INT64_MIN


@frozen
class Range:
    """The whole numbers from *lo* to *hi*, without 0 where *nonzero* is set."""

    lo: int
    hi: int
    nonzero: bool = False

    @property
    def has_zero(self) -> bool:
        """Whether 0 is among the numbers."""
        return self.lo <= 0 <= self.hi and not self.nonzero

    @property
    def fits(self) -> bool:
        """Whether 64 bits can hold every number."""
        return self.lo >= INT64_MIN and self.hi <= INT64_MAX

    def without_zero(self) -> Range:
        """Leave 0 out; a range of 0 alone stays, since nothing can be said about what never happens."""
        lo, hi = self.lo + (self.lo == 0), self.hi - (self.hi == 0)
        return Range(lo, hi, nonzero=True) if lo <= hi else self

    def meet(self, lo: int, hi: int) -> Range:
        """Keep what lies within the bounds; a contradiction keeps the whole range, which is still true of it."""
        lo, hi = max(self.lo, lo), min(self.hi, hi)
        if lo > hi:
            return self
        met = Range(lo, hi, self.nonzero)
        return met.without_zero() if self.nonzero else met

    def join(self, other: Range) -> Range:
        """Give the smallest range with the numbers of both."""
        return Range(min(self.lo, other.lo), max(self.hi, other.hi), not self.has_zero and not other.has_zero)


def add(left: Range, right: Range) -> Range:
    """Range of ``left + right``."""
    return Range(left.lo + right.lo, left.hi + right.hi)


def subtract(left: Range, right: Range) -> Range:
    """Range of ``left - right``."""
    return Range(left.lo - right.hi, left.hi - right.lo)


def negate(operand: Range) -> Range:
    """Range of ``-operand``."""
    return Range(-operand.hi, -operand.lo, operand.nonzero)


def multiply(left: Range, right: Range) -> Range:
    """Range of ``left * right``."""
    products = [a * b for a in (left.lo, left.hi) for b in (right.lo, right.hi)]
    return Range(min(products), max(products), not left.has_zero and not right.has_zero)


def divide(left: Range, right: Range) -> Range:
    """Range of ``left / right`` toward zero; *right* has no 0."""
    quotients = [_toward_zero(a, b) for a in (left.lo, left.hi) for b in _extreme_divisors(right)]
    return Range(min(quotients), max(quotients))


def remainder(left: Range, right: Range) -> Range:
    """Range of ``left % right``, which has the sign of *left*; *right* has no 0."""
    if left.lo == left.hi and right.lo == right.hi:
        rest = left.lo - _toward_zero(left.lo, right.lo) * right.lo
        return Range(rest, rest)
    largest = max(abs(right.lo), abs(right.hi)) - 1
    return Range(max(left.lo, -largest) if left.lo < 0 else 0, min(left.hi, largest) if left.hi > 0 else 0)


def smallest(ranges: list[Range]) -> Range:
    """Range of ``min(...)``."""
    return Range(min(r.lo for r in ranges), min(r.hi for r in ranges), not any(r.has_zero for r in ranges))


def largest(ranges: list[Range]) -> Range:
    """Range of ``max(...)``."""
    return Range(max(r.lo for r in ranges), max(r.hi for r in ranges), not any(r.has_zero for r in ranges))


def scale(left: Range, right: Range, divisor: Range) -> Range:
    """Range of ``mul_div(left, right, divisor)`` under any rounding: at most one away from that toward zero."""
    product = multiply(left, right)
    bounds = [
        quotient
        for a in (product.lo, product.hi)
        for b in _extreme_divisors(divisor)
        for quotient in (a // b, -(-a // b))
    ]
    return Range(min(bounds), max(bounds))


def _toward_zero(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def _extreme_divisors(divisor: Range) -> list[int]:
    # A quotient is monotone in its divisor on each side of 0, so that the ends and the ones nearest to 0 suffice.
    ends = {divisor.lo, divisor.hi, -1 if divisor.lo < 0 < divisor.hi else divisor.hi, 1}
    return [end for end in ends if end != 0 and divisor.lo <= end <= divisor.hi]
