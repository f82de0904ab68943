"""
YAML 1.2 text to nodes, and what YAML makes of expressions that are not quoted.

A programme file holds conditions, and YAML has its own meaning for ``!``, ``? :``, ``#``, ``[``, ``,`` and tabs. Where
that meaning gets in the way, the finding says what YAML read and how to write what was meant; the line is then read
as if it had been quoted, so that the rest of the file is checked as well.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from loyalty.errors import Place
from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence, shorten
from loyalty.programme.notes import Notes

#: What stands for a value that could not be read and was reported.
_BROKEN: Final = "~reported~"

#: More nodes than any programme has; aliases could multiply a small file beyond it.
_MOST_NODES: Final = 200_000

_REPAIRS: Final = 50

#: Indentation and dashes, a key, and the value of one line of block style.
_LINE = re.compile(
    r"""(?P<lead>\s*(?:-\s+)*)(?P<key>(?:[\w.@/-]+|"[^"]*"|'[^']*')\s*:\s+)?(?P<value>\S.*?)(?P<rest>\s*)\Z"""
)


def read_yaml(text: str, notes: Notes) -> Node | None:
    """Read a document; faults go to *notes*. None where nothing of it can be used."""
    lines = text.split("\n")
    repaired: set[int] = set()
    for _ in range(_REPAIRS):
        try:
            root = YAML(typ="rt", pure=True).compose(io.StringIO("\n".join(lines)))
        except MarkedYAMLError as error:
            index = _note_fault(error, lines, notes)
            if index is None or index in repaired or not _repair(lines, index):
                return None
            repaired.add(index)
        except (YAMLError, ValueError) as error:
            notes.add(
                "yaml-syntax",
                Place(notes.file, 1, 1),
                shorten(str(error), 200),
                "write plain UTF-8 text",
                got="a text that is no YAML",
            )
            return None
        else:
            return _Converter(notes, repaired).convert(root) if root is not None else None
    return None


class _Converter:
    """Turns composed nodes into ours."""

    def __init__(self, notes: Notes, repaired: set[int]) -> None:
        self.notes = notes
        self.repaired = repaired
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
        if node.value == _BROKEN:
            return Scalar("", place, broken=True)
        if node.anchor and not node.value and not node.style:
            self.notes.add(
                "yaml-anchor", place, "YAML takes a leading & for the name of an anchor, and nothing is left",
                f"quote it: '&{node.anchor}'", got=f"`&{node.anchor}`", width=len(node.anchor) + 1,
            )  # fmt: skip
            return Scalar("", place, broken=True)
        quoted = node.style in ("'", '"') and node.start_mark.line not in self.repaired
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
        rest = f" {node.value}" if isinstance(node, ScalarNode) and node.value else ""
        self.notes.add(
            "yaml-tag", place, "YAML takes a leading ! for the name of a type, not for `not`",
            f"put the expression in quotes: '{tag}{rest}'", got=f"`{shorten(tag + rest)}`", width=len(tag),
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


def _note_fault(error: MarkedYAMLError, lines: list[str], notes: Notes) -> int | None:
    """Explain a fault of syntax; gives the index of the line to mend, or None where that cannot be known."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        notes.add("yaml-syntax", Place(notes.file, 1, 1), str(error.problem), got="a text that is no YAML")
        return None
    problem = str(error.problem or error.context)
    index = min(mark.line, len(lines) - 1)
    line = lines[index]
    code, why, fix = _explain(problem, line, mark.column)
    notes.add(code, Place(notes.file, index + 1, mark.column + 1), why, fix, got=f"`{shorten(line)}`")
    return None if code in ("yaml-tab", "yaml-document") else index


def _explain(problem: str, line: str, column: int) -> tuple[str, str, str]:
    value = (match["value"] if (match := _LINE.match(line)) else line).strip()
    quoted = "'" + value.replace("'", "''") + "'"
    if "'\\t'" in problem or line[: column + 1].endswith("\t"):
        return "yaml-tab", "YAML does not allow tabs in indentation", "indent with spaces"
    if "another document" in problem:
        return "yaml-document", "one file holds one programme", "remove the line `---` or move the rest to its own file"
    if "mapping values are not allowed" in problem and "?" in value:
        return "yaml-colon", "YAML takes `: ` for a key and its value, so `a ? b : c` must be quoted", f"write {quoted}"
    if "mapping values are not allowed" in problem:
        return (
            "yaml-colon",
            "YAML takes `: ` for a key and its value, and no key can stand here",
            f"quote a text that holds `: `, as {quoted}, or mend the indentation",
        )
    if "while parsing a flow" in problem or "expected ',' or" in problem:
        return (
            "yaml-flow-list",
            "inside [...] and {...} YAML takes commas, brackets and colons as its own, also those of an expression",
            "write the list as a block, one item a line with `- `, or put each expression in quotes",
        )
    if "cannot start any token" in problem or "undefined alias" in problem or "alias" in problem:
        return (
            "yaml-sign",
            f"YAML has its own meaning for the sign `{line[column : column + 1]}` here",
            f"write {quoted}",
        )
    if "found '<scalar>'" in problem or "found '['" in problem or "found '{'" in problem:
        return (
            "yaml-quote",
            "a text that begins with a quote or a bracket ends for YAML where that is closed, and more follows",
            f"quote the whole text: {quoted}",
        )
    return "yaml-syntax", f"it is no YAML here: {problem}", "look for a quote or bracket left open, or the indentation"


def _repair(lines: list[str], index: int) -> bool:
    """Quote the value of a line, or take it out where it is a list or mapping; whether anything could be done."""
    match = _LINE.match(lines[index])
    if not match or not (match["key"] or "-" in match["lead"]):
        return False
    value = match["value"]
    if value[0] in "[{":
        if any(value.count(opening) != value.count(closing) for opening, closing in ("[]", "{}")):
            return False
        new = _BROKEN
    else:
        new = "'" + value.replace("'", "''") + "'"
    lines[index] = f"{match['lead']}{match['key'] or ''}{new}"
    return True
