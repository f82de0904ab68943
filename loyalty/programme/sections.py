"""What was read of a programme file: items and sections, each of which knows the node that it came from."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from attrs import frozen

from loyalty.programme.nodes import Mapping, Node, Scalar

T = TypeVar("T")


@frozen(eq=False)
class Item(Generic[T]):
    """A value that was read, and the node that it came from."""

    value: T
    node: Scalar


@frozen(eq=False)
class Section:
    """A mapping that was read: what could be read of each key, by its name."""

    node: Mapping
    values: dict[str, Any]
    names: dict[str, Scalar]
    others: dict[str, Any]

    def get(self, name: str) -> Any:
        """Give what was read for a key, or None."""
        return self.values.get(name)

    def value(self, name: str, default: Any = None) -> Any:
        """Give the plain value of a key that holds an item."""
        item = self.values.get(name)
        return default if item is None else item.value

    def has(self, name: str) -> bool:
        """Whether the key was written, readable or not."""
        return name in self.names

    @property
    def has_strays(self) -> bool:
        """Whether keys were written that could not be read as any: one of them may be what seems to be missing."""
        return any(key.text not in self.names for key, _ in self.node.entries)

    def is_clear(self, name: str) -> bool:
        """Whether it is known what a key that may be left out says: it was read, or left out on purpose."""
        return self.get(name) is not None or not (self.has(name) or self.has_strays)

    def at(self, name: str) -> Node:
        """Give the node to point at for a key: its value, or the whole where it is missing."""
        return self.node.by_name.get(name, self.node)
