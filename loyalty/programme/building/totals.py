"""The most that a holder can ever have of each currency: the sum over all that gives, over all events."""

from __future__ import annotations

from typing import Final

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.core.calendar import FIRST_YEAR, LAST_YEAR
from loyalty.core.holders import Layer
from loyalty.mdf.declaration import Allotment
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.rules import RuleDraft
from loyalty.programme.building.standing import fixed_amounts
from loyalty.programme.model import BadgesOnRefund, TierOnRefund

#: No history sees more months than the calendar has.
_MONTHS: Final = 12 * (LAST_YEAR - FIRST_YEAR)


def bound_balances(
    rules: list[RuleDraft], allotments: tuple[Allotment, ...], draft: Draft
) -> dict[tuple[Layer, str], int]:
    """
    Give for each layer and currency the most that a holder can have earned.

    Where what it can hold reaches what a posting may carry, the rule that pays most is noted.
    """
    totals: dict[tuple[Layer, str], int] = {}
    for rule in rules:
        for key, most in rule.most.items():
            totals[key] = totals.get(key, 0) + most * draft.events_per_holder
    again = _times(draft, "badges", BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK)
    for section in draft.root.get("badges") or ():
        layer: Layer = section.value("holder", Layer.PARTNER)
        for name, amount in fixed_amounts(section, "give", draft).items():
            totals[layer, name] = totals.get((layer, name), 0) + amount * again
    again = _times(draft, "tier", TierOnRefund.RE_EVALUATE_AND_TAKE_BACK)
    for tier in draft.tiers.values():
        for name, amount in tier.gift.items():
            totals[Layer.PARTNER, name] = totals.get((Layer.PARTNER, name), 0) + amount * again
    balances = dict(totals)
    for allotment in allotments:
        # Allotments are held, but no metric of what was earned counts them.
        key = (Layer.PARTNER, allotment.currency)
        balances[key] = balances.get(key, 0) + max(allotment.amounts.values()) * _MONTHS
    for (layer, name), total in balances.items():
        if total >= MAX_AMOUNT and draft.limits_read:
            _note(layer, name, total, rules, draft)
    return totals


def _times(draft: Draft, key: str, taken_back: BadgesOnRefund | TierOnRefund) -> int:
    """Give how often a gift can come: once, or where refunds can take it back, at most once for each event."""
    blocks = [section for _, section in draft.root.get("refunds") or () if section is not None]
    return draft.events_per_holder if any(block.value(key) is taken_back for block in blocks) else 1


def _note(layer: Layer, name: str, total: int, rules: list[RuleDraft], draft: Draft) -> None:
    giving = [rule for rule in rules if (layer, name) in rule.most]
    if not giving:
        place = draft.currencies[name].place
        draft.notes.add(
            "possible-overflow",
            place,
            "its allotments and gifts could reach 2**53 minor units",
            "write smaller amounts",
            got=f"up to {total} {name}",
        )
        return
    largest = max(giving, key=lambda rule: rule.most[layer, name])
    most = largest.most[layer, name]
    draft.notes.add(
        "possible-overflow",
        largest.rule.give[layer][name].place,
        f"{draft.events_per_holder} events of one holder could reach {total} minor units of {name}, "
        f"and a balance stays below 2**53",
        "bound the award with `at_most`, or by a cap `per: [event]`; or lower the fields' `max`, or "
        "`limits.events_per_holder`",
        got=f"up to {most} minor units of {name} at one event",
    )
