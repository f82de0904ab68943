"""A state's records and tables as plain values, and back."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final


class Growing:
    """
    A table that remembers what its records were when they were first reached after a mark.

    Attributes:
        records: What is in it.
        size: How many records there were at the last mark.
        before: The values that records up to there had, by place.
    """

    __slots__ = ("before", "records", "size")

    def __init__(self, records: list[Any], size: int, before: dict[int, Any]) -> None:
        self.records = records
        self.size = size
        self.before = before

    def __getitem__(self, place: int) -> Any:
        if place < self.size and place not in self.before:
            self.before[place] = _values(self.records[place])
        return self.records[place]

    def __setitem__(self, place: int, value: int) -> None:
        if place < self.size and place not in self.before:
            self.before[place] = self.records[place]
        self.records[place] = value

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.records)

    def append(self, record: Any) -> None:
        """Add a record."""
        self.records.append(record)

    def changed(self) -> dict[int, Any]:
        """Give the values before of those records that have other ones now."""
        return {place: values for place, values in self.before.items() if _values(self.records[place]) != values}

    def restore(self, before: dict[int, Any], size: int) -> None:
        """Give the first *size* records back the values that they had."""
        records = self.records
        for place, values in before.items():
            if place < size:
                if isinstance(values, int):
                    records[place] = values
                else:
                    fill(records[place], values)


def plain(value: Any) -> Any:
    """Give a copy of a table or a record as lists; a number, a text or a tuple stands for itself."""
    if isinstance(value, list):
        return [plain(item) for item in value] if value and not isinstance(value[0], int) else value[:]
    if isinstance(value, Growing):
        return plain(value.records)
    if value is None or isinstance(value, int | str | tuple | dict):
        return value
    return [getattr(value, name) for name in type(value).__slots__]


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


#: What reads the values of a record, by its class.
_READERS: Final[dict[type, Any]] = {}


def _values(record: Any) -> Any:
    """Give the values of a record; a number stands for itself."""
    if isinstance(record, int):
        return record
    kind = type(record)
    reader = _READERS.get(kind)
    if reader is None:
        reader = _READERS[kind] = attrgetter(*kind.__slots__)
    return reader(record)
