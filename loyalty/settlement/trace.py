"""
What the traced step records of why, and the plain form in which an entry keeps it.

A record is a code and whole numbers. Rules and currencies are numbered by their names in the revision that the entry
was settled under, so that its declaration alone reads them, whatever other revisions the step knows; tiers, badges
and allotments are few and stand with their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from loyalty.programme.model import Clawback, Programme

#: The form that is described here; a later one is told apart by it.
VERSION: Final = 1

#: The names of records, by code. A book keeps the codes for ever: new names are added at the end.
STEPS: Final = (
    "skip", "base", "multiply", "cap", "paid", "nothing", "candidate", "reverse", "matured", "written_off",
    "outside", "no_origin", "too_late", "nothing_left", "refund", "promoted", "demoted", "badge",
    "waits", "voids", "voided",
    "headroom_kept", "tier_gift", "badge_gift", "tier_gift_back", "badge_gift_back", "allotment_back",
    "gift_written_off", "badge_revoked", "from_now",
)  # fmt: skip
STEP_CODE: Final[Mapping[str, int]] = {name: code for code, name in enumerate(STEPS)}

#: Why a rule did not pay, by code, in the order in which they are tested; new ones are added at the end.
REASONS: Final = ("validity", "campaign", "when", "once_per", "cooldown", "streak", "outbid")
REASON_CODE: Final[Mapping[str, int]] = {name: code for code, name in enumerate(REASONS)}

#: How far a refund may reach, by code.
POLICIES: Final = (Clawback.KEEP, Clawback.PENDING_ONLY, Clawback.WITHIN_BALANCE, Clawback.ARREARS)

#: Records whose first number is a rule's.
RULE_STEPS: Final = frozenset(
    {
        *("skip", "base", "multiply", "cap", "paid", "nothing", "candidate", "reverse", "matured", "written_off"),
        "headroom_kept",
    }
)

#: Records of what came with a tier or a badge, or at the start of a period: a name, a currency, amounts.
GIFT_STEPS: Final = frozenset({"tier_gift", "badge_gift", "tier_gift_back", "badge_gift_back", "allotment_back"})

#: What the numbers of other records stand for, where it is a name.
NAMED: Final = {
    STEP_CODE["promoted"]: ("tier", "tier"),
    STEP_CODE["demoted"]: ("tier", "tier"),
    STEP_CODE["badge"]: ("badge",),
    STEP_CODE["badge_revoked"]: ("badge",),
    STEP_CODE["tier_gift"]: ("tier",),
    STEP_CODE["tier_gift_back"]: ("tier",),
    STEP_CODE["badge_gift"]: ("badge",),
    STEP_CODE["badge_gift_back"]: ("badge",),
    STEP_CODE["allotment_back"]: ("allotment",),
}

#: A holder's records as an entry keeps them: the partner's tier before the event, then each record as a list.
Part = list[Any]


def stored_trace(programme: Programme, trace: Iterable[Sequence[Any]], tier: int) -> Part:
    """
    Give one holder's records as plain JSON types.

    Args:
        programme: Whose tiers and badges the step numbers.
        trace: What the traced step recorded.
        tier: The level of the partner's tier before the event.
    """
    return [programme.ladder.tiers[tier].name, [_plain(programme, record) for record in trace]]


def stored(parts: Mapping[str, Part]) -> dict[str, Any]:
    """Give the explanation that an entry keeps, of what :func:`stored_trace` gave by holder; nothing of nothing."""
    return {"v": VERSION, "why": dict(parts)} if parts else {}


def parts_of(explanation: Mapping[str, Any]) -> Mapping[str, Part]:
    """Give what :func:`stored` was given."""
    parts: Mapping[str, Part] = explanation.get("why", {})
    return parts


def rule_names(programme: Programme) -> list[str]:
    """Give the names of the rules in the order by which records number them."""
    return sorted(rule.name for rule in programme.rules)


def currency_names(programme: Programme) -> list[str]:
    """Give the names of the currencies in the order by which records number them."""
    return sorted(programme.currencies)


def _plain(programme: Programme, record: Sequence[Any]) -> list[Any]:
    plain = list(record)
    for place, what in enumerate(NAMED.get(record[0], ()), start=1):
        named = {"tier": programme.ladder.tiers, "badge": programme.badges, "allotment": programme.allotments}[what]
        # What several revisions number together stands with its name already.
        if not isinstance(record[place], str):
            plain[place] = named[record[place]].name
    return plain
