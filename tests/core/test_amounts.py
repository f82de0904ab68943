"""Divisions and decimals, held to exact fractions and to Python's own decimal arithmetic."""

from __future__ import annotations

import decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.amounts import Rounding, divide, format_minor_units, parse_decimal, to_minor_units

PYTHONS = {
    Rounding.DOWN: decimal.ROUND_DOWN,
    Rounding.UP: decimal.ROUND_UP,
    Rounding.HALF_UP: decimal.ROUND_HALF_UP,
    Rounding.HALF_EVEN: decimal.ROUND_HALF_EVEN,
}

whole = st.integers(-(2**70), 2**70)


@given(
    numerator=whole,
    denominator=st.one_of(st.integers(1, 10), st.integers(1, 2**40)),
    rounding=st.sampled_from(Rounding),
)
def test_divisions_lie_where_their_name_says(numerator: int, denominator: int, rounding: Rounding) -> None:
    """The result is a neighbour of the exact fraction, on the side or at the distance that the rounding names."""
    exact, result = Fraction(numerator, denominator), divide(numerator, denominator, rounding)
    assert abs(result - exact) < 1
    if rounding is Rounding.DOWN:
        assert abs(result) <= abs(exact)
    elif rounding is Rounding.UP:
        assert abs(result) >= abs(exact)
    else:
        assert abs(result - exact) <= Fraction(1, 2)
    if exact.denominator == 1:
        assert result == exact


@given(
    numerator=st.integers(-(10**20), 10**20),
    digits=st.integers(0, 6),
    rounding=st.sampled_from(Rounding),
)
def test_divisions_agree_with_decimal(numerator: int, digits: int, rounding: Rounding) -> None:
    """Powers of ten are divided as Python's decimal quantizes."""
    with decimal.localcontext(prec=60):
        exact = decimal.Decimal(numerator).scaleb(-digits)
        assert divide(numerator, 10**digits, rounding) == int(exact.quantize(decimal.Decimal(1), PYTHONS[rounding]))


@given(numerator=whole, denominator=st.integers(1, 1000))
def test_rounding_has_no_side(numerator: int, denominator: int) -> None:
    """A debit is rounded as the credit of the same size."""
    for rounding in Rounding:
        assert divide(-numerator, denominator, rounding) == -divide(numerator, denominator, rounding)


def test_halves() -> None:
    """Where the roundings differ most."""
    halves = (1, 3, 5, -1, -3)
    assert [divide(half, 2, Rounding.HALF_EVEN) for half in halves] == [0, 2, 2, 0, -2]
    assert [divide(half, 2, Rounding.HALF_UP) for half in halves] == [1, 2, 3, -1, -2]


def test_nothing_is_divided_by_nothing() -> None:
    """A zero divisor is an error."""
    with pytest.raises(ZeroDivisionError):
        divide(1, 0, Rounding.DOWN)


@given(amount=st.integers(-(10**18), 10**18), scale=st.integers(0, 6))
def test_amounts_that_are_written_are_read_again(amount: int, scale: int) -> None:
    """Minor units survive their own text."""
    text = format_minor_units(amount, scale)
    assert to_minor_units(text, scale) == amount
    assert parse_decimal(text) == Fraction(amount, 10**scale)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_decimals_are_read_exactly(value: decimal.Decimal) -> None:
    """No float comes between the text and the number."""
    assert parse_decimal(f"{value:f}") == Fraction(value)


def test_a_tenth_is_a_tenth() -> None:
    """Ten of them are one, which floats do not manage."""
    assert sum((parse_decimal("0.1") for _ in range(10)), Fraction(0)) == 1
    assert to_minor_units("0.29", 2) == 29


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1e3", "1,000", "inf", "nan", "0x10", "1 000", "--1", "1.2.3", "1/2"]
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    """Exponents, commas, fractions and infinities are not amounts."""
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(text)


def test_more_digits_than_the_unit_has_are_refused() -> None:
    """Nothing is rounded in reading; zeros at the end are no digits."""
    assert to_minor_units("12.500", 2) == 1250
    with pytest.raises(ValueError, match="2 decimal places"):
        to_minor_units("12.505", 2)
