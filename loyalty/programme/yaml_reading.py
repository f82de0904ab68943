"""
YAML 1.2 text to nodes, and what YAML makes of expressions that are not quoted.

A programme file holds conditions, and YAML has its own meaning for ``!``, ``? :``, ``#``, ``[``, ``,`` and tabs. Where
that meaning gets in the way, the finding says what YAML read and how to write what was meant; the line is then read
as if it had been quoted, so that the rest of the file is checked as well.
"""

from __future__ import annotations

import io
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from loyalty.errors import Place
from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence, shorten
from loyalty.programme.notes import Notes
from loyalty.programme.texts import UNSTORABLE, can_be_stored, writable
from loyalty.programme.yaml_traps import BROKEN, explain, quote

#: More nodes than any programme has; aliases could multiply a small file beyond it.
_MOST_NODES: Final = 200_000

_REPAIRS: Final = 50


def read_yaml(text: str, notes: Notes) -> Node | None:
    """Read a document; faults go to *notes*. None where nothing of it can be used."""
    lines = text.split("\n")
    for _ in range(_REPAIRS):
        try:
            root = YAML(typ="rt", pure=True).compose(io.StringIO("\n".join(lines)))
        except MarkedYAMLError as error:
            trap = explain(error, lines)
            if trap.line in notes.mended:
                # What was tried there did not help, and it was reported already.
                return None
            place = Place(notes.file, trap.line + 1, trap.column + 1)
            notes.add(trap.code, place, trap.why, trap.fix, got=f"`{shorten(lines[trap.line]) or 'the end'}`")
            if trap.mended is None:
                return None
            lines[trap.line] = trap.mended
            notes.mended.add(trap.line)
        except (YAMLError, ValueError) as error:
            fix = "write plain text in UTF-8"
            notes.add(
                "yaml-syntax", Place(notes.file, 1, 1), shorten(str(error), 200), fix, got="a text that is no YAML"
            )
            return None
        else:
            return _Converter(notes).convert(root) if root is not None else None
    return None


class _Converter:
    """Turns composed nodes into ours."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.open: set[int] = set()
        self.count = 0

    def convert(self, node: Any) -> Node:
        self.count += 1
        if id(node) in self.open or self.count > _MOST_NODES:
            if self.count <= _MOST_NODES + 1:
                self.notes.add(
                    "yaml-alias", self.place(node), "the alias contains itself, or multiplies the file endlessly",
                    "write the part out where it is needed", got="an alias",
                )  # fmt: skip
            self.count = max(self.count, _MOST_NODES) if id(node) not in self.open else self.count
            return Scalar("", self.place(node), broken=True)
        self.open.add(id(node))
        converted = self._convert(node)
        self.open.discard(id(node))
        return converted

    def _convert(self, node: Any) -> Node:
        tag = str(node.tag or "")
        if tag.startswith("!"):
            return self.tagged(node, tag)
        place = self.place(node)
        if isinstance(node, ScalarNode):
            return self.scalar(node, place)
        if isinstance(node, SequenceNode):
            return Sequence(tuple(self.convert(item) for item in node.value), place, bool(node.flow_style))
        assert isinstance(node, MappingNode)
        return Mapping(tuple(self.entries(node)), place, bool(node.flow_style))

    def scalar(self, node: Any, place: Place) -> Scalar:
        if node.value == BROKEN:
            return Scalar("", place, broken=True)
        if node.anchor and not node.value and not node.style:
            self.notes.add(
                "yaml-anchor", place, "YAML takes a leading & for the name of an anchor, and nothing is left",
                f"quote it: '&{node.anchor}'", got=f"`&{node.anchor}`", width=len(node.anchor) + 1,
            )  # fmt: skip
            return Scalar("", place, broken=True)
        if not can_be_stored(node.value):
            self.notes.add(
                "bad-value", place, f"the text holds {UNSTORABLE}", "take that character out",
                got=f"`{shorten(writable(node.value))}`",
            )  # fmt: skip
            return Scalar("", place, broken=True)
        quoted = node.style in ("'", '"') and node.start_mark.line not in self.notes.mended
        return Scalar(
            node.value,
            place,
            node.style or "",
            node.end_mark.line + 1,
            node.end_mark.column + 1,
            inside=int(quoted),
        )

    def tagged(self, node: Any, tag: str) -> Scalar:
        place = self.place(node)
        line = self.notes.lines[place.line - 1] if place.line <= len(self.notes.lines) else ""
        # The parser gives the place of what follows the tag.
        start = max(line.rfind(tag, 0, place.column + len(tag)), 0)
        place = Place(place.file, place.line, start + 1)
        text = line[start:].rstrip()
        self.notes.add(
            "yaml-tag", place, "YAML takes a leading ! for the name of a type, not for `not`",
            f"put the expression in quotes: {quote(text)}", got=f"`{shorten(text)}`", width=len(tag),
        )  # fmt: skip
        return Scalar("", place, broken=True)

    def entries(self, node: Any) -> list[tuple[Scalar, Node]]:
        first: dict[str, Scalar] = {}
        entries = []
        for key_node, value_node in node.value:
            key = self.convert(key_node)
            if not isinstance(key, Scalar):
                self.notes.add(
                    "yaml-key",
                    key,
                    "a key is a name, not a list or a mapping",
                    "where an expression was meant, put it in quotes",
                )
                continue
            if key.broken:
                continue
            earlier = first.setdefault(key.text, key)
            if earlier is not key:
                self.notes.add(
                    "duplicate-key", key,
                    f"the key stands at {earlier.place} already, and one of the two would be lost",
                    "keep one of them, or give this one another name",
                )  # fmt: skip
                continue
            value = self.convert(value_node)
            if isinstance(value, Scalar) and value.is_empty:
                # YAML places what is not there at the next token; people look for it behind the key.
                place = Place(key.place.file, key.end_line, key.end_column)
                value = Scalar(value.text, place, "", key.end_line, key.end_column, broken=value.broken)
            entries.append((key, value))
        return entries

    def place(self, node: Any) -> Place:
        return Place(self.notes.file, node.start_mark.line + 1, node.start_mark.column + 1)
