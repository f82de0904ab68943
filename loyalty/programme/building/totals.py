"""The most that a holder can ever have of each currency: the sum over all that gives, over all events."""

from __future__ import annotations

from typing import Final, TypeAlias

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.core.calendar import FIRST_YEAR, LAST_YEAR
from loyalty.core.holders import Layer
from loyalty.mdf.declaration import Allotment
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.rules import RuleDraft
from loyalty.programme.building.standing import fixed_amounts
from loyalty.programme.model import BadgesOnRefund, TierOnRefund
from loyalty.programme.revisions import revisions_of

#: No history sees more months than the calendar has.
_MONTHS: Final = 12 * (LAST_YEAR - FIRST_YEAR)


#: Minor units by layer and currency.
Totals: TypeAlias = dict[tuple[Layer, str], int]


def bound_balances(rules: list[RuleDraft], allotments: tuple[Allotment, ...], draft: Draft) -> tuple[Totals, Totals]:
    """
    Give for each layer and currency the most that a holder can have earned, and hold, in all revisions up to this one.

    Where what it can hold reaches what a posting may carry, the rule that pays most is noted.
    """
    totals, held_before = _before(draft)
    for rule in rules:
        for key, most in rule.most.items():
            totals[key] = totals.get(key, 0) + most * draft.most_events
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
    for key, held in held_before.items():
        balances[key] = balances.get(key, 0) + held
    for allotment in allotments:
        # Allotments are held, but no metric of what was earned counts them.
        key = (Layer.PARTNER, allotment.currency)
        balances[key] = balances.get(key, 0) + max(allotment.amounts.values()) * _MONTHS
    for (layer, name), total in balances.items():
        if total >= MAX_AMOUNT and draft.limits_read:
            _note(layer, name, total, rules, draft)
    return totals, balances


def _before(draft: Draft) -> tuple[Totals, Totals]:
    """Give what could be earned before, and what could be held beside it, for as many events as there can be now."""
    before = draft.before
    if before is None:
        return {}, {}
    most = max(one.events_per_holder for one in revisions_of(before))

    def now(total: int) -> int:
        return -(-total * draft.most_events // most)

    earned = {key: now(total) for key, total in before.most_earned.items()}
    return earned, {key: now(total) - earned.get(key, 0) for key, total in before.most_held.items()}


def _times(draft: Draft, key: str, taken_back: BadgesOnRefund | TierOnRefund) -> int:
    """Give how often a gift can come: once, or where refunds can take it back, at most once for each event."""
    blocks = [section for _, section in draft.root.get("refunds") or () if section is not None]
    return draft.most_events if any(block.value(key) is taken_back for block in blocks) else 1


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
        f"{draft.most_events} events of one holder could reach {total} minor units of {name}, "
        "and a balance stays below 2**53" + ("; earlier revisions are counted in" if draft.before else ""),
        "bound the award with `at_most`, or by a cap `per: [event]`; or lower the fields' `max`, or "
        "`limits.events_per_holder`",
        got=f"up to {most} minor units of {name} at one event",
    )
