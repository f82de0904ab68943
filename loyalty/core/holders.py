"""
Holders own wallets. An event reaches them in layers: first the partner, then its person.

>>> str(Holder.partner("acme"))
'partner:acme'
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple


class Layer(IntEnum):
    """Who is paid; the order is the order in which one event is settled."""

    PARTNER = 0
    PERSON = 1


class Holder(NamedTuple):
    """A partner or a person, named by the layer and its id; a tuple, by which mappings find it fastest."""

    layer: Layer
    id: str

    @classmethod
    @lru_cache(maxsize=1 << 16)
    def partner(cls, id: str) -> Holder:
        """Name the partner *id*; who is named often is one object, which is found by it faster."""
        return cls(Layer.PARTNER, id)

    @classmethod
    @lru_cache(maxsize=1 << 16)
    def person(cls, id: str) -> Holder:
        """Name the person *id*, as :meth:`partner` does."""
        return cls(Layer.PERSON, id)

    @classmethod
    def parse(cls, text: str) -> Holder:
        """
        Read what :meth:`__str__` wrote.

        Raises:
            ValueError: *text* does not begin with ``partner:`` or ``person:``.
        """
        layer, colon, id = text.partition(":")
        if not colon or layer not in {"partner", "person"}:
            raise ValueError(f"{text!r} is no holder; write partner:ID or person:ID")
        return cls.partner(id) if layer == "partner" else cls.person(id)

    def __str__(self) -> str:
        return f"{_NAMES[self.layer]}:{self.id}"


_NAMES = {layer: layer.name.lower() for layer in Layer}
