"""
Shapes: what may stand at a place of the programme file. Each reads a node and describes itself as JSON Schema.

The language of the file is one table of shapes (:mod:`loyalty.programme.language`), from which the loader and the
schema both come, so that they cannot disagree. Reading gives None where a finding was noted, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import field, frozen

from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence
from loyalty.programme.notes import Notes, did_you_mean, join_words, nearest
from loyalty.programme.sections import Section

__all__ = ["ByNode", "Fields", "Key", "ListOf", "MapOf", "Named", "Section", "Shape", "Tagged"]


class Shape(Protocol):
    """What may stand at a place."""

    @property
    def what(self) -> str:
        """What people call it, with an example."""

    def read(self, node: Node, notes: Notes) -> Any:
        """Read a node; None where a finding was noted."""

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""


@frozen
class Key:
    """One key of a mapping: the shape of its value, and a sentence for people."""

    shape: Shape
    doc: str = ""
    required: bool = False


@frozen
class Fields:
    """
    A mapping with known keys.

    Args:
        what: What people call it.
        keys: The keys by name.
        others: The shape of values under keys of the writer's own naming, or None where there are none.
        other_names: The shape of those names.
        one_of: Keys of which exactly one must stand.
    """

    what: str
    keys: dict[str, Key]
    others: Shape | None = None
    other_names: Shape | None = None
    one_of: tuple[str, ...] = ()
    others_doc: str = ""

    def read(self, node: Node, notes: Notes) -> Section | None:
        mapping = as_mapping(node, self.what, notes)
        if mapping is None:
            return None
        section = Section(mapping, {}, {}, {})
        misspelt: dict[str, Scalar] = {}
        for key, value in mapping.entries:
            if key.text in self.keys:
                section.names[key.text] = key
                read = self.keys[key.text].shape.read(value, notes)
                if read is not None:
                    section.values[key.text] = read
            elif self.others is None:
                meant = self._unknown(key, notes)
                if meant is not None:
                    misspelt.setdefault(meant, key)
            elif self.other_names is None or self.other_names.read(key, notes) is not None:
                noted = len(notes.findings)
                read = self.others.read(value, notes)
                meant = self._meant(key, value, mapping, notes) if len(notes.findings) > noted else None
                if meant is not None and not any("did you mean" in f.fix for f in notes.findings[noted:]):
                    # What was said of the value is beside the point: it is the name that is wrong.
                    del notes.findings[noted:]
                    self._unknown(key, notes)
                    misspelt.setdefault(meant, key)
                else:
                    section.names[key.text] = key
                    section.others[key.text] = read
        self._missing(section, misspelt, notes)
        # What was meant was written, though it could not be read: nobody need be told that it is missing.
        section.names.update({name: key for name, key in misspelt.items() if name not in section.names})
        return section

    def schema(self) -> dict[str, Any]:
        keys = {
            name: {**key.shape.schema(), **({"description": key.doc} if key.doc else {})}
            for name, key in self.keys.items()
        }
        described: dict[str, Any] = {"type": "object", "properties": keys}
        required = [name for name, key in self.keys.items() if key.required]
        if required:
            described["required"] = required
        described["additionalProperties"] = False if self.others is None else self.others.schema()
        if self.one_of:
            described["oneOf"] = [{"required": [name]} for name in self.one_of]
        return described

    def _unknown(self, key: Scalar, notes: Notes) -> str | None:
        """Note a key that is not known, and give the one that it is likely meant for."""
        if key.text == "<<":
            why, fix = "merging with << is no part of YAML 1.2", "write the keys out"
        else:
            why, fix = f"{self.what} has no such key", did_you_mean(key.text, self.keys, "keys")
        notes.add("unknown-key", key, why, fix)
        return nearest(key.text, self.keys)

    def _meant(self, key: Scalar, value: Node, mapping: Mapping, notes: Notes) -> str | None:
        """Give the known key that a name of the writer's own is likely a misspelling of: one that fits its value."""
        name = nearest(key.text, [name for name in self.keys if name not in mapping.by_name])
        if name is None:
            return None
        tried = Notes("\n".join(notes.lines), notes.file)
        return name if self.keys[name].shape.read(value, tried) is not None and not tried.findings else None

    def _missing(self, section: Section, misspelt: dict[str, Scalar], notes: Notes) -> None:
        for name, key in self.keys.items():
            if key.required and name not in section.names and name not in misspelt:
                notes.add(
                    "missing-key", section.node, f"{self.what} needs the key `{name}`",
                    f"add `{name}:` with {key.shape.what}",
                )  # fmt: skip
        present = [name for name in self.one_of if name in section.names]
        if self.one_of and not present and not misspelt.keys() & set(self.one_of):
            notes.add(
                "missing-key", section.node, f"{self.what} needs one of the keys {join_words(self.one_of, 'or')}",
                "add the one that is meant",
            )  # fmt: skip
        for name in present[1:]:
            notes.add(
                "conflicting-keys", section.names[name], f"`{present[0]}` says already what is measured or given",
                f"keep one of {join_words(present)}",
            )  # fmt: skip


