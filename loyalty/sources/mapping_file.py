"""
Reading a mapping file: every finding at once, each with its line, and nothing left to fail but the rows.

``docs/reference/mapping-file.md`` says how each part is written.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping as Names
from pathlib import Path
from typing import Any, Final

from loyalty.core.events import TIER_OVERRIDE, VOID
from loyalty.errors import Place, SourceError
from loyalty.programme.model import EventKind, FieldSpec, FieldType, Programme, Role
from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.programme.yaml_reading import read_yaml
from loyalty.sources.mapping import Condition, Entry, SourceMapping
from loyalty.sources.mapping_values import SUBJECT_KEYS, ValueReader
from loyalty.sources.tables import FileFormat

KEYS: Final = ("source", "format", "values", "rows", "otherwise")
FORMAT_KEYS: Final = ("encoding", "delimiter", "decimal", "thousands", "sheet")
ENTRY_KEYS: Final = ("on", "where", *SUBJECT_KEYS, "fields")

#: The kinds that every programme knows.
BUILT_IN_KINDS: Final[Names[str, EventKind]] = {
    VOID: EventKind(name=VOID, fields={}),
    TIER_OVERRIDE: EventKind(
        name=TIER_OVERRIDE,
        fields={name: FieldSpec(name=name, type=FieldType.TEXT) for name in ("tier", "until")},
    ),
}


def load_mapping(path: str | Path, programme: Programme) -> SourceMapping:
    """
    Read a mapping file.

    Args:
        path: The file.
        programme: Whose events its rows become.

    Raises:
        SourceError: with every finding.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        notes = Notes("", str(path))
        notes.add("no-file", Place(str(path)), str(error), "check the path; the file is UTF-8", got="no text")
        raise SourceError(notes.result()) from error
    return loads_mapping(text, programme, file=str(path))


def loads_mapping(text: str, programme: Programme, *, file: str = "<text>") -> SourceMapping:
    """
    Read a mapping from its text; *file* is the name in findings.

    Raises:
        SourceError: with every finding.
    """
    notes = Notes(text, file)
    root = read_yaml(text, notes)
    mapping = None if root is None else _Loader(notes, programme).mapping(root)
    if root is None and not notes.findings:
        notes.add("empty-file", Place(file, 1, 1), "it maps no row", "write `source:` and `rows:`", got="an empty file")
    if notes.findings or mapping is None:
        raise SourceError(notes.result())
    return mapping


