"""What a run asks of each kind of event besides its step: its number there, what it speaks of, what money it sums."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from loyalty.batch.tables import kinds_of
from loyalty.programme.model import FieldSpec, FieldType, Programme, Role
from loyalty.settlement.merging import united


@frozen
class Kind:
    """
    One kind of event.

    Args:
        code: Its number in the step.
        fields: Those of all revisions.
        money: The first money field, which is summed; of a refund that which it takes back in parts, or None where it
            takes an event back whole.
        origin: The kind that a refund or a follow-up speaks of, as a number of ``kinds_of``; -1 for none.
    """

    name: str
    code: int
    role: Role
    fields: Mapping[str, FieldSpec]
    money: str | None
    origin: int

    @property
    def speaks(self) -> bool:
        """Whether it means nothing without the event that it speaks of."""
        return self.role in (Role.REFUNDS, Role.FOLLOWS)


def kinds_for(programme: Programme) -> list[Kind]:
    """Give what is known of each kind of ``kinds_of``, in its order."""
    names = kinds_of(programme)
    declared = united(programme).events
    step_codes = list(declared)
    kinds = []
    for name in names:
        kind = declared[name]
        money = next((spec.name for spec in kind.fields.values() if spec.type is FieldType.MONEY), None)
        if kind.role is Role.REFUNDS:
            part = kind.fields.get(kind.part or "")
            money = kind.part if part is not None and part.type is FieldType.MONEY else None
        origin = names.index(kind.origin_kind) if kind.origin_kind in names else -1
        kinds.append(Kind(name, step_codes.index(name), kind.role, kind.fields, money, origin))
    return kinds
