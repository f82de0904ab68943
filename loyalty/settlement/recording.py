"""
What the traced step put out, in the numbering of one revision, so that it can be read when later ones have come.

The step numbers what all revisions declare together. What is kept numbers what the revision of the event's day
declares; a record that another revision's rule left names that rule and revision, as ``RULE@REVISION``, and numbers
what that one declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loyalty.settlement.layout import Layout
from loyalty.settlement.trace import GIFT_STEPS, NAMED, REASON_CODE, RULE_STEPS, STEP_CODE, STEPS, rule_names


def view_on(layout: Layout, day: int) -> Layout:
    """Give the view of the revision that is in force on a day."""
    return next((view for view in reversed(layout.views[1:]) if view.begins <= day), layout.views[0])


def recorded(layout: Layout, view: Layout, trace: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Give the records of the step in the numbering of the revision of *view*."""
    return [(record[0], *_numbers(layout, view, STEPS[record[0]], list(record[1:]))) for record in trace]


def _numbers(layout: Layout, view: Layout, name: str, numbers: list[Any]) -> list[Any]:
    if name in RULE_STEPS:
        home = _home(layout, numbers[0])
        numbers[0] = _rule(layout, view, numbers[0])
        if name == "skip":
            if numbers[1] == REASON_CODE["outbid"]:
                numbers[2] = _rule(layout, home, numbers[2])
        elif name != "candidate":
            numbers[1] = _currency(layout, home, numbers[1])
        return numbers
    for place, what in enumerate(NAMED.get(STEP_CODE[name], ())):
        if what:
            numbers[place] = _name(layout, what, numbers[place])
    if name in GIFT_STEPS:
        numbers[1] = _currency(layout, view, numbers[1])
    elif name == "gift_written_off":
        numbers[0] = _currency(layout, view, numbers[0])
    return numbers


def _name(layout: Layout, what: str, number: int) -> str:
    """Give the name of a tier, a badge or an allotment by its number among those of all revisions."""
    if what == "allotment":
        return layout.allotments[number]
    start = layout.names.tier_asset if what == "tier" else layout.names.badge_asset
    return layout.names.assets[start + number].partition(".")[2]


def _currency(layout: Layout, view: Layout, number: int) -> int | str:
    """Give the number of a currency in a revision, or its name where the revision does not have it."""
    name = layout.names.assets[number]
    return view.currencies.index(name) if name in view.currencies else name


def _home(layout: Layout, number: int) -> Layout:
    """Give the view of the revision that has the rule of this number."""
    return next(other for other in reversed(layout.views) if other.first_rule <= number)


def _rule(layout: Layout, view: Layout, number: int) -> int | str:
    home = _home(layout, number)
    own = number - home.first_rule
    return own if home is view else f"{rule_names(home.programme)[own]}@{home.programme.revision}"
