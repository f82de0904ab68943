"""A tier's needs as a tree: which conditions hold, what is missing of each, and which of them together are enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from typing import Final

from loyalty.advising.advice import Condition, Conditions, Missing
from loyalty.core.amounts import MAX_AMOUNT
from loyalty.rules.expressions import Expression, evaluate
from loyalty.tiers.declaration import Metric, Needs

#: What metrics come to, by name.
Values = Mapping[str, int]

#: So many alternatives of a tier's needs are looked at.
_MOST_BRANCHES: Final = 16


def holds(condition: Expression, values: Values) -> bool:
    """Tell whether a condition over metrics holds."""
    return bool(evaluate(condition, {**dict.fromkeys(condition.names, 0), **values}))


def conditions_of(needs: Needs, metrics: Mapping[str, Metric], now: Values, then: Values) -> Conditions:
    """
    Say which conditions hold, and what is missing of the others.

    Args:
        now: What metrics come to now.
        then: What they come to when they are looked at.
    """
    parts: list[Condition | Conditions] = []
    for part in needs.parts:
        if isinstance(part, Needs):
            parts.append(conditions_of(part, metrics, now, then))
            continue
        met = holds(part, then)
        missing = [] if met else [_missing(part, metrics[name], now, then) for name in sorted(part.names & set(then))]
        parts.append(Condition(text_of(part), met, tuple(one for one in missing if one is not None)))
    met_parts = [part.met for part in parts]
    return Conditions(needs.every, all(met_parts) if needs.every else any(met_parts), tuple(parts))


def branches_of(needs: Needs) -> list[tuple[Expression, ...]]:
    """Give the sets of single conditions each of which is enough, some of them where there are very many."""
    parts = [branches_of(part) if isinstance(part, Needs) else [(part,)] for part in needs.parts]
    if not needs.every:
        return list(islice((branch for part in parts for branch in part), _MOST_BRANCHES))
    return [
        tuple(dict.fromkeys(condition for branch in chosen for condition in branch))
        for chosen in islice(product(*parts), _MOST_BRANCHES)
    ]


def singles_of(needs: Needs) -> Iterator[Expression]:
    """Give the single conditions, those of alternatives included."""
    for part in needs.parts:
        yield from singles_of(part) if isinstance(part, Needs) else (part,)


def text_of(condition: Expression) -> str:
    """Give a condition as it is declared, on one line."""
    return " ".join(condition.source.split())


def unmet(branch: Iterable[Expression], values: Values) -> list[Expression]:
    """Give the conditions of a branch that do not hold."""
    return [condition for condition in branch if not holds(condition, values)]


def _missing(condition: Expression, metric: Metric, now: Values, then: Values) -> Missing | None:
    """Find the least value of a metric, above what it comes to, with which a condition holds; None if none is."""
    start = then[metric.name]

    def works(value: int) -> bool | None:
        try:
            return holds(condition, {**then, metric.name: value})
        except OverflowError:
            # The condition was proven for every value that the metric can have, so that this is none of them.
            return None

    step = 1
    while works(start + step) is False:
        step *= 2
        if start + step > MAX_AMOUNT:
            return None
    low, high = start + step // 2, start + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) is False else (low, middle)
    return Missing(metric, now[metric.name], start, high) if works(high) else None
