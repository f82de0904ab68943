"""
A number of a programme and the values that it takes, as one writes them: ``tiers.gold.multiplier=1.1..1.5:0.1``.

>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> programme = loads(EXAMPLE)
>>> lever = read_lever(programme, "deal-base.points=1..2:0.5")
>>> lever.path, [str(value) for value in lever.values]
('earn.deal-base.give.partner.points', ['1.0', '1.5', '2.0'])
>>> read_lever(programme, "deal-base.points=1,3").values
(Decimal('1'), Decimal('3'))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from itertools import product
from math import prod
from typing import Final

from attrs import field, frozen

from loyalty.errors import LoyaltyError
from loyalty.programme.changing import find_number
from loyalty.programme.model import Programme

_RANGE: Final = re.compile(r"(-?[\d_.]*?\d)\s*\.\.\s*(-?\d[\d_.]*)(?:\s*:\s*(\d[\d_.]*))?")
_NUMBER: Final = re.compile(r"-?\d[\d_]*(?:\.\d+)?")

#: So many points a grid has at most.
MOST_POINTS: Final = 10_000

_EXACT: Final = Context(prec=60)


class LeverError(LoyaltyError):
    """A lever that cannot be read."""

    code = "lever"


@frozen
class Steps:
    """The values from the lowest by equal steps; the last is at most the highest that was asked for."""

    lowest: Decimal
    step: Decimal
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Decimal:
        return _EXACT.add(self.lowest, _EXACT.multiply(self.step, Decimal(place)))


@frozen
class Lever:
    """
    A number that is turned.

    Args:
        path: Its whole path.
        now: What it is in the programme.
        steps: The values of a range; None where they are listed.
        listed: The values of a list.
    """

    path: str
    now: Decimal
    steps: Steps | None = None
    listed: tuple[Decimal, ...] = field(default=())

    @property
    def values(self) -> tuple[Decimal, ...]:
        """All values."""
        return self.listed if self.steps is None else tuple(self.steps[place] for place in range(len(self.steps)))

    def __len__(self) -> int:
        return len(self.listed) if self.steps is None else len(self.steps)


def read_lever(programme: Programme, text: str) -> Lever:
    """
    Read ``PATH=LOW..HIGH``, ``PATH=LOW..HIGH:STEP`` or ``PATH=A,B,C``.

    A range without a step goes by one in the last digit that is written, there or in the programme.

    Raises:
        PathError: the path leads to no number.
        LeverError: the values cannot be read.
    """
    path, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not path or not written:
        raise LeverError(f"got {text!r}; write a path and values: tiers.gold.multiplier=1.1..1.5:0.1")
    number = find_number(programme, path)
    match = _RANGE.fullmatch(written)
    if match is None:
        values = [part.strip() for part in written.split(",")]
        wrong = next((value for value in values if not _NUMBER.fullmatch(value)), None)
        if wrong is not None:
            raise LeverError(f"{path}: got {wrong!r}; write a range such as 1..5:0.5, or numbers such as 1,2,5")
        listed = tuple(_decimal(value) for value in values)
        if len(set(listed)) < len(listed):
            raise LeverError(f"{path}: got {written!r}, which names a value twice; leave one out")
        return Lever(number.path, number.value, listed=listed)
    low, high = (_read(path, part) for part in match.group(1, 2))
    step = _read(path, match[3]) if match[3] else Decimal(1).scaleb(-max(_digits(n) for n in (low, high, number.value)))
    if low > high or step <= 0:
        raise LeverError(f"{path}: got {written!r}; the first number is the lower one, and the step is above 0")
    return Lever(number.path, number.value, steps=Steps(low, step, int((high - low) // step) + 1))


def grid(levers: Sequence[Lever]) -> Iterator[Mapping[str, Decimal]]:
    """
    Give every combination of values, the last lever turning fastest.

    Raises:
        LeverError: there are too many, or two levers turn one number.
    """
    paths = [lever.path for lever in levers]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise LeverError(f"{twice} is turned twice; put its values together")
    points = prod(len(lever) for lever in levers)
    if points > MOST_POINTS:
        lengths = " x ".join(f"{len(lever):,}" for lever in levers)
        raise LeverError(
            f"{lengths} values are {points:,} points, above {MOST_POINTS:,}; write wider steps, LOW..HIGH:STEP"
        )
    return (dict(zip(paths, values, strict=True)) for values in product(*(lever.values for lever in levers)))


def _read(path: str, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise LeverError(f"{path}: got {text!r}; write a number such as 1.5")
    return _decimal(text)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))


def _digits(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
