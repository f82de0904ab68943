"""
The very step of the core, compiled by numba over structured arrays.

Nothing is written twice: the generated source and the runtime are compiled as they are, and only the primitives that
touch tables differ. Arrays have a fixed capacity here, and a step that would pass it raises instead of writing
past the end. (The batch kernel over packed holders builds on this.)
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numba
import numpy as np

from loyalty.settlement import runtime
from loyalty.settlement.generate import LayerStep, namespace
from loyalty.settlement.state import (
    CELL,
    COMMAND,
    LEG,
    SCALARS,
    Memory,
    item_fields,
    row_fields,
)

#: The tables under the names that the step uses.
Tables = namedtuple(
    "Tables",
    "amounts arrears commands days expiry keys legs month_first month_of p pieces returns rows",
)

#: How many numbers a movement has.
MOVEMENT_WIDTH = 7


def compile_step(layer_step: LayerStep) -> Mapping[str, Any]:
    """
    Compile the step and all that it calls.

    Returns:
        ``step(e, s, m, o)`` and ``boundary(s, m, o, through)`` among the compiled functions, by name.
    """
    scope = namespace({name: numba.njit(primitive) for name, primitive in _PRIMITIVES.items()})
    for name, function in [*scope.items()]:
        if isinstance(function, FunctionType):
            scope[name] = numba.njit(FunctionType(function.__code__, scope, name, function.__defaults__))
    exec(compile(layer_step.source, "<step for numba>", "exec"), scope)
    for name, function in [*scope.items()]:
        if isinstance(function, FunctionType):
            scope[name] = numba.njit(function)
    return scope


def items_array(layer_step: LayerStep, count: int) -> Any:
    """Give room for *count* encoded items."""
    return np.zeros(count, _records(item_fields(layer_step.layout)))


def scalars_array(layer_step: LayerStep) -> Any:
    """Give one holder's scalars before its first event, as an array of one record."""
    first = {**SCALARS, **layer_step.layout.scalars()}
    array = np.zeros(1, _records(tuple(first)))
    for name, value in first.items():
        array[name] = value
    return array


def tables(layer_step: LayerStep, capacity: int) -> Tables:
    """Give one holder's tables before its first event; each growing table has room for *capacity* rows."""
    layout = layer_step.layout
    memory = Memory(layout)
    return Tables(
        amounts=np.zeros((layout.bucket_count, capacity), np.int64),
        arrears=np.zeros(len(memory.arrears), np.int64),
        commands=np.zeros(capacity, _records(COMMAND)),
        days=np.full((layout.bucket_count, capacity), runtime.END),
        expiry=np.array(memory.expiry, dtype=np.int64),
        keys=np.zeros((len(layout.keys), capacity), _records(CELL)),
        legs=np.zeros(capacity, _records(LEG)),
        month_first=np.array(memory.month_first, dtype=np.int64),
        month_of=np.array(memory.month_of, dtype=np.int64),
        p=np.array(memory.p, dtype=np.int64),
        pieces=np.zeros(2 * capacity, np.int64),
        returns=np.array(memory.returns, dtype=np.int64),
        rows=np.zeros(capacity, _records(row_fields(layout))),
    )


def output_array(capacity: int) -> Any:
    """Give room for *capacity* movements; the first row counts them."""
    return np.zeros((capacity + 1, MOVEMENT_WIDTH), np.int64)


def drain(output: Any) -> list[tuple[int, ...]]:
    """Give the movements in the output, and empty it."""
    count = int(output[0, 0])
    output[0, 0] = 0
    return [tuple(int(number) for number in row) for row in output[1 : count + 1]]


def _records(fields: tuple[str, ...]) -> Any:
    return np.dtype([(field, np.int64) for field in fields])


def _put(output: Any, movement: Any) -> None:
    row = output[0, 0] + 1
    if row >= output.shape[0]:
        raise IndexError("the output is full; drain it before the next item")
    for place in range(7):
        output[row, place] = movement[place]
    output[0, 0] = row


def _room(rows: Any, count: int) -> None:
    if count >= len(rows):
        raise IndexError("a table is full; give it more capacity")


def _find(days: Any, day: int) -> int:
    low, high = 0, len(days)
    while low < high:
        middle = (low + high) // 2
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low


def _insert_at(values: Any, index: int, value: int) -> None:
    last = len(values) - 1
    # The last place always closes the table: a day that never comes, or the 0 beside it.
    if values[last - 1] != values[last] and values[last] == runtime.END:
        raise IndexError("a bucket table is full; give it more capacity")
    for place in range(last, index, -1):
        values[place] = values[place - 1]
    values[index] = value


def _remove_at(values: Any, index: int) -> None:
    last = len(values) - 1
    for place in range(index, last):
        values[place] = values[place + 1]


_PRIMITIVES = {"put": _put, "room": _room, "find": _find, "insert_at": _insert_at, "remove_at": _remove_at}
