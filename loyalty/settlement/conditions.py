"""
The source of a rule's conditions, in their fixed order; the traced variant records the first that fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from loyalty.rules.declaration import Cooldown, KeyPart, Rule, Streak
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.trace import REASON_CODE
from loyalty.settlement.windows import metric_names, period_source
from loyalty.settlement.writer import Writer


@contextmanager
def applying(w: Writer, layout: Layout, rule: Rule, texts: Texts) -> Iterator[None]:
    """Write the conditions of the rule around what it does, in their order, each with its reason where it fails."""
    tag = layout.tag(rule)
    reasons: list[tuple[object, ...]] = []
    if w.traced:
        w.line(f"tried_{tag} = False")

    def require(condition: str, reason: str, *numbers: str) -> None:
        reasons.append((REASON_CODE[reason], *numbers))
        w.open(f"if {condition}")

    home = layout.home(rule)
    guard = layout.guards.get(id(rule))
    if guard is not None:
        w.open(f"if {guard}")
    if home is not layout:
        w.line(f"tier = {home.tier(home.tier_before)}")
    campaign = home.programme.campaigns[rule.campaign] if rule.campaign else None
    for what, valid in (("validity", rule.valid), ("campaign", campaign and campaign.valid)):
        if valid and valid.first_day is not None:
            bound = layout.parameter(f"{rule.name}: from", valid.first_day)
            require(f"day >= {bound}", what, bound)
        if valid and valid.last_day is not None:
            bound = layout.parameter(f"{rule.name}: through", valid.last_day)
            require(f"day <= {bound}", what, bound)
    if rule.when is not None:
        values = [home.local(home.own[name]) for name in sorted(metric_names(home, rule.when))]
        require(texts.under(home).source(rule.when, rule.on), "when", *values)
    if rule.once_per is not None:
        once = once_key(layout, rule, rule.once_per)
        require(f"{once.at('a')} == 0", "once_per")
    if rule.cooldown is not None:
        key = cooldown_key(layout, rule, rule.cooldown)
        length = rule.cooldown.length
        over = key.at("a")
        if not keeps_cooldown_end(layout, rule):
            over = cooldown_end(layout, rule, rule.cooldown, key.at("b" if length.hours else "a"))
            w.line(f"over = {over} if {key.at('a')} != 0 else 0")
            over = "over"
        require(f"{'e.instant' if length.hours else 'day'} >= {over}", "cooldown", over)
    if rule.streak is not None:
        _write_streak(w, layout, rule)
        require(f"complete_{tag}", "streak", _streak_key(layout, rule, rule.streak).at("b"))
    if w.traced:
        w.line(f"tried_{tag} = True")
    yield
    for reason in reversed(reasons):
        w.close()
        if w.traced:
            with w.block("else"):
                w.trace("skip", layout.rule_number(rule), *reason)
    if home is not layout:
        w.line(f"tier = {layout.tier(layout.tier_before)}")
    if guard is not None:
        w.close()


def once_key(layout: Layout, rule: Rule, parts: Iterable[KeyPart]) -> Key:
    """Give the key table of what a rule pays once for; other revisions of the rule with the same key share it."""
    return layout.key(("once", rule.name, frozenset(parts)), [rule.on], parts)


def cooldown_key(layout: Layout, rule: Rule, cooldown: Cooldown) -> Key:
    """Give the key table of a rule's cooldown; other revisions of the rule with the same key share it."""
    return layout.key(("cooldown", rule.name, frozenset(cooldown.per)), [rule.on], cooldown.per)


def keeps_cooldown_end(layout: Layout, rule: Rule) -> bool:
    """
    Tell whether the table of a cooldown keeps when it is over.

    Where revisions of the rule have different lengths it keeps when the rule paid last, day and instant.
    """
    rules = (other for view in layout.views for other in view.programme.rules)
    return len({other.cooldown.length for other in rules if other.name == rule.name and other.cooldown}) == 1


def cooldown_end(layout: Layout, rule: Rule, cooldown: Cooldown, paid: str) -> str:
    """Give the source of when a cooldown is over that began at *paid*, an instant or a day as its length is."""
    length = cooldown.length
    if length.hours:
        return f"{paid} + {layout.parameter(f'{rule.name}: cooldown us', length.hours * 3_600_000_000)}"
    if length.months:
        return f"add_months(m, {paid}, {layout.parameter(f'{rule.name}: cooldown months', length.months)})"
    return f"{paid} + {layout.parameter(f'{rule.name}: cooldown days', length.days)}"


def _streak_key(layout: Layout, rule: Rule, streak: Streak) -> Key:
    return layout.key(("streak", rule.name, streak.every), [rule.on], ())


def _write_streak(w: Writer, layout: Layout, rule: Rule) -> None:
    if rule.streak is None:
        return
    tag = layout.tag(rule)
    period, run = (_streak_key(layout, rule, rule.streak).at(column) for column in "ab")
    now = period_source(layout, rule.streak.every, "day")
    w.line(f"complete_{tag} = False")
    with w.block(f"if {period} != {now} + 1"):
        w.line(f"{run} = {run} + 1 if {period} == {now} else 1")
        w.line(f"{period} = {now} + 1")
        length = layout.parameter(f"{rule.name}: streak length", rule.streak.length)
        w.line(f"complete_{tag} = {run} {f'% {length} == 0' if rule.streak.repeat else f'== {length}'}")
