"""
What each kind of grant does to its holder's wallet: it draws, pays in, carries on, gives back, or closes.

>>> VERBS["hold"].account, VERBS["hold"].label
('held', '@hold')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from loyalty.ledger.store import Grant
from loyalty.settlement.layout import (
    ADJUST,
    CAPTURE,
    CARRY_ITEM,
    CLOSE,
    CLOSE_ITEM,
    DRAW_ITEM,
    GIVE_BACK_ITEM,
    HOLD,
    OPEN,
    PAY_IN_ITEM,
    REDEEM,
    RELEASE,
    REVERSE,
    TRANSFER,
)


@frozen
class Verb:
    """
    What a kind of grant does.

    Args:
        item: The code of the step's item.
        label: The rule of its transfers.
        account: Where it draws to or is paid in from; None where the grant that it carries on says it.
    """

    item: int
    label: str
    account: str | None = None


#: By kind of grant.
VERBS: Final[Mapping[str, Verb]] = {
    "redeem": Verb(DRAW_ITEM, REDEEM, "redeemed"),
    "hold": Verb(DRAW_ITEM, HOLD, "held"),
    "debit": Verb(DRAW_ITEM, ADJUST, "adjusted"),
    "send": Verb(DRAW_ITEM, TRANSFER, "transferred"),
    "forfeit": Verb(DRAW_ITEM, CLOSE, "forfeited"),
    "revoke": Verb(DRAW_ITEM, REVERSE),
    "credit": Verb(PAY_IN_ITEM, ADJUST, "adjusted"),
    "open": Verb(PAY_IN_ITEM, OPEN, "opening"),
    "receive": Verb(PAY_IN_ITEM, TRANSFER, "transferred"),
    "write_off": Verb(PAY_IN_ITEM, CLOSE, "written_off"),
    "capture": Verb(CARRY_ITEM, CAPTURE, "redeemed"),
    "release": Verb(GIVE_BACK_ITEM, RELEASE),
    "restore": Verb(GIVE_BACK_ITEM, REVERSE),
    "close": Verb(CLOSE_ITEM, CLOSE),
}

#: The note of a closing says what becomes of what is pending.
PENDING_NOTE: Final = "pending"
MATURE, FORFEIT = "mature", "forfeit"

#: The note of what a closing moves names it.
CLOSING_NOTE: Final = "closing"

#: Kinds that are a part of the command that they carry on, and stand in its entry.
_PARTS: Final = frozenset({"send", "receive", "forfeit", "write_off"})

#: Kinds that take an earlier grant's effect back.
_REVERSALS: Final = frozenset({"restore", "revoke"})


def command_of(grant: Grant) -> str:
    """Give the key of the command that the grant is the decision on, or a part of it."""
    return grant.of if grant.kind in _PARTS and grant.of is not None else grant.key


def entry_key_of(command: str) -> str:
    """Give the key of the entry that a command posts; it is also the cause of the entry's transfers."""
    return f"command:{command}"


def corrected_by(grant: Grant) -> str | None:
    """Give the key of the entry that the grant reverses, or None."""
    return entry_key_of(grant.of) if grant.kind in _REVERSALS and grant.of is not None else None
