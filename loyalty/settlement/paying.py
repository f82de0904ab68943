"""
The source that bounds the awards of a rule by its caps and pays them: credit or pending, marks, and rows for reversals.
"""

from __future__ import annotations

from loyalty.core.calendar import Duration
from loyalty.rules.declaration import Cap, Rule
from loyalty.settlement.awards import write_award, write_measure
from loyalty.settlement.conditions import cooldown_end, cooldown_key, keeps_cooldown_end, once_key
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.windows import period_source
from loyalty.settlement.writer import Writer


def award_name(layout: Layout, rule: Rule, currency: str) -> str:
    """Give the local variable that holds the rule's capped award of a currency."""
    return f"a{layout.tag(rule)}_{layout.currency[currency]}"


def award_names(layout: Layout, rule: Rule) -> list[str]:
    """Give the local variables of all awards of the rule in this layer."""
    return [award_name(layout, rule, currency) for currency in rule.give[layout.layer]]


def write_awards(w: Writer, layout: Layout, rule: Rule, texts: Texts, *, measured: bool) -> None:
    """Write the rule's awards, each lowered to the headroom of its caps, into their local variables."""
    home = layout.home(rule)
    if not measured:
        write_measure(w, home, rule, texts.under(home))
    for currency in rule.give[layout.layer]:
        name = award_name(layout, rule, currency)
        write_award(w, home, rule, currency, name)
        for place, (cap, key) in enumerate(layout.caps_of(rule, currency)):
            limit = layout.parameter(f"{rule.name}: cap", cap.amount)
            if key is None:
                head = limit
            else:
                head = f"left_{name}_{place}"
                _write_new_period(w, layout, cap, key)
                w.line(f"{head} = {limit} - {key.at('b')}")
            if w.traced:
                w.line(f"before = {name}")
            with w.block(f"if {name} > {head}"):
                # Headroom can be below zero only after a cap was lowered; such a cap gives nothing.
                w.line(f"{name} = {head} if {head} > 0 else 0")
            number, currency_number = layout.rule_number(rule), layout.currency_number(currency)
            w.trace("cap", number, currency_number, place, limit, f"{limit} - {head}", "before", name)


def _write_new_period(w: Writer, layout: Layout, cap: Cap, key: Key) -> None:
    """Write how what the cap's key used is forgotten when ``day`` lies in a new period."""
    if cap.period is not None:
        now = period_source(layout, cap.period, "day")
        with w.block(f"if {key.at('a')} != {now}"):
            w.line(f"{key.at('a')} = {now}")
            w.line(f"{key.at('b')} = 0")


def write_payment(w: Writer, layout: Layout, rule: Rule) -> None:
    """Write the payment of the rule's awards, and the marks of ``once_per`` and cooldown where anything was paid."""
    names = award_names(layout, rule)
    for currency, name in zip(rule.give[layout.layer], names, strict=True):
        with w.block(f"if {name} > 0"):
            _write_leg(w, layout, rule, currency, name)
        if w.traced:
            with w.block("else"):
                w.trace("nothing", layout.rule_number(rule), layout.currency_number(currency))
    marks: list[str] = []
    if rule.once_per is not None:
        marks.append(f"{once_key(layout, rule, rule.once_per).at('a')} = 1")
    if rule.cooldown is not None:
        key = cooldown_key(layout, rule, rule.cooldown)
        if keeps_cooldown_end(layout, rule):
            now = "e.instant" if rule.cooldown.length.hours else "day"
            marks.append(f"{key.at('a')} = {cooldown_end(layout, rule, rule.cooldown, now)}")
        else:
            marks += [f"{key.at('a')} = day", f"{key.at('b')} = e.instant"]
    if marks:
        with w.block("if " + " or ".join(f"{name} > 0" for name in names)):
            for mark in marks:
                w.line(mark)


def _write_leg(w: Writer, layout: Layout, rule: Rule, currency: str, name: str) -> None:
    """Write the payment of one award: caps used, credit, and the row that a reversal will read."""
    code = layout.code(rule)
    c = layout.currency[currency]
    for _, key in layout.caps_of(rule, currency):
        if key is None:
            continue
        w.line(f"{key.at('b')} += {name}")
    w.line(f"earned_{c} += {name}")
    pending = rule.pending.get(currency)
    bucket, matures = -1, "0"
    if pending is None:
        w.line(f"put(o, ({code}, {c}, ISSUED, AVAILABLE, {name}, lot_{c}, -1))")
        with w.block(f"if m.arrears[{c}] > 0"):
            w.line(f"credit_{c} += repay(m, o, {code}, {c}, {name}, lot_{c}, -1)")
        with w.block("else"):
            w.line(f"credit_{c} += {name}")
    else:
        bucket = layout.pending_bucket(currency, pending)
        index = bucket - len(layout.currency)
        matures = f"matures_{index}" if pending.duration else "NEVER"
        w.line(f"put(o, ({code}, {c}, ISSUED, PENDING, {name}, lot_{c}, -1))")
        w.line(f"wait_{index} += {name}")
    number, currency_number = layout.rule_number(rule), layout.currency_number(currency)
    w.trace("paid", number, currency_number, name, bucket, f"lot_{c}", matures)
    if layout.tracked(rule.on):
        leg = next(leg for leg in layout.legs if leg.rule is rule and leg.currency == currency)
        w.line("room(m.legs, s.leg_count)")
        w.line("g = m.legs[s.leg_count]")
        w.line("s.leg_count += 1")
        w.line("r.end_leg = s.leg_count")
        w.line(f"g.code = {leg.code}")
        w.line(f"g.granted = {name}")
        w.line("g.reversed = 0")
        w.line(f"g.lot = lot_{c}")
        w.line(f"g.bucket = {bucket}")
        w.line(f"g.waiting = {name if pending and pending.until_kind else 0}")
        w.line(f"g.matures = {matures}")


def maturity_source(layout: Layout, length: Duration, day: str) -> str:
    """Give the source of the day at whose start what was earned on *day* and waits this long matures."""
    if length.days:
        return f"{day} + {layout.number('pending: days', length.days)}"
    return f"add_months(m, {day}, {layout.number('pending: months', length.months)})"
