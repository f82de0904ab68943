"""Why a rule did not pay for an event: what was recorded, and which earlier event had used its key."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from loyalty.core.calendar import FIRST_DAY, PERIOD_MONTHS, Period, month_tables
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.engine.answers import Answers
from loyalty.errors import NotRecorded, UsageError
from loyalty.explaining.refusals import layers_of, no_person, refused, used_by, wrong_kind
from loyalty.explaining.steps import Explanation, Step
from loyalty.ledger.store import RecordedEvent, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.notes import join_words
from loyalty.rules.declaration import KeyPart, Rule, Subject


def why_not(answers: Answers, tx: Transaction, identity: str, rule_name: str) -> Explanation:
    """
    Say why a rule did not pay for an event, for each layer that it pays; or that it did.

    Raises:
        NotRecorded: no such event was accepted.
        UsageError: the revision of the event has no such rule.
    """
    known = tx.find_event(identity)
    if known is None:
        raise NotRecorded(f"no event {identity!r} was accepted; an identity is its source, a slash and its id")
    event = known.event
    programme = answers.programme_of(tx, event)
    rule = _rule(programme, rule_name)
    holders = list(tx.recipients(identity)) or [Holder.partner(event.partner)]
    if rule.on != event.kind:
        steps = [wrong_kind(rule, event, str(holders[0]))]
        return Explanation(identity, programme.revision, tuple(steps))
    told = answers.why(tx, identity)
    steps = []
    for layer in layers_of(rule):
        holder = next((one for one in holders if one.layer is layer), None)
        if holder is None:
            steps.append(no_person(rule, str(holders[0])))
            continue
        own = [step for step in told.steps if step.holder == str(holder)]
        tier = told.tiers.get(str(holder), programme.ladder.tiers[0].name)
        for step in refused(programme, rule, event, str(holder), tier, own):
            cause = _used_by(programme, tx, rule, event, holder) if _is_used(step) else None
            steps.append(step if cause is None else used_by(step, cause))
    return Explanation(identity, told.revision, tuple(steps))


def _rule(programme: Programme, name: str) -> Rule:
    names = [rule.name for rule in programme.rules]
    if name not in names:
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {join_words(near, 'or')}?" if near else f"its rules are {join_words(names)}"
        raise UsageError(f"revision {programme.revision} of {programme.id} has no rule {name!r}; {hint}")
    return next(rule for rule in programme.rules if rule.name == name)


def _is_used(step: Step) -> bool:
    return step.name == "skip" and step.numbers[0] == "once_per"


def _used_by(programme: Programme, tx: Transaction, rule: Rule, event: Event, holder: Holder) -> Event | None:
    """Give the event that the rule paid this holder for with the same key."""
    parts = rule.once_per or ()
    recorded = tx.find_event(event.identity)
    wanted = _key(programme, tx, parts, recorded) if recorded is not None else None
    for entry in tx.entries(holder=holder):
        causes = {leg.cause for leg in entry.postings if leg.rule == rule.name and leg.account.owner == holder}
        for cause in sorted(cause for cause in causes if cause is not None and cause != event.identity):
            known = tx.find_event(cause)
            if known is not None and known.event.kind == rule.on and _key(programme, tx, parts, known) == wanted:
                return known.event
    return None


def _key(programme: Programme, tx: Transaction, parts: Sequence[KeyPart], known: RecordedEvent) -> tuple[Any, ...]:
    """Give the value of a key at an event."""
    event = known.event
    holders = tx.recipients(event.identity)
    by_layer = {holder.layer: holder.id for holder in holders}
    day = programme.calendar.day_of(event.occurred_at if known.counts_from is None else known.counts_from)
    values: list[Any] = []
    for part in parts:
        if isinstance(part, Subject):
            values.append(by_layer.get(Layer.PARTNER if part is Subject.PARTNER else Layer.PERSON))
        elif isinstance(part, Period):
            values.append(_period_number(programme, part, day))
        else:
            values.append(event.fields.get(part))
    return tuple(values)


def _period_number(programme: Programme, period: Period, day: int) -> int:
    if period is Period.DAY:
        return day
    if period is Period.WEEK:
        return (day + 3) // 7
    months = PERIOD_MONTHS[period]
    shift = programme.year_starts_month - 1 if months > 1 else 0
    return (month_tables()[0][day - FIRST_DAY] - shift) // months
