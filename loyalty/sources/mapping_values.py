"""
Reading the values of a mapping file: a column, a template of columns, or a constant.

Texts that a mapping itself writes are held against the declared field at once: a constant or a table that names what
the programme does not know is found before the first row.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Names
from typing import Final
from zoneinfo import ZoneInfo

from loyalty.programme.model import FieldSpec, FieldType
from loyalty.programme.nodes import Mapping, Node, Scalar
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.sources.conversion import NumberSigns, field_value, format_fault
from loyalty.sources.mapping import Column, Constant, Template, Value

COLUMN_KEYS: Final = ("column", "table", "unlisted", "default", "unit", "format", "timezone")
SUBJECT_KEYS: Final = ("id", "at", "partner", "person", "of")
VALUE_KEYS: Final = (*COLUMN_KEYS, "constant")


class ValueReader:
    """
    Reads parts of a mapping file.

    Args:
        notes: Where findings go.
        tables: The declared value tables.
    """

    def __init__(self, notes: Notes, tables: Names[str, Names[str, Scalar]]) -> None:
        self.notes = notes
        self.tables = tables

    def entries(self, node: Node, what: str, known: Iterable[str] | None) -> dict[str, Node]:
        """Give the values of a mapping by key; unknown keys are noted and left out."""
        if isinstance(node, Scalar) and node.broken:
            return {}
        if not isinstance(node, Mapping):
            fix = f"write keys and values: {', '.join(known)}" if known else "write keys and values, `key: value`"
            self.notes.add("wrong-shape", node, f"{what} is a mapping", fix)
            return {}
        allowed = None if known is None else tuple(known)
        found: dict[str, Node] = {}
        for key, value in node.entries:
            if allowed is not None and key.text not in allowed:
                fix = did_you_mean(key.text, allowed, "keys")
                self.notes.add("unknown-key", key, f"{what} has no such key", fix)
            else:
                found[key.text] = value
        return found

    def text(self, node: Node, what: str) -> str | None:
        """Give a text; anything else, or nothing, is noted."""
        if isinstance(node, Scalar) and not node.is_empty and not node.broken:
            return node.text
        if isinstance(node, Mapping) and node.flow:
            fix = "put text that has braces in quotes"
            self.notes.add("wrong-shape", node, f"{what} is a text, and YAML takes a brace for a mapping", fix)
        elif not (isinstance(node, Scalar) and node.broken):
            self.notes.add("wrong-shape", node, f"{what} is a text", "write it after the colon")
        return None

    def one_of(self, node: Node | None, what: str, known: tuple[str, ...]) -> str | None:
        """Give one of some words, or None where nothing is written."""
        text = self.text(node, what) if node is not None else None
        if node is not None and text is not None and text not in known:
            self.notes.add("unknown-word", node, f"{what} is {' or '.join(known)}", did_you_mean(text, known, "words"))
        return text

    def value(self, node: Node, name: str, spec: FieldSpec | None) -> Value | None:
        """
        Read one value.

        Args:
            node: Its node.
            name: The part of the event that it becomes.
            spec: The declared field, where it is one.

        Returns:
            The value, or None where something was noted.
        """
        if isinstance(node, Mapping):
            if _is_bare_template(node):
                got = "{" + node.entries[0][0].text + "}"
                why = "YAML takes a text that begins with a brace for a mapping"
                self.notes.add("bad-template", node, why, f'put it in quotes: "{got}"', got=got, width=len(got))
                return None
            keys = self.entries(node, f"the value of `{name}`", VALUE_KEYS)
            if "constant" in keys:
                return self.constant(node, keys, name, spec)
            if "column" in keys:
                return self.column(keys, name, spec)
            if len(keys) == len(node.entries):
                fix = 'write {column: x}, {constant: x}, or a template in quotes: "{x}"'
                self.notes.add("missing-key", node, f"`{name}` says neither a column nor a constant", fix)
            return None
        text = self.text(node, name)
        if text is None:
            return None
        try:
            template = Template.parse(text)
        except ValueError as error:
            self.notes.add("bad-template", node, str(error), 'write each column in braces: "{a}-{b}"')
            return None
        if not template.columns:
            fix = f"write {{column: {text}}} or {{constant: {text}}}"
            self.notes.add("bad-template", node, "it names no column, so that every row would get this text", fix)
        return template

    def constant(self, node: Node, keys: Names[str, Node], name: str, spec: FieldSpec | None) -> Constant | None:
        for key in keys:
            if key != "constant":
                self.notes.add(
                    "unknown-key",
                    keys[key],
                    "a constant has nothing beside it",
                    f"remove `{key}`",
                    got=f"`{key}` beside `constant`",
                )
        text = self.text(keys["constant"], "constant")
        if name in ("id", "of"):
            why = f"every row would get the same `{name}`"
            self.notes.add("bad-constant", node, why, "write a column or a template")
        if text is not None:
            self.check_text(keys["constant"], text, spec)
        return None if text is None else Constant(text)

    def column(self, keys: Names[str, Node], name: str, spec: FieldSpec | None) -> Column | None:
        column = self.text(keys["column"], "column")
        if column is None:
            return None
        table: dict[str, str] = {}
        if "table" in keys:
            chosen = self.text(keys["table"], "table")
            if chosen is not None and chosen not in self.tables:
                why = "no such table stands under `values`"
                self.notes.add("unknown-table", keys["table"], why, did_you_mean(chosen, self.tables, "tables"))
            for key, scalar in self.tables.get(chosen or "", {}).items():
                self.check_text(scalar, scalar.text, spec)
                table[key] = scalar.text
        unlisted = self.one_of(keys.get("unlisted"), "unlisted", ("keep", "refuse"))
        if unlisted is not None and "table" not in keys:
            self.notes.add(
                "unknown-key",
                keys["unlisted"],
                "there is no table that could list a text",
                "add `table:`",
                got="`unlisted` without `table`",
            )
        default = self.text(keys["default"], "default") if "default" in keys else None
        if default is not None:
            self.check_text(keys["default"], default, spec)
        return Column(
            name=column,
            table=table,
            is_complete=unlisted == "refuse",
            default=default,
            unit=self.unit(keys["unit"], name, spec) if "unit" in keys else None,
            format=self.date_format(keys["format"], name) if "format" in keys else None,
            timezone=self.timezone(keys["timezone"], name) if "timezone" in keys else None,
        )

    def unit(self, node: Node, name: str, spec: FieldSpec | None) -> str | Column | None:
        # Nothing is said of a field of a kind that is unknown itself.
        if name in SUBJECT_KEYS or (spec is not None and spec.type is not FieldType.MONEY):
            self.notes.add("unknown-key", node, "only amounts of money have a unit", "remove `unit`")
            return None
        if isinstance(node, Mapping):
            keys = self.entries(node, "a unit", ("column", "table", "unlisted", "default"))
            if "column" not in keys:
                self.notes.add("missing-key", node, "a unit is a text or a column", "write `unit: {column: currency}`")
                return None
            return self.column(keys, "unit", None)
        return self.text(node, "unit")

    def date_format(self, node: Node, name: str) -> str | None:
        text = self.text(node, "format")
        if text is not None and name not in ("at", "until"):
            self.notes.add("unknown-key", node, "only dates have a format", "remove `format`")
        elif text is not None and (fault := format_fault(text)):
            fix = 'write for example "%m/%d/%Y", "%d.%m.%Y %H:%M" or unix_seconds'
            self.notes.add("bad-date-format", node, fault, fix)
        return text

    def timezone(self, node: Node, name: str) -> str | None:
        text = self.text(node, "timezone")
        if text is not None and name != "at":
            self.notes.add("unknown-key", node, "only `at` has a time zone", "remove `timezone`")
        elif text is not None:
            try:
                ZoneInfo(text)
            except (ValueError, OSError, LookupError):
                self.notes.add("unknown-timezone", node, "it is no IANA time zone", "write for example Europe/Berlin")
        return text

    def check_text(self, node: Node, text: str, spec: FieldSpec | None) -> None:
        """Hold a text of the mapping itself against the field that it fills."""
        if spec is None:
            return
        if spec.type is FieldType.ONE_OF and text not in spec.values:
            why = f"the field {spec.name} is one of {', '.join(spec.values)}"
            self.notes.add("bad-value", node, why, did_you_mean(text, spec.values, "values"), got=f"`{text}`")
            return
        try:
            field_value(text, spec, NumberSigns())
        except ValueError as error:
            self.notes.add("bad-value", node, str(error), f"write a value of the field {spec.name}", got=f"`{text}`")


def _is_bare_template(node: Mapping) -> bool:
    """Whether a mapping is ``{column}``, which was meant as a text."""
    if not node.flow or len(node.entries) != 1:
        return False
    key, value = node.entries[0]
    return key.text not in VALUE_KEYS and isinstance(value, Scalar) and value.is_empty
