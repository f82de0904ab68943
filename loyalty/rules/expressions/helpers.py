"""
The divisions that generated source calls: plain functions over ints, which numba compiles unchanged.

None calls another, so that each can be compiled alone. No intermediate leaves 64 bits where the product of
:func:`mul_div` fits, which the checker has proven.

>>> trunc_div(-7, 2), trunc_mod(-7, 2), mul_div(5, 1, 2, HALF_EVEN)
(-3, -1, 2)
"""

from __future__ import annotations

from typing import Final

from loyalty.core.amounts import Rounding

DOWN: Final = 0
UP: Final = 1
HALF_UP: Final = 2
HALF_EVEN: Final = 3

#: The number by which generated source names a rounding.
MODES: Final = {Rounding.DOWN: DOWN, Rounding.UP: UP, Rounding.HALF_UP: HALF_UP, Rounding.HALF_EVEN: HALF_EVEN}


def trunc_div(numerator: int, denominator: int) -> int:
    """
    Divide toward zero, as CEL does; Python's ``//`` goes toward minus infinity.

    Raises:
        ZeroDivisionError: *denominator* is 0, which no compiled expression gives it.
    """
    quotient = numerator // denominator
    if quotient < 0 and numerator % denominator != 0:
        quotient += 1
    return quotient


def trunc_mod(numerator: int, denominator: int) -> int:
    """
    Give the remainder of :func:`trunc_div`, which has the sign of *numerator*.

    Raises:
        ZeroDivisionError: *denominator* is 0, which no compiled expression gives it.
    """
    rest = numerator % denominator
    if rest != 0 and (numerator < 0) != (denominator < 0):
        rest -= denominator
    return rest


def mul_div(left: int, right: int, divisor: int, mode: int) -> int:
    """
    Multiply, divide, and round once.

    Args:
        left: Any int.
        right: An int; the product fits in 64 bits.
        divisor: Not 0.
        mode: One of the values of :data:`MODES`; halves are those of the absolute value.

    Raises:
        ZeroDivisionError: *divisor* is 0, which no compiled expression gives it.

    >>> [mul_div(-5, 1, 2, mode) for mode in (DOWN, UP, HALF_UP, HALF_EVEN)]
    [-2, -3, -3, -2]
    """
    product = left * right
    quotient = product // divisor
    if quotient < 0 and product % divisor != 0:
        quotient += 1
    rest = product - quotient * divisor
    if rest == 0 or mode == DOWN:
        return quotient
    # Both are compared as negative numbers, since the smallest of 64 bits has no positive counterpart.
    negative_rest = rest if rest < 0 else -rest
    negative_other = (divisor if divisor < 0 else -divisor) - negative_rest
    if mode == HALF_UP and negative_rest > negative_other:
        return quotient
    if mode == HALF_EVEN and (
        negative_rest > negative_other or (negative_rest == negative_other and quotient % 2 == 0)
    ):
        return quotient
    return quotient + 1 if (product < 0) == (divisor < 0) else quotient - 1
