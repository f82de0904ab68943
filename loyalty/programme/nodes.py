"""
A YAML document as a tree of texts, each with its place.

Scalars stay the text that the writer wrote: the declared type of a key says what ``1.10`` or ``no`` means, not YAML.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from attrs import field, frozen

from loyalty.errors import Place


@frozen(eq=False)
class Scalar:
    """
    A text.

    Args:
        text: The value; of quoted and block texts what YAML makes of them.
        place: Where it begins, its quote included.
        style: ``""`` (plain), ``'``, ``"``, ``|`` or ``>``.
        end_line, end_column: Where it ends, counted from 1; the column is that of the character after it.
        inside: Columns from the beginning to the first character of the text itself.
        broken: Whether it stands for something that was reported already.
    """

    text: str
    place: Place
    style: str = ""
    end_line: int = 0
    end_column: int = 0
    inside: int = 0
    broken: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self.style and self.text in ("", "~", "null")

    @property
    def got(self) -> str:
        """The text as a message shows it."""
        return "nothing" if self.is_empty else f"`{shorten(self.text)}`"

    @property
    def plain(self) -> str | int | bool | Decimal | None:
        """What the core schema of YAML 1.2 makes of it, with exact decimals; dates stay texts."""
        if self.style:
            return self.text
        if self.is_empty:
            return None
        if self.text in ("true", "false"):
            return self.text == "true"
        digits = self.text.lstrip("+-")
        if digits.isascii() and digits.isdigit() and len(self.text) - len(digits) <= 1:
            return int(self.text)
        whole, point, part = digits.partition(".")
        if point and (whole + part).isascii() and whole.isdigit() and part.isdigit():
            return Decimal(self.text)
        return self.text


@frozen(eq=False)
class Sequence:
    """A list; ``flow`` where it is written in brackets."""

    items: tuple[Node, ...]
    place: Place
    flow: bool = False

    @property
    def got(self) -> str:
        """What a message calls it."""
        return "a list"


@frozen(eq=False)
class Mapping:
    """Keys with values, in the order of the file; equal keys were reported already and only the first is kept."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place
    flow: bool = False
    by_name: dict[str, Node] = field(init=False)

    @by_name.default
    def _index(self) -> dict[str, Node]:
        return {key.text: value for key, value in self.entries}

    @property
    def got(self) -> str:
        """What a message calls it."""
        keys = ", ".join(key.text for key, _ in self.entries[:4])
        return f"a mapping with the keys {shorten(keys)}" if keys else "an empty mapping"


Node: TypeAlias = Scalar | Sequence | Mapping


def shorten(text: str, width: int = 60) -> str:
    """Keep a text on one line of a message."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= width else one_line[: width - 1] + "…"


def plain_value(node: Node) -> object:
    """Give a node as plain values, as YAML 1.2 reads it; decimals become floats, for JSON tools alone."""
    if isinstance(node, Mapping):
        return {key.text: plain_value(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain_value(item) for item in node.items]
    value = node.plain
    return float(value) if isinstance(value, Decimal) else value


def scalars_in(node: Node) -> Iterator[Scalar]:
    """Give every scalar value below a node."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from scalars_in(item)
    else:
        for _, value in node.entries:
            yield from scalars_in(value)
