"""
The fairness of a programme, as laws and as a search for what breaks them.

>>> sorted(law.name for law in FAIRNESS_LAWS)[:3]
['anonymity', 'caps_hold', 'equal_treatment']
"""

from __future__ import annotations

from loyalty.programme.model import Programme
from loyalty.testing.fairness import actions, bounds, cliffs, cuts, pumps, sameness, search
from loyalty.testing.laws import Law, LawResult

#: Every law of fairness: those that find most first, and the one that needs most time last.
FAIRNESS_LAWS: tuple[Law, ...] = (
    cliffs.LAW,
    pumps.LAW,
    cuts.SPLIT,
    cuts.MERGE,
    bounds.CAPS_HOLD,
    bounds.SOFT_LANDING,
    bounds.NO_EARLY_EXPIRY,
    bounds.LATE_NEVER_HARMS,
    sameness.ANONYMITY,
    sameness.EQUAL_TREATMENT,
    actions.LAW,
)


def check_fairness(programme: Programme, *, budget_seconds: float = 15.0, seed: int = 0) -> list[LawResult]:
    """
    Look for histories in which a programme is unfair.

    Args:
        programme: The checked programme.
        budget_seconds: When to stop; laws that were not looked through by then are ``unfinished``.
        seed: What random histories are drawn from.

    Returns:
        One result for each law of fairness, opted-out ones included; ``str(result)`` is text for people.
    """
    return search.check_fairness(programme, laws=FAIRNESS_LAWS, budget_seconds=budget_seconds, seed=seed)
