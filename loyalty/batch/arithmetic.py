"""
Arithmetic that the compiler does not find by itself: quotients by numbers that are known before a run, and hints.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,no-any-return"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from loyalty.batch.marking import INT

_WIDE: Final = ir.IntType(128)


@intrinsic
def rarely(typing: Any, condition: Any) -> Any:
    """Give a condition that seldom holds, so that what follows stands out of the way."""
    del typing, condition

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        bit = ir.IntType(1)
        expect = builder.module.declare_intrinsic("llvm.expect", [bit], ir.FunctionType(bit, [bit, bit]))
        return builder.call(expect, [args[0], bit(0)])

    return signature(types.boolean, types.boolean), code


@intrinsic
def divided(typing: Any, numerator: Any, factor: Any, shift: Any) -> Any:
    """Divide a number >= 0 by one whose reciprocal is *factor* and *shift*, see :func:`reciprocals_of`."""
    del typing, factor, shift

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        doubled, factor = (builder.zext(value, _WIDE) for value in (builder.shl(args[0], INT(1)), args[1]))
        high = builder.trunc(builder.lshr(builder.mul(doubled, factor), _WIDE(64)), INT)
        return builder.lshr(high, args[2])

    return signature(types.int64, numerator, types.int64, types.int64), code


def reciprocals_of(numbers: Sequence[int]) -> Any:
    """
    Give of each number above 0 the two words by which a number of 63 bits is divided: a factor and a shift; then a 0.

    With ``shift`` as many bits as the number less one has, ``factor`` is the first whole number from
    ``2**(63 + shift) / number`` on: what it lies above that is too little to reach the next quotient.

    >>> factor, shift, _ = (int(word) for word in reciprocals_of([7]).view(np.uint64))
    >>> [number * factor >> 63 + shift for number in (0, 6, 7, 700, 2**63 - 1)], (2**63 - 1) // 7
    ([0, 0, 1, 100, 1317624576693539401], 1317624576693539401)
    """
    words = []
    for number in numbers:
        shift = (number - 1).bit_length() if number > 0 else 0
        words += [-(-(1 << 63 + shift) // number) if number > 0 else 0, shift]
    return np.array([*words, 0], np.uint64).view(np.int64)
