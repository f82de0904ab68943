"""
What the traced step records of why, and the plain form in which an entry keeps it.

A record is a code and whole numbers. Rules and currencies are numbered by their names in the revision that the entry
was settled under, so that its declaration alone reads them, whatever other revisions the step knows; tiers, badges
and allotments are few and stand with their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from attrs import field, frozen

from loyalty.gamification.declaration import Badge
from loyalty.mdf.declaration import Allotment
from loyalty.programme.model import Clawback, Programme
from loyalty.tiers.declaration import Tier

#: The form that is described here; a later one is told apart by it.
VERSION: Final = 1

#: The names of records, by code. A book keeps the codes for ever: new names are added at the end.
STEPS: Final = (
    "skip", "base", "multiply", "cap", "paid", "nothing", "candidate", "reverse", "matured", "written_off",
    "outside", "no_origin", "too_late", "nothing_left", "refund", "promoted", "demoted", "badge",
    "waits", "voids", "voided",
    "headroom_kept", "tier_gift", "badge_gift", "tier_gift_back", "badge_gift_back", "allotment_back",
    "gift_written_off", "badge_revoked", "from_now", "reviewed", "grace_over", "allotment", "nothing_waits",
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

#: Records of the clock, whose first number is the day.
CLOCK_STEPS: Final = frozenset({"reviewed", "grace_over", "allotment"})

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
    STEP_CODE["reviewed"]: ("", "tier", "tier"),
    STEP_CODE["grace_over"]: ("", "tier", "tier"),
    STEP_CODE["allotment"]: ("", "allotment", "tier"),
}

_CLOCK_CODES: Final = frozenset(STEP_CODE[name] for name in CLOCK_STEPS)
_CODE: Final = itemgetter(0)

#: One record of a step: a code and whole numbers.
Record = Sequence[Any]

#: A holder's records as an entry keeps them: the partner's tier before the event, then each record as a list.
Part = list[Any]

#: What gives a part: most items are settled without anybody asking why.
Why = Callable[[], Part]


def by_day(trace: Sequence[Record]) -> dict[int, list[Record]]:
    """Give the records of each day of the clock, and those of the item itself under -1."""
    if _CLOCK_CODES.isdisjoint(map(_CODE, trace)):
        return {-1: list(trace)}
    own: list[Record] = []
    days = {-1: own}
    for record in trace:
        if record[0] in _CLOCK_CODES:
            days.setdefault(record[1], []).append(record)
        else:
            own.append(record)
    return days


def stored_trace(programme: Programme, trace: Iterable[Record], tier: int) -> Part:
    """
    Give one holder's records as plain JSON types.

    Args:
        programme: Whose tiers and badges the step numbers.
        trace: What the traced step recorded.
        tier: The level of the partner's tier before the event.
    """
    plain = [_named_plainly(programme, record) if record[0] in NAMED else list(record) for record in trace]
    return [programme.ladder.tiers[tier].name, plain]


def stored(parts: Mapping[str, Part]) -> dict[str, Any]:
    """Give the explanation that an entry keeps, of what :func:`stored_trace` gave by holder; nothing of nothing."""
    return {"v": VERSION, "why": dict(parts)} if parts else {}


def parts_of(explanation: Mapping[str, Any]) -> Mapping[str, Part]:
    """Give what :func:`stored` was given."""
    parts: Mapping[str, Part] = explanation.get("why", {})
    return parts


@frozen
class CorrectedParts:
    """
    What a correction keeps of one cause.

    Attributes:
        before, now: The records as they were and as they are, by holder.
        revision: That of the records before, where it is another one than the entry's.
    """

    before: dict[str, Part] = field(factory=dict)
    now: dict[str, Part] = field(factory=dict)
    revision: str | None = None


#: What corrections keep, by cause ("" is the clock).
Corrections = Mapping[str, CorrectedParts]


def stored_correction(corrected: Corrections) -> dict[str, Any]:
    """Give the explanation that a correction keeps."""
    return {
        "v": VERSION,
        "of": {
            cause: [parts.before, parts.now, *([parts.revision] if parts.revision is not None else [])]
            for cause, parts in corrected.items()
        },
    }


def corrected_parts(explanation: Mapping[str, Any]) -> Corrections:
    """Give what :func:`stored_correction` was given."""
    return {cause: CorrectedParts(*kept) for cause, kept in explanation.get("of", {}).items()}


def rule_names(programme: Programme) -> list[str]:
    """Give the names of the rules in the order by which records number them."""
    return sorted(rule.name for rule in programme.rules)


def currency_names(programme: Programme) -> list[str]:
    """Give the names of the currencies in the order by which records number them."""
    return sorted(programme.currencies)


def names_of(
    revisions: Mapping[str, Programme], programme: Programme, rule: int | str, currency: int | str
) -> tuple[str, str]:
    """
    Give the names of a rule and a currency as a record has them.

    Args:
        revisions: Programmes by their revision.
        programme: The revision that the entry was settled under.
        rule: Its number, or ``RULE@REVISION`` where it is that of another revision, which then numbers the currency.
    """
    if isinstance(rule, str):
        rule, _, other = rule.rpartition("@")
        programme = revisions[other]
    return (
        rule if isinstance(rule, str) else rule_names(programme)[rule],
        currency if isinstance(currency, str) else currency_names(programme)[currency],
    )


def _named_plainly(programme: Programme, record: Record) -> list[Any]:
    plain = list(record)
    for place, what in enumerate(NAMED[record[0]], start=1):
        # What several revisions number together stands with its name already.
        if what and not isinstance(record[place], str):
            plain[place] = _named(programme, what)[record[place]].name
    return plain


def _named(programme: Programme, what: str) -> Sequence[Tier | Badge | Allotment]:
    if what == "tier":
        return programme.ladder.tiers
    return programme.badges if what == "badge" else programme.allotments
