"""
The source of a rule's conditions, in their fixed order; the traced variant records the first that fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loyalty.rules.declaration import Rule
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.trace import REASON_CODE
from loyalty.settlement.windows import period_source
from loyalty.settlement.writer import Writer


@contextmanager
def applying(w: Writer, layout: Layout, rule: Rule, texts: Texts) -> Iterator[None]:
    """Write the conditions of the rule around what it does, in their order, each with its reason where it fails."""
    code = layout.code(rule)
    reasons: list[tuple[object, ...]] = []
    if w.traced:
        w.line(f"tried_{code} = False")

    def require(condition: str, reason: str, *numbers: str) -> None:
        reasons.append((REASON_CODE[reason], *numbers))
        w.open(f"if {condition}")

    campaign = layout.programme.campaigns[rule.campaign] if rule.campaign else None
    for what, valid in (("validity", rule.valid), ("campaign", campaign and campaign.valid)):
        if valid and valid.first_day is not None:
            bound = layout.parameter(f"{rule.name}: from", valid.first_day)
            require(f"day >= {bound}", what, bound)
        if valid and valid.last_day is not None:
            bound = layout.parameter(f"{rule.name}: through", valid.last_day)
            require(f"day <= {bound}", what, bound)
    if rule.when is not None:
        require(texts.source(rule.when, rule.on), "when")
    if rule.once_per is not None:
        once = layout.key(("once", rule.name), [rule.on], rule.once_per)
        require(f"{once.at('a')} == 0", "once_per")
    if rule.cooldown is not None:
        rest = layout.key(("cooldown", rule.name), [rule.on], rule.cooldown.per)
        over = rest.at("a")
        require(f"{'e.instant' if rule.cooldown.length.hours else 'day'} >= {over}", "cooldown", over)
    if rule.streak is not None:
        _write_streak(w, layout, rule)
        require(f"complete_{code}", "streak", _streak_key(layout, rule).at("b"))
    if w.traced:
        w.line(f"tried_{code} = True")
    yield
    for reason in reversed(reasons):
        w.close()
        if w.traced:
            with w.block("else"):
                w.trace("skip", layout.rule_number(rule), *reason)


def _streak_key(layout: Layout, rule: Rule) -> Key:
    return layout.key(("streak", rule.name), [rule.on], ())


def _write_streak(w: Writer, layout: Layout, rule: Rule) -> None:
    if rule.streak is None:
        return
    code = layout.code(rule)
    period, run = (_streak_key(layout, rule).at(column) for column in "ab")
    now = period_source(layout, rule.streak.every, "day")
    w.line(f"complete_{code} = False")
    with w.block(f"if {period} != {now} + 1"):
        w.line(f"{run} = {run} + 1 if {period} == {now} else 1")
        w.line(f"{period} = {now} + 1")
        length = layout.parameter(f"{rule.name}: streak length", rule.streak.length)
        w.line(f"complete_{code} = {run} {f'% {length} == 0' if rule.streak.repeat else f'== {length}'}")