class _Loader:
    """Walks the nodes of one file."""

    def __init__(self, notes: Notes, programme: Programme) -> None:
        self.notes = notes
        self.programme = programme
        self.values = ValueReader(notes, {})

    def mapping(self, root: Node) -> SourceMapping:
        keys = self.values.entries(root, "a mapping file", KEYS)
        self.values.tables = self.tables(keys.get("values"))
        source = self.values.text(keys["source"], "source") if "source" in keys else None
        if source is None and "source" not in keys:
            why = "events are known by source and id"
            self.notes.add("missing-key", root, why, "write `source: crm`", got="no source")
        rows: list[Entry] = []
        if "rows" not in keys:
            fix = "write `rows:` and a list of entries, each with `on:`"
            self.notes.add("missing-key", root, "without entries no row becomes an event", fix, got="no rows")
        elif not isinstance(keys["rows"], Sequence) or not keys["rows"].items:
            fix = "write each entry after a dash: `- on: deal.won`"
            self.notes.add("wrong-shape", keys["rows"], "`rows` is a list of entries", fix)
        else:
            rows = [entry for node in keys["rows"].items if (entry := self.entry(node)) is not None]
        otherwise = self.values.one_of(keys.get("otherwise"), "otherwise", ("skip", "refuse"))
        return SourceMapping(
            source=source or "",
            format=self.format(keys.get("format")),
            rows=tuple(rows),
            refuses_others=otherwise == "refuse",
            file=self.notes.file,
        )

    def format(self, node: Node | None) -> FileFormat:
        keys = self.values.entries(node, "`format`", FORMAT_KEYS) if node is not None else {}
        chosen: dict[str, Any] = {}
        for name, value in keys.items():
            text = self.values.text(value, name)
            if text is None:
                continue
            chosen[name] = "\t" if name == "delimiter" and text == "\\t" else text
            if name in ("delimiter", "decimal", "thousands") and len(chosen[name]) != 1:
                self.notes.add("bad-format", value, f"{name} is one character", "write one character in quotes")
            elif name in ("decimal", "thousands") and text in "0123456789+-":
                self.notes.add("bad-format", value, f"{name} cannot be a digit or a sign", "write a point or a comma")
            elif name == "encoding" and not _is_encoding(text):
                self.notes.add("bad-format", value, "Python knows no such encoding", "write utf-8, utf-16 or cp1252")
        made = FileFormat(**chosen)
        if made.decimal == made.thousands and node is not None:
            why = "one sign cannot stand before the fraction and between groups of digits"
            self.notes.add("bad-format", node, why, "write for example decimal: ',' and thousands: '.'")
        return made

    def tables(self, node: Node | None) -> dict[str, dict[str, Scalar]]:
        tables: dict[str, dict[str, Scalar]] = {}
        for name, table in (self.values.entries(node, "`values`", None) if node is not None else {}).items():
            items = self.values.entries(table, f"table {name}", None)
            tables[name] = {
                key: value
                for key, value in items.items()
                if self.values.text(value, f"the text for {key}") is not None and isinstance(value, Scalar)
            }
        return tables

    def entry(self, node: Node) -> Entry | None:
        keys = self.values.entries(node, "an entry of `rows`", ENTRY_KEYS)
        if not keys:
            return None
        kind = self.kind(node, keys.get("on"))
        specs = kind.fields if kind else {}
        nodes = self.field_nodes(keys["fields"], kind) if "fields" in keys else {}
        subjects = {name: self.values.value(keys[name], name, None) for name in SUBJECT_KEYS if name in keys}
        fields = {name: self.values.value(field, name, specs.get(name)) for name, field in nodes.items()}
        self.check_complete(node, kind, keys, nodes)
        return Entry(
            kind=kind.name if kind else "",
            where=self.conditions(keys.get("where")),
            subjects={name: value for name, value in subjects.items() if value is not None},
            fields={name: value for name, value in fields.items() if value is not None},
            specs=specs,
            place=node.place,
        )

    def kind(self, entry: Node, node: Node | None) -> EventKind | None:
        """Give the kind of an entry, or None where it is unknown and was reported."""
        if node is None:
            why = "an entry says which event it makes"
            self.notes.add("missing-key", entry, why, "write `on: deal.won`", got="an entry without `on`")
            return None
        name = self.values.text(node, "on")
        kinds = {**self.programme.events, **BUILT_IN_KINDS}
        if name is not None and name not in kinds:
            why = f"programme {self.programme.id} declares no such event"
            self.notes.add("unknown-event", node, why, did_you_mean(name, kinds, "events"))
        return kinds.get(name or "")

    def field_nodes(self, node: Node, kind: EventKind | None) -> dict[str, Node]:
        """Give the fields of an entry that its kind declares; where the kind is unknown, all."""
        found = self.values.entries(node, "`fields`", None)
        if kind is None:
            return found
        for name in [name for name in found if name not in kind.fields]:
            fix = did_you_mean(name, kind.fields, "fields")
            why = f"{kind.name} declares no such field"
            self.notes.add("unknown-field", found.pop(name), why, fix, got=f"field `{name}`")
        return found

    def check_complete(
        self, node: Node, kind: EventKind | None, keys: Names[str, Node], fields: Names[str, Node]
    ) -> None:
        """Note what an event of this kind must have and the entry does not give."""
        speaks_of_another = kind is not None and (kind.name == VOID or kind.role in (Role.REFUNDS, Role.FOLLOWS))
        for name in ("id", "at", "partner"):
            if name not in keys and not (name == "partner" and speaks_of_another):
                fix = f"write `{name}: {{column: ...}}`"
                self.notes.add("missing-key", node, f"an event has `{name}`", fix, got=f"an entry without `{name}`")
        if kind is None:
            return
        if speaks_of_another and "of" not in keys:
            fix = "write `of:` with the id that the earlier event was given"
            self.notes.add("missing-key", node, f"{kind.name} speaks of an earlier event", fix, got="no `of`")
        for name, spec in kind.fields.items():
            if spec.required and spec.default is None and name not in fields:
                why = f"every {kind.name} has the field {name}"
                self.notes.add("missing-field", node, why, f"write `{name}:` under `fields`", got=f"no field `{name}`")

    def conditions(self, node: Node | None) -> tuple[Condition, ...]:
        items = self.values.entries(node, "`where`", None) if node is not None else {}
        conditions = []
        for column, value in items.items():
            is_negated = False
            asked: Node | None = value
            if isinstance(value, Mapping):
                is_negated, asked = True, self.values.entries(value, f"the condition on {column}", ("not",)).get("not")
            if isinstance(asked, Scalar) and not asked.style and asked.text in ("present", "absent"):
                conditions.append(Condition(column, None, is_negated is (asked.text == "present")))
            elif asked is not None:
                texts = [
                    self.values.text(item, column)
                    for item in (asked.items if isinstance(asked, Sequence) else (asked,))
                ]
                known = frozenset(text for text in texts if text is not None)
                conditions.append(Condition(column, known, is_negated))
        return tuple(conditions)


def _is_encoding(name: str) -> bool:
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except LookupError:
        return False
