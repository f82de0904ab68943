"""The whole numbers that texts have in generated source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from attrs import Factory, define

from loyalty.rules.expressions import Expression, emit
from loyalty.settlement.layout import Layout

#: For each kind of event and name, the codes of texts.
Codes = dict[str, dict[str, dict[str, int]]]


@define
class Texts:
    """
    Whole numbers for the texts that expressions compare with, for each kind of event.

    A one_of value has its place in the declared list, a tier's name its level; a text that no expression names has
    none. All revisions share the codes of what events say; each has its own tiers and metrics.
    """

    _codes: Codes
    _tiers: dict[str, int]
    _number: Callable[[int], str] | None = None
    _rename: Mapping[str, str] = Factory(dict)

    @classmethod
    def of(cls, layout: Layout) -> Texts:
        """Number the texts that are declared."""
        kinds = layout.programme.events.values()
        codes = {kind.name: {f"event.{f.name}": _places(f.values) for f in kind.fields.values()} for kind in kinds}
        number = partial(layout.number, "expression") if layout.numbers_apart else None
        return cls(codes, _places(tier.name for tier in layout.programme.ladder.tiers), number)

    def under(self, view: Layout) -> Texts:
        """Give what a revision's expressions are written with."""
        if len(view.views) == 1:
            return self
        tiers = _places(tier.name for tier in view.programme.ladder.tiers)
        return Texts(self._codes, tiers, self._number, {name: view.local(index) for name, index in view.own.items()})

    def codes(self, kind: str, name: str) -> dict[str, int]:
        """Give the codes of the texts that *name* is compared with in events of *kind*."""
        return self._codes.setdefault(kind, {}).setdefault(name, {})

    def source(self, expression: Expression, kind: str = "", rename: Mapping[str, str] | None = None) -> str:
        """Give the Python source of an expression over events of *kind*."""

        def intern(name: str, text: str) -> int:
            known = self._tiers if name == "tier.name" else self.codes(kind, name)
            return known.setdefault(text, len(known))

        return emit(expression, intern, rename={**self._rename, **(rename or {})}, number=self._number)


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}
