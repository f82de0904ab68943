"""
What a mapping file says: how each row of a raw export becomes events.

Each entry of ``rows`` whose ``where`` holds makes one event of a row. Checked by
:mod:`~loyalty.sources.mapping_file`, after which only the rows themselves can be wrong.

>>> row = {"opportunity_id": "1C1I7A6R", "deal_stage": "Won"}
>>> Template.parse("deal-{opportunity_id}").text(row)
'deal-1C1I7A6R'
>>> Condition("deal_stage", frozenset({"Won"})).holds(row)
True
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from loyalty.errors import Place
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.sources.conversion import NumberSigns, date_text, field_value
from loyalty.sources.tables import FileFormat, plain_text

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")

#: The signs of what a mapping itself writes.
_OWN_SIGNS: Final = NumberSigns()


@frozen
class Column:
    """
    The value of one column.

    Args:
        name: The column.
        table: Texts to replace, by the text in the file; others stay as they are, unless ``is_complete``.
        is_complete: Whether a text that the table does not name is refused.
        default: What stands in for an absent cell, or None.
        unit: The unit of an amount: a constant, or the column that holds it.
        format: Of dates, as of ``strptime``.
        timezone: Of local dates and times, where it is not the programme's.
    """

    name: str
    table: Mapping[str, str] = field(factory=dict)
    is_complete: bool = False
    default: str | None = None
    unit: str | Column | None = None
    format: str | None = None
    timezone: str | None = None

    @property
    def columns(self) -> Iterator[str]:
        """The columns that it reads."""
        yield self.name
        if isinstance(self.unit, Column):
            yield self.unit.name


@frozen
class Constant:
    """The same text for every row."""

    text: str
    columns: tuple[str, ...] = ()


@frozen
class Template:
    """Text with columns in it; absent as a whole where one of them is."""

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """
        Read ``deal-{opportunity_id}``; a brace itself is written twice.

        Raises:
            ValueError: a brace is open, empty or alone.
        """
        parts = []
        for match in _PART.finditer(text):
            name = match[1]
            if name is not None and name.strip():
                parts.append(("", name.strip()))
            elif match[0] in ("{", "}", "{}") or name is not None:
                raise ValueError(f"{text!r} has a brace that names no column; write {{column}}, or a brace twice")
            else:
                parts.append((match[0][0] if match[0] in ("{{", "}}") else match[0], ""))
        return cls(tuple(parts))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(column for _, column in self.parts if column)

    def text(self, cells: Mapping[str, Any]) -> str | None:
        """Fill in the columns; None where one is absent."""
        if any(column not in cells for column in self.columns):
            return None
        return "".join(plain_text(cells[column]) if column else literal for literal, column in self.parts)


Value = Column | Constant | Template


@frozen
class Condition:
    """
    What a row must have in one column.

    Args:
        column: The column.
        values: The texts that it is compared with; None asks only whether there is one.
        is_negated: Whether the row must have another text (an absent cell is another), or none at all.
    """

    column: str
    values: frozenset[str] | None
    is_negated: bool = False

    def holds(self, cells: Mapping[str, Any]) -> bool:
        """Whether a row fulfils it."""
        present = self.column in cells
        if self.values is None:
            return present is not self.is_negated
        return (present and plain_text(cells[self.column]) in self.values) is not self.is_negated


@frozen(kw_only=True)
class Entry:
    """
    One event that a row makes where all of ``where`` holds.

    Args:
        specs: The declared fields of the kind.
        subjects: The values of id, at, partner, person and of, as far as they are mapped.
    """

    kind: str
    where: tuple[Condition, ...]
    subjects: Mapping[str, Value]
    fields: Mapping[str, Value]
    specs: Mapping[str, FieldSpec]
    place: Place = field(eq=False, factory=Place)

    @property
    def columns(self) -> Iterator[str]:
        """The columns that it reads."""
        yield from (condition.column for condition in self.where)
        for value in (*self.subjects.values(), *self.fields.values()):
            yield from value.columns

    def matches(self, cells: Mapping[str, Any]) -> bool:
        """Whether a row makes this event."""
        return all(condition.holds(cells) for condition in self.where)

    def raw_event(self, cells: Mapping[str, Any], signs: NumberSigns) -> tuple[dict[str, Any], dict[str, str]]:
        """Give what the event is read from, and by name the reasons why a part of it cannot be."""
        raw: dict[str, Any] = {"on": self.kind}
        faults: dict[str, str] = {}
        for name, value in (*self.subjects.items(), *self.fields.items()):
            spec = self.specs.get(name) if name in self.fields else None
            try:
                found = _evaluate(name, value, spec, cells, signs)
            except ValueError as error:
                where = ", ".join(dict.fromkeys(value.columns)) or "the mapping's constant"
                faults[name] = f"{name} (from {where}): {error}"
                continue
            if found is not None:
                raw[name] = found
        return raw, faults


@frozen(kw_only=True)
class SourceMapping:
    """
    A checked mapping file.

    Args:
        source: The constant source of all its events.
        refuses_others: Whether a row that no entry matches is bad; otherwise it is only counted.
    """

    source: str
    format: FileFormat
    rows: tuple[Entry, ...]
    refuses_others: bool = False
    file: str = "<text>"

    @property
    def columns(self) -> dict[str, Place]:
        """Every column that it reads, with the entry that reads it first."""
        return {column: entry.place for entry in reversed(self.rows) for column in entry.columns}


def _evaluate(
    name: str, value: Value, spec: FieldSpec | None, cells: Mapping[str, Any], signs: NumberSigns
) -> Any | None:
    unit: str | None = None
    match value:
        case Constant():
            cell: Any = value.text
            signs = _OWN_SIGNS
        case Template():
            cell = value.text(cells)
        case Column():
            cell = _cell(value, cells)
            if cell is not None and name == "at":
                return date_text(cell, value.format, value.timezone)
            if value.name not in cells:
                signs = _OWN_SIGNS
            if cell is not None and spec is not None and spec.type is FieldType.MONEY:
                unit = value.unit if isinstance(value.unit, str) else _unit(value.unit, cells)
            if cell is not None and value.format is not None:
                cell = date_text(cell, value.format, value.timezone)
    return None if cell is None else field_value(cell, spec, signs, unit)


def _cell(column: Column, cells: Mapping[str, Any]) -> Any | None:
    if column.name not in cells:
        return column.default
    cell = cells[column.name]
    if not column.table and not column.is_complete:
        return cell
    text = plain_text(cell)
    if text in column.table:
        return column.table[text]
    if column.is_complete:
        raise ValueError(f"{text!r} is not in the table, which is said to be complete")
    return cell


def _unit(column: Column | None, cells: Mapping[str, Any]) -> str | None:
    if column is None:
        return None
    unit = _cell(column, cells)
    if unit is None:
        raise ValueError(f"its unit is absent (from {column.name})")
    return plain_text(unit)
