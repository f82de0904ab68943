"""The whole numbers that texts have in generated source."""

from __future__ import annotations

from collections.abc import Mapping

from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression, emit


class Texts:
    """
    Whole numbers for the texts that expressions compare with, for each kind of event.

    A one_of value has its place in the declared list, a tier's name its level; a text that no expression names has
    none.
    """

    def __init__(self, programme: Programme) -> None:
        tiers = {tier.name: level for level, tier in enumerate(programme.ladder.tiers)}
        self._codes: dict[str, dict[str, dict[str, int]]] = {
            kind.name: {
                "tier.name": tiers,
                **{
                    f"event.{spec.name}": {value: place for place, value in enumerate(spec.values)}
                    for spec in kind.fields.values()
                },
            }
            for kind in programme.events.values()
        }

    def codes(self, kind: str, name: str) -> dict[str, int]:
        """Give the codes of the texts that *name* is compared with in events of *kind*."""
        return self._codes.setdefault(kind, {}).setdefault(name, {})

    def source(self, expression: Expression, kind: str = "", rename: Mapping[str, str] | None = None) -> str:
        """Give the Python source of an expression over events of *kind*."""

        def intern(name: str, text: str) -> int:
            known = self.codes(kind, name)
            return known.setdefault(text, len(known))

        return emit(expression, intern, rename=rename)
