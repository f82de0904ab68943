"""
What is found out about a table of events, kept between runs for as long as somebody asks for it.

A sweep runs twenty programmes over one table, which stands in the same order and packs to the same records for all that
differ in numbers alone. Where nobody asks, nothing is kept, and a table costs no more memory than it is.

>>> table = object()
>>> found = []
>>> with found_once(table):
...     once(table, "length", lambda: found.append("looked") or 3), once(table, "length", lambda: 4)
(3, 3)
>>> once(table, "length", lambda: 5), found
(5, ['looked'])
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

_Found = TypeVar("_Found")

#: What is known of the tables that somebody keeps, by their identities, and how often each is kept.
_known: dict[int, dict[Hashable, Any]] = {}
_held: dict[int, int] = {}


@contextmanager
def found_once(table: object) -> Iterator[None]:
    """Keep what runs find out about a table until the block ends."""
    key = id(table)
    _known.setdefault(key, {})
    _held[key] = _held.get(key, 0) + 1
    try:
        yield
    finally:
        _held[key] -= 1
        if not _held[key]:
            del _known[key], _held[key]


def is_kept(table: object) -> bool:
    """Tell whether somebody asks for what is found out about a table to be kept."""
    return id(table) in _known


def once(table: object, key: Hashable, find: Callable[[], _Found]) -> _Found:
    """Give what is known of a table under a key, or find it out; it is kept where the table is."""
    known = _known.get(id(table))
    if known is None:
        return find()
    if key not in known:
        known[key] = find()
    return cast(_Found, known[key])
