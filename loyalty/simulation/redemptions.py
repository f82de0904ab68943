"""
Redemptions of a simulated population, as grants: decisions that settlement replays.

A scenario says which share of what is available partners redeem each month. How much that is depends on everything
before it, so each partner is settled once alone to find out; the grants then go with the events into
:func:`loyalty.settlement.settle.settle`. Partners do not touch each other, so a population may be cut anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from loyalty.core.calendar import HOUR_US, format_day
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.history import Placed, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.months import month_starts


def redemptions(
    programme: Programme, scenario: Scenario, events: Iterable[Event], months: int, start_day: int
) -> list[Grant]:
    """
    Give what partners redeem: at noon of each month's last day the declared share of what is available, rounded down.

    Args:
        programme: What the events were drawn for.
        scenario: Says how much is redeemed; without that nothing is, and nothing is settled.
        events: The events of whole partners, in any order.
        months: Calendar months, the one of *start_day* included.
        start_day: Where the simulation begins.
    """
    if not any(scenario.redeem.values()):
        return []
    steps = steps_of(programme)
    histories: dict[Holder, list[Placed]] = defaultdict(list)
    for placed in place_events(programme, events):
        histories[placed.holders[0]].append(placed)
    last_days = [day - 1 for day in month_starts(start_day, months)[1:]]
    noons = [(day, programme.calendar.day_start_us(day) + 12 * HOUR_US) for day in last_days]
    return [
        grant
        for holder in sorted(histories)
        if holder.layer is Layer.PARTNER
        for grant in _granted(steps, scenario, holder, histories[holder], noons)
    ]


def _granted(
    steps: Steps, scenario: Scenario, holder: Holder, history: list[Placed], noons: list[tuple[int, int]]
) -> Iterable[Grant]:
    run = HolderRun(steps, holder)
    codes = {name: code for code, name in enumerate(steps.names.assets)}
    position = 0
    for day, noon in noons:
        while position < len(history) and history[position].instant <= noon:
            run.apply(history[position])
            position += 1
        for name, share in sorted(scenario.redeem.items()):
            run.advance(day)
            amount = run.available(codes[name]) * share.numerator // share.denominator
            if amount > 0:
                key = f"simulation:{holder}:{name}:{format_day(day)}"
                grant = Grant(key=key, kind="redeem", holder=holder, currency=name, amount=amount, at=noon)
                run.grant(grant)
                yield grant
