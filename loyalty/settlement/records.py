"""A state's records and tables as plain values, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final


class Growing(list[Any]):
    """
    A table that remembers what its records were when they were first reached after a mark.

    Attributes:
        size: How many records there were at the last mark.
        before: The values that records up to there had, by place.
    """

    __slots__ = ("before", "size")

    def __init__(self, records: Iterable[Any]) -> None:
        super().__init__(records)
        self.size = 0
        self.before: dict[int, Any] = {}

    def __getitem__(self, place: Any) -> Any:
        record = _record(self, place)
        if place < self.size and place not in self.before:
            self.before[place] = _values(record)
        return record

    def __setitem__(self, place: Any, value: Any) -> None:
        if place < self.size and place not in self.before:
            self.before[place] = _record(self, place)
        super().__setitem__(place, value)

    def changed(self) -> dict[int, Any]:
        """Give the values before of those records that have other ones now."""
        return {place: values for place, values in self.before.items() if _values(_record(self, place)) != values}

    def restore(self, before: dict[int, Any], size: int) -> None:
        """Give the first *size* records back the values that they had."""
        for place, values in before.items():
            if place >= size:
                continue
            if isinstance(values, int):
                super().__setitem__(place, values)
            else:
                fill(_record(self, place), values)


def plain(value: Any) -> Any:
    """Give a copy of a table or a record as lists and tuples; a number, a text or a tuple stands for itself."""
    if isinstance(value, list):
        if not value:
            return []
        first = next(iter(value))
        if isinstance(first, int):
            return list(value)
        return [plain(item) for item in value] if isinstance(first, list) else list(map(_reader(type(first)), value))
    if value is None or isinstance(value, int | str | tuple | dict):
        return value
    return _values(value)


def fill(record: Any, values: Any) -> Any:
    """Set the fields of a record, and give it."""
    for name, value in zip(type(record).__slots__, values, strict=True):
        setattr(record, name, value)
    return record


def like(template: Any, values: Any) -> Any:
    """Build what *values* were copied from: a table of whole numbers, of tables, or of records like the first."""
    if not isinstance(template, list) or not template:
        return values
    first = template[0]
    if isinstance(first, list):
        return [like(template[min(place, len(template) - 1)], item) for place, item in enumerate(values)]
    if isinstance(first, int):
        return values
    return [fill(type(first)(), item) for item in values]


#: Gives a record of a table, whatever the table does besides.
_record: Final = list.__getitem__


#: What reads all values of a record, by its class.
_READERS: Final[dict[type, Callable[[Any], Any]]] = {}


def _reader(kind: type) -> Callable[[Any], Any]:
    """Give what reads all values of a record."""
    found = _READERS.get(kind)
    if found is None:
        names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
        found = _READERS[kind] = attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, *names),)
    return found


def _values(record: Any) -> Any:
    """Give the values of a record; a number stands for itself."""
    return record if isinstance(record, int) else _reader(type(record))(record)