@frozen
class MapOf:
    """A mapping whose keys the writer names."""

    what: str
    names: Shape
    shape: Shape

    def read(self, node: Node, notes: Notes) -> list[tuple[Scalar, Any]] | None:
        mapping = as_mapping(node, self.what, notes)
        if mapping is None:
            return None
        read = []
        for key, value in mapping.entries:
            name = self.names.read(key, notes)
            inner = self.shape.read(value, notes)
            if name is not None:
                read.append((key, inner))
        return read

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "object", "additionalProperties": self.shape.schema()}
        names = {key: rule for key, rule in self.names.schema().items() if key in ("pattern", "enum")}
        if names:
            described["propertyNames"] = names
        return described


@frozen
class ListOf:
    """A list; with ``or_one``, one item may stand alone."""

    what: str
    shape: Shape
    or_one: bool = False
    at_least: int = 1

    def read(self, node: Node, notes: Notes) -> list[Any] | None:
        if isinstance(node, Scalar) and node.broken:
            return None
        if not isinstance(node, Sequence):
            if self.or_one and not (isinstance(node, Scalar) and node.is_empty):
                read = self.shape.read(node, notes)
                return None if read is None else [read]
            notes.add("wrong-type", node, f"{self.what} is a list", "write each item on a line of its own with `- `")
            return None
        if len(node.items) < self.at_least:
            notes.add(
                "wrong-type", node, f"{self.what} must not be empty", f"add {self.shape.what}", got="an empty list"
            )
            return None
        if node.flow and _cut_by_commas(node):
            notes.add(
                "yaml-flow-list", node, "YAML splits a list in [...] at every comma, also inside parentheses",
                "write the list as a block, one item a line with `- `, or put each expression in quotes",
                got=f"the items {join_words(item.got for item in node.items)}",
            )  # fmt: skip
            return None
        return [read for item in node.items if (read := self.shape.read(item, notes)) is not None]

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "array", "items": self.shape.schema(), "minItems": self.at_least}
        return {"anyOf": [self.shape.schema(), described]} if self.or_one else described


@frozen
class ByNode:
    """One shape for a text, another for a mapping, and maybe one for a list."""

    what: str
    scalar: Shape
    mapping: Shape
    sequence: Shape | None = None

    def read(self, node: Node, notes: Notes) -> Any:
        if isinstance(node, Sequence) and self.sequence is not None:
            return self.sequence.read(node, notes)
        if isinstance(node, Sequence):
            notes.add("wrong-type", node, f"{self.what} is expected", f"write {self.scalar.what}")
            return None
        return (self.mapping if isinstance(node, Mapping) else self.scalar).read(node, notes)

    def schema(self) -> dict[str, Any]:
        shapes = [self.scalar, self.mapping, *([self.sequence] if self.sequence is not None else [])]
        return {"anyOf": [shape.schema() for shape in shapes]}


@frozen
class Tagged:
    """
    A mapping of one of several forms, told apart by a key that only that form has.

    Where none of them is there and the keys are no names, it is no mapping of the writer's: ``otherwise`` explains it.
    """

    what: str
    forms: dict[str, Shape]
    otherwise: Shape | None = None

    def read(self, node: Node, notes: Notes) -> Any:
        mapping = as_mapping(node, self.what, notes)
        if mapping is None:
            return None
        for tag, shape in self.forms.items():
            if tag in mapping.by_name:
                return shape.read(mapping, notes)
        keys = [key for key, _ in mapping.entries]
        if self.otherwise is not None and keys and not keys[0].text.isidentifier():
            return self.otherwise.read(mapping, notes)
        notes.add(
            "unknown-key" if keys else "missing-key",
            keys[0] if keys else node,
            f"{self.what} has one of the keys {join_words(self.forms, 'or')}",
            did_you_mean(keys[0].text, self.forms, "keys") if keys else "add the one that is meant",
        )
        return None

    def schema(self) -> dict[str, Any]:
        described = [shape.schema() for shape in self.forms.values()]
        unique = [form for index, form in enumerate(described) if form not in described[:index]]
        return unique[0] if len(unique) == 1 else {"anyOf": unique}


@frozen
class Named:
    """A shape that may contain itself; the schema refers to it by name."""

    name: str
    inner: Callable[[], Shape] = field(eq=False, repr=False)

    @property
    def what(self) -> str:
        return self.inner().what

    def read(self, node: Node, notes: Notes) -> Any:
        return self.inner().read(node, notes)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.name}"}


def as_mapping(node: Node, what: str, notes: Notes) -> Mapping | None:
    """Give the node where it is a mapping, else note that it should be."""
    if isinstance(node, Mapping):
        return node
    if not (isinstance(node, Scalar) and node.broken):
        notes.add("wrong-type", node, f"{what} is a mapping", "write `key: value` lines below it, or {key: value}")
    return None


def _cut_by_commas(node: Sequence) -> bool:
    texts = [item.text for item in node.items if isinstance(item, Scalar) and not item.style]
    return any(text.count("(") != text.count(")") for text in texts)
