"""What advice says: what is missing, which actions would do, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from attrs import frozen

from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.settlement.reading import metric_unit
from loyalty.tiers.declaration import Metric


@frozen
class Missing:
    """
    How far a metric is from what a condition asks of it, all else being as it is.

    Attributes:
        metric: Its declaration.
        now: What it comes to now: minor units of a currency or of money, or a count.
        then: What it comes to when it is looked at, if nothing more happens.
        needed: With this much the condition holds, and with one less it does not.
    """

    metric: Metric
    now: int
    then: int
    needed: int

    @property
    def amount(self) -> int:
        """How much is missing, in the metric's unit."""
        return self.needed - self.then

    @property
    def unit(self) -> str:
        """What it is counted in: a currency, a unit of money, or "" for a plain number."""
        return metric_unit(self.metric)


@frozen
class Condition:
    """
    One condition of a tier.

    Attributes:
        text: As it is declared.
        met: Whether it holds when it is looked at, if nothing more happens.
        missing: What is missing of each metric that could make it hold by itself; nothing where it holds.
    """

    text: str
    met: bool
    missing: tuple[Missing, ...]


@frozen
class Conditions:
    """Conditions of which every one must hold, or any."""

    every: bool
    met: bool
    parts: tuple[Condition | Conditions, ...]

    def unmet(self) -> Iterator[Condition]:
        """Give the single conditions that do not hold, those of alternatives included."""
        for part in self.parts:
            if isinstance(part, Conditions):
                yield from part.unmet() if not part.met else ()
            elif not part.met:
                yield part


@frozen
class Action:
    """
    One event that would have to happen.

    Attributes:
        event: As it can be submitted, with stand-ins where it does not matter who or what it is.
        day: The local day on which it happens.
        stand_ins: Which of ``person`` and the fields have stand-ins; other actions of the way have other ones.
    """

    event: Event
    day: date
    stand_ins: frozenset[str]


@frozen
class Way:
    """
    Actions that reach the tier, or keep it; without any one of them it is missed, and so it is with one unit less.

    Attributes:
        actions: In their order.
        tier: The tier that is reached.
    """

    actions: tuple[Action, ...]
    tier: str

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the actions."""
        return tuple(action.event for action in self.actions)


@frozen
class Advice:
    """
    How a partner can reach a tier, or keep it, by a day.

    Attributes:
        holder: The partner.
        tier: The tier that is asked for.
        by: The last day.
        keeps: Whether the partner has it, or a higher one, and wants to keep it.
        held: The tier that the partner has earned now.
        met: Whether nothing more has to happen.
        looked_at: The day at whose end the conditions are looked at.
        needs: The conditions of the tier as of then, if nothing more happens; None where it needs nothing.
        ways: Some of the smallest, the one of the fewest actions first; none contains another.
        blocked: Where no way was found: what is in the way, or what was seen in what was tried, a sentence each.
        exhausted: Whether the search ended at its bounds, so that there may be smaller ways; where none was found,
            whether there may be one all the same.
        settled: How many events were settled in the search.
    """

    holder: Holder
    tier: str
    by: date
    keeps: bool
    held: str
    met: bool
    looked_at: date
    needs: Conditions | None
    ways: tuple[Way, ...]
    blocked: tuple[str, ...]
    exhausted: bool
    settled: int
