"""
Numbers for names that come in one dictionary after the other: a name has the same number in all of them.

>>> names = Names(["acme"])
>>> names.add(pa.array(["acme", "birch"])), names.add(pa.array(["cedar", "birch"])).tolist()
(None, [2, 1])
>>> names.texts().to_pylist()
['acme', 'birch', 'cedar']
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from loyalty.batch import spelling
from loyalty.batch.tables import Ints

#: So many names at once are worth loading what is compiled.
_MANY: Final = 1 << 16

#: What is called from outside, and what is compiled into it.
_SOURCES: Final = (
    ("inline", spelling.hash_of),
    ("inline", spelling.is_same),
    ("entry", spelling.learn),
    ("entry", spelling.enter_again),
)

_HEAD: Final = '''"""Made by loyalty: what numbers names, as numba compiles it."""

from __future__ import annotations

from typing import Any

from loyalty.batch.pointers import entry, inline
'''


class Names:
    """
    Names in the order in which they came; each one's number is its place among them.

    Args:
        first: Names that have the first numbers.
    """

    def __init__(self, first: Sequence[str] = ()) -> None:
        self._known: _Listed | _Hashed = _Listed(first)
        self._last: pa.Array | None = None
        self._numbers: Ints | None = None

    def add(self, texts: pa.Array) -> Ints | None:
        """Give the numbers of some names, 32 bits each; None where these are their places in *texts*."""
        if self._last is None or not texts.equals(self._last):
            if len(texts) >= _MANY and isinstance(self._known, _Listed) and importlib.util.find_spec("numba"):
                self._known = _Hashed(self._known.texts())
            numbers = self._known.add(texts)
            self._last = texts
            self._numbers = None if (numbers == np.arange(len(numbers))).all() else numbers
        return self._numbers

    def texts(self) -> pa.Array:
        """Give all names by number."""
        return self._known.texts()


class _Listed:
    """A few names, as Python has them."""

    def __init__(self, first: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(first)}

    def add(self, texts: pa.Array) -> Ints:
        numbers = self._numbers
        return np.array([numbers.setdefault(text, len(numbers)) for text in texts.to_pylist()], np.int32)

    def texts(self) -> pa.Array:
        return pa.array(list(self._numbers), pa.string())


class _Hashed:
    """Many names, as bytes behind a table of hashes; see :mod:`loyalty.batch.spelling`."""

    def __init__(self, first: pa.Array) -> None:
        self._count = 0
        self._table = np.zeros(2, np.int64)
        self._known = np.empty(0, np.uint8)
        self._ends = np.zeros(1, np.int32)
        self.add(first)

    def add(self, texts: pa.Array) -> Ints:
        numbers = np.empty(len(texts), np.int32)
        if len(texts):
            _, offsets, data = texts.buffers()
            offsets = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
            data = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
            self._make_room(len(texts), int(offsets[-1] - offsets[0]))
            self._count = int(
                _compiled(
                    "learn", data, offsets, *np.empty((2, len(texts)), np.int64), self._table, self._known, self._ends,
                    numbers, self._count,
                )
            )  # fmt: skip
        return numbers

    def texts(self) -> pa.Array:
        ends = self._ends[: self._count + 1]
        return pa.StringArray.from_buffers(self._count, pa.py_buffer(ends), pa.py_buffer(self._known[: ends[-1]]))

    def _make_room(self, names: int, size: int) -> None:
        """See that so many names of so many bytes together find room."""
        most, end = self._count + names, int(self._ends[self._count])
        if end + size >= 2**31:
            raise pa.ArrowCapacityError("the names of a column take more than 2 GiB")
        if most >= len(self._ends):
            self._ends = _longer(self._ends, self._count + 1, 2 * most + 1)
        if end + size > len(self._known):
            self._known = _longer(self._known, end, 2 * (end + size))
        # A quarter is left empty at least; mostly it is a half, for few names of a batch are new.
        if 4 * most > 3 * len(self._table):
            self._table = np.zeros(1 << (4 * most // 3).bit_length(), np.int64)
            _compiled("enter_again", self._table, self._known, self._ends, self._count)


def _longer(array: Any, used: int, length: int) -> Any:
    made = np.empty(length, array.dtype)
    made[:used] = array[:used]
    return made


def _compiled(name: str, *arguments: Any) -> Any:
    """Call a compiled function, which is compiled where it lies on no disk yet."""
    from loyalty.batch.kept import module_of, ready

    function = getattr(module_of(_source()), name)
    ready(function, *arguments)
    return function(*arguments)


@cache
def _source() -> str:
    return "\n\n".join([_HEAD, *(f"@{mark}\n{inspect.getsource(function)}" for mark, function in _SOURCES)])
