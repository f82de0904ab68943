"""
Metrics, added up anew from the whole history at each look (paragraphs 10, 21, 29 and 31).
"""

from __future__ import annotations

from loyalty.programme.model import Programme, Role
from loyalty.rules.expressions import evaluate
from loyalty.tiers.declaration import Measure, Metric, Needs
from tests.auditor.days import lies_in_window
from tests.auditor.state import Fact, Key, State, Values
from tests.auditor.values import event_values, key_of, part_of_key


def metrics(revision: Programme, state: State, today: int) -> Values:
    """Give every metric of the holder's layer that a revision declares, in the windows that *today* lies in (11)."""
    return {
        metric.name: measure(revision, state, metric, today)
        for metric in revision.metrics.values()
        if metric.layer is state.layer
    }


def measure(revision: Programme, state: State, metric: Metric, today: int) -> int:
    """Give one metric of a holder, as a revision declares it, of all that ever happened (59)."""

    def counted_on(day: int) -> bool:
        assert state.anchor is not None, "a holder is looked at from its first event on"
        return lies_in_window(day, metric.window, today, state.anchor, revision.year_starts_month)

    if metric.measure is Measure.BALANCE:
        return sum(lot.remaining for lot in state.lots if (lot.currency, lot.account) == (metric.currency, "available"))
    if metric.measure is Measure.EARNED:
        return sum(amount for currency, day, amount in state.earned if currency == metric.currency and counted_on(day))

    facts = [fact for fact in state.facts if counts(fact, metric) and counted_on(fact.happening.day)]
    if metric.measure is Measure.SUM:
        assert metric.of is not None
        some_left = [fact for fact in facts if not fact.nothing_left]
        return sum(int(evaluate(metric.of, event_values(fact.happening, fact.left))) for fact in some_left)
    if metric.measure is Measure.DISTINCT:
        assert metric.by is not None
        return len({part_of_key(revision, fact.happening, metric.by) for fact in facts})
    if metric.while_not_ended:
        return len({ending_key(revision, fact) for fact in facts})
    return sum(not fact.nothing_left for fact in facts)


def counts(fact: Fact, metric: Metric) -> bool:
    """Say whether a metric over events of a kind looks at this one; ``when`` is asked as things stood then (11, 31)."""
    if fact.happening.event.kind != metric.kind or not fact.is_counted:
        return False
    if metric.while_not_ended and not fact.in_force:
        return False
    return metric.when is None or bool(evaluate(metric.when, event_values(fact.happening)))


def ending_key(revision: Programme, fact: Fact) -> Key:
    """Give what says together which certification an event is: the ``by`` of the kinds that end its kind (31)."""
    parts: list[object] = []
    for name in sorted(revision.events):
        kind = revision.events[name]
        if kind.role is Role.ENDS and kind.origin_kind == fact.happening.event.kind:
            parts.extend(part for part in kind.by if part not in parts)
    return key_of(revision, fact.happening, parts)  # type: ignore[arg-type]


def met(needs: Needs, values: Values) -> bool:
    """Say whether conditions hold, joined by all or any."""
    answers = [met(part, values) if isinstance(part, Needs) else bool(evaluate(part, values)) for part in needs.parts]
    return all(answers) if needs.every else any(answers)
