"""
Other numbers in a file that was read: its nodes with other texts and places, as if the changed text were read anew.

Reading YAML takes five times as long as all checks of the language, and a sweep does it for every point.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed

from attrs import evolve, frozen

from loyalty.errors import Place
from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence


@frozen
class Edit:
    """Other signs in a line: where they begin, counted from 1, what stood there, and what stands there now."""

    line: int
    column: int
    before: str
    after: str


class _Unclear(Exception):
    """A text is not on one line as it is meant, so that only reading it says what it becomes."""


def renumbered(node: Node, lines: Listed[str], edits: Listed[Edit]) -> Node | None:
    """
    Give the nodes of the changed text; None where it is to be read for that.

    Args:
        node: Those of the text as it is.
        lines: Its lines.
        edits: Other numbers, each inside of a text.
    """
    try:
        return _edited(node, lines, edits)
    except _Unclear:
        return None


def _edited(node: Node, lines: Listed[str], edits: Listed[Edit]) -> Node:
    place = _moved(node.place, edits)
    if isinstance(node, Scalar):
        return _scalar(node, place, lines, edits)
    if isinstance(node, Sequence):
        return Sequence(tuple(_edited(item, lines, edits) for item in node.items), place, node.flow)
    entries = (
        (_scalar(key, _moved(key.place, edits), lines, edits), _edited(value, lines, edits))
        for key, value in node.entries
    )
    return Mapping(tuple(entries), place, node.flow)


def _scalar(node: Scalar, place: Place, lines: Listed[str], edits: Listed[Edit]) -> Scalar:
    begin, end = (node.place.line, node.place.column), (node.end_line, node.end_column)
    own = [edit for edit in edits if begin <= (edit.line, edit.column) < end]
    text = node.text
    if own:
        first = node.place.column + node.inside - 1
        written = lines[node.place.line - 1][first : first + len(text)]
        if node.place.line != node.end_line or node.style in ("|", ">") or written != text:
            raise _Unclear
        for edit in sorted(own, key=lambda edit: -edit.column):
            start = edit.column - 1 - first
            text = text[:start] + edit.after + text[start + len(edit.before) :]
    ends = _moved(Place(place.file, node.end_line, node.end_column), edits)
    return evolve(node, text=text, place=place, end_column=ends.column)


def _moved(place: Place, edits: Listed[Edit]) -> Place:
    """Give where something stands behind the edits of its line."""
    by = sum(
        len(edit.after) - len(edit.before) for edit in edits if edit.line == place.line and edit.column < place.column
    )
    return evolve(place, column=place.column + by) if by else place
