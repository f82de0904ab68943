"""
How well a scenario fits the history that it was estimated from, as plain values for reports.

Whoever estimates draws a population from the scenario and lays it beside what was observed, quantity by quantity.
"""

from __future__ import annotations

from attrs import frozen

from loyalty.explaining.said import Value
from loyalty.programme.model import Programme


@frozen(kw_only=True)
class Bars:
    """
    A distribution, observed and drawn.

    Args:
        edges: Ascending, one more than bins; for named values empty.
        labels: The names of the values of a choice; empty where there are edges.
        observed, drawn: The share of each bin, 0 to 1.
        is_log: Whether the edges grow by factors.
    """

    observed: tuple[float, ...]
    drawn: tuple[float, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    is_log: bool = False


@frozen(kw_only=True)
class Curve:
    """
    A figure month by month, observed and drawn.

    Args:
        months: Numbered since January of year 0.
        low, high: Between which the drawn populations lie, where several were drawn.
    """

    months: tuple[int, ...]
    observed: tuple[float, ...]
    drawn: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@frozen(kw_only=True)
class Distance:
    """
    How far observed and drawn lie apart.

    Args:
        name: Of the test: ``kolmogorov_smirnov``, ``share_apart``, or words.
        statistic: Its value, as it is usually written.
        p_value: The chance of so large a distance where the scenario is right: the share of its populations, the
            history counted in, that lie as far from what is drawn; None where there is none.
    """

    name: Value
    statistic: float
    p_value: float | None = None


@frozen(kw_only=True)
class Quantity:
    """
    One quantity that was estimated.

    Args:
        name: Such as ``deal.won`` or ``deal.won: amount``.
        unit: Of what is drawn along, or "".
        estimated: The parameters that were found, in words, such as "median 8,200.00 EUR, sigma 1.08".
        picture: What to lay side by side, if anything.
        distances: Of observed and drawn.
        fits: Whether it fits well enough, by the rule that the notes state; None where nobody can say.
    """

    name: Value
    unit: str = ""
    estimated: tuple[Value, ...] = ()
    picture: Bars | Curve | None = None
    distances: tuple[Distance, ...] = ()
    fits: bool | None = None
    observations: int = 0


@frozen(kw_only=True)
class Goodness:
    """
    A scenario and how well it fits.

    Args:
        scenario: Its name.
        partners, events: Of the history.
        first_day, last_day: What of the history was looked at, both included.
        text: The scenario file as it was written.
        assumptions: What could not be estimated and was assumed.
    """

    programme: Programme
    scenario: str
    partners: int
    events: int
    first_day: int
    last_day: int
    quantities: tuple[Quantity, ...]
    text: str = ""
    seeds: tuple[int, ...] = ()
    assumptions: tuple[Value, ...] = ()
    notes: tuple[Value, ...] = ()
