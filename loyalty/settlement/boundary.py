"""
The source of everything timed, and of what is looked at after an event: standing, badges, allotments.

At each boundary, before that day's events: a manual tier ends, a grace ends, a review, expiry, activation of pending,
allotments. Reviews and graces read metrics as of the end of the day before.
"""

from __future__ import annotations

from loyalty.core.calendar import NEVER
from loyalty.core.holders import Layer
from loyalty.gamification.declaration import Badge
from loyalty.rules.expressions import Expression
from loyalty.settlement.earning import Texts
from loyalty.settlement.layout import (
    ACTIVATION,
    EXPIRY,
    GRACE,
    OVERRIDE,
    PROMOTION,
    REVIEW,
    Layout,
)
from loyalty.settlement.windows import count_now, period_source, period_start_source, reading
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Landing, Needs, Promote, Review


def write_boundary(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write ``enrol``, ``boundary`` and ``after_event``, and for partners what moves their standing."""
    partner = layout.layer is Layer.PARTNER
    if partner:
        _write_qualified(w, layout, texts)
        _write_standing(w, layout)
    _write_enrol(w, layout)
    _write_next_due(w, layout)
    with w.block("def boundary(s, m, o, through)"):
        w.line("p = m.p")
        with w.block("while s.next_due <= through"):
            w.line("day = s.next_due")
            if partner:
                _write_override_end(w, layout)
                _write_review(w, layout)
            _write_wallets(w, layout)
            if partner:
                _write_allotments(w, layout)
            w.line("s.next_due = next_due(s, m)")
    w.line("")
    _write_after_event(w, layout, texts)


def _label(layout: Layout, name: str) -> int:
    return layout.names.label_code[name]


def _needs_source(needs: Needs, values: dict[str, str], texts: Texts) -> str:
    parts = [
        f"({_needs_source(part, values, texts)})"
        if isinstance(part, Needs)
        else f"({texts.source(part, rename=values)})"
        for part in needs.parts
    ]
    return (" and " if needs.every else " or ").join(parts)


def _names(needs: Needs) -> set[str]:
    names: set[str] = set()
    for part in needs.parts:
        names |= part.names if isinstance(part, Expression) else _names(part)
    return names


def _metric_values(w: Writer, layout: Layout, names: set[str], day: str) -> dict[str, str]:
    return {
        metric.name: reading(w, layout, index, metric, day)
        for index, metric in enumerate(layout.metrics)
        if metric.name in names
    }


def _write_qualified(w: Writer, layout: Layout, texts: Texts) -> None:
    tiers = layout.programme.ladder.tiers
    with w.block("def qualified(s, m, day)"):
        w.line("p = m.p")
        names = {name for tier in tiers if tier.needs for name in _names(tier.needs)}
        values = _metric_values(w, layout, names, "day")
        for level in range(len(tiers) - 1, 0, -1):
            needs = tiers[level].needs
            if needs is None:
                continue
            with w.block(f"if {_needs_source(needs, values, texts)}"):
                w.line(f"return {level}")
        w.line("return 0")
    w.line("")


def _write_standing(w: Writer, layout: Layout) -> None:
    """Write how a changed tier is posted: one unit of the new tier in, one of the old out."""
    base = layout.names.tier_asset
    with w.block("def restand(s, o, label, at)"):
        w.line("new = s.manual if s.manual >= 0 else s.tier")
        w.line("old = s.effective")
        with w.block("if new != old"):
            w.line("s.effective = new")
            with w.block("if old > 0"):
                w.line(f"put(o, (label, {base} + old, STANDING, PROGRAMME_STANDING, 1, NEVER, at))")
            with w.block("if new > 0"):
                w.line(f"put(o, (label, {base} + new, PROGRAMME_STANDING, STANDING, 1, NEVER, at))")
    w.line("")
    with w.block("def promote(s, m, o, day)"):
        if layout.programme.ladder.promote is Promote.AT_ONCE and len(layout.programme.ladder.tiers) > 1:
            with w.block(f"if s.tier < {len(layout.programme.ladder.tiers) - 1}"):
                w.line("level = qualified(s, m, day)")
                with w.block("if level > s.tier"):
                    w.trace("promoted", "s.tier", "level")
                    w.line("s.tier = level")
                    w.line("s.grace_end = NEVER")
                    w.line(f"restand(s, o, {_label(layout, PROMOTION)}, -1)")
        else:
            w.line("return")
    w.line("")
    with w.block("def re_evaluate(s, m, o, day)"):
        w.line("level = qualified(s, m, day)")
        with w.block("if level < s.tier"):
            w.trace("demoted", "s.tier", "level")
            w.line("s.tier = level")
            w.line("s.grace_end = NEVER")
            w.line(f"restand(s, o, {_label(layout, REVIEW)}, -1)")
    w.line("")
    with w.block("def land(s, level)"):
        review = layout.programme.ladder.review or Review(every=None)
        w.line("down = s.tier - 1" if review.landing is Landing.ONE_TIER_DOWN else "down = level")
        floor = [tier.name for tier in layout.programme.ladder.tiers].index(review.floor) if review.floor else 0
        w.line(f"s.tier = min(s.tier, max(down, {floor}))")
        w.line("s.grace_end = NEVER")
    w.line("")
    with w.block("def override(e, s, o)"), w.block("if e.until >= e.day"):
        w.line("s.manual = e.tier_to")
        w.line("s.manual_end = e.until + 1")
        w.line("s.next_due = min(s.next_due, s.manual_end)")
        w.line(f"restand(s, o, {_label(layout, OVERRIDE)}, -1)")
    w.line("")


def _next_review_source(layout: Layout, review: Review, day: str) -> str:
    if review.every is None:
        return f"add_months(m, s.anchor, 12 * (anniversary(m, s.anchor, {day}) + 1))"
    return period_start_source(layout, review.every, f"{period_source(layout, review.every, day)} + 1")


def _write_enrol(w: Writer, layout: Layout) -> None:
    with w.block("def enrol(s, m, day)"):
        w.line("s.anchor = day")
        if layout.layer is Layer.PARTNER:
            review = layout.programme.ladder.review
            if review and len(layout.programme.ladder.tiers) > 1:
                w.line(f"s.next_review = {_next_review_source(layout, review, 'day')}")
                w.line("s.next_due = min(s.next_due, s.next_review)")
            for index, allotment in enumerate(layout.programme.allotments):
                start = period_start_source(
                    layout, allotment.every, f"{period_source(layout, allotment.every, 'day')} + 1"
                )
                w.line(f"m.badges[{len(layout.programme.badges) + index}].held = {start}")
                w.line(f"s.next_due = min(s.next_due, {start})")
    w.line("")


def _write_next_due(w: Writer, layout: Layout) -> None:
    with w.block("def next_due(s, m)"):
        w.line("due = NEVER")
        if layout.layer is Layer.PARTNER:
            w.line("due = min(due, s.manual_end)")
            w.line("due = min(due, s.grace_end)")
            w.line("due = min(due, s.next_review)")
            for index in range(len(layout.programme.allotments)):
                w.line(f"due = min(due, m.badges[{len(layout.programme.badges) + index}].held)")
        for currency in layout.programme.currencies.values():
            if currency.expires:
                w.line(f"due = min(due, first_day(m, {layout.currency[currency.name]}))")
        for index, (c, pending) in enumerate(layout.pending):
            bucket = len(layout.currency) + index
            w.line(f"earned = first_day(m, {bucket})")
            with w.block("if earned < NEVER"):
                if pending.duration:
                    length = pending.duration
                    w.line(f"due = min(due, maturity(m, earned, {length.days}, {length.months}))")
                w.line(f"due = min(due, lot_day(m, {c}, earned))")
        w.line("return due")
    w.line("")


def _write_override_end(w: Writer, layout: Layout) -> None:
    with w.block("if s.manual_end <= day"):
        w.line("s.manual = -1")
        w.line("s.manual_end = NEVER")
        w.line(f"restand(s, o, {_label(layout, OVERRIDE)}, day)")


def _write_review(w: Writer, layout: Layout) -> None:
    review = layout.programme.ladder.review
    if review is None or len(layout.programme.ladder.tiers) < 2:
        return
    with w.block("if s.grace_end <= day"):
        w.line("level = qualified(s, m, day - 1)")
        w.line("s.grace_end = NEVER")
        with w.block("if level < s.tier"):
            w.line("land(s, level)")
            w.line(f"restand(s, o, {_label(layout, GRACE)}, day)")
    with w.block("if s.next_review <= day"):
        w.line(f"s.next_review = {_next_review_source(layout, review, 'day')}")
        w.line("level = qualified(s, m, day - 1)")
        with w.block("if level >= s.tier"):
            w.line("s.tier = level")
            w.line("s.grace_end = NEVER")
            w.line(f"restand(s, o, {_label(layout, REVIEW)}, day)")
        if review.grace is None:
            with w.block("else"):
                w.line("land(s, level)")
                w.line(f"restand(s, o, {_label(layout, REVIEW)}, day)")
        else:
            with w.block("elif s.grace_end == NEVER"):
                w.line(f"s.grace_end = maturity(m, day, {review.grace.days}, {review.grace.months})")


def _write_wallets(w: Writer, layout: Layout) -> None:
    expiry, activation = _label(layout, EXPIRY), _label(layout, ACTIVATION)
    for currency in layout.programme.currencies.values():
        if currency.expires:
            w.line(f"expire_available(m, o, {expiry}, {layout.currency[currency.name]}, day)")
    for index, (c, _) in enumerate(layout.pending):
        w.line(f"expire_pending(m, o, {expiry}, {c}, {len(layout.currency) + index}, day)")
    for index, (c, pending) in enumerate(layout.pending):
        if pending.duration:
            length = pending.duration
            bucket = len(layout.currency) + index
            w.line(f"activate(m, o, {activation}, {c}, {bucket}, {length.days}, {length.months}, day)")


def _write_allotments(w: Writer, layout: Layout) -> None:
    names = [tier.name for tier in layout.programme.ladder.tiers]
    for index, allotment in enumerate(layout.programme.allotments):
        cell = f"m.badges[{len(layout.programme.badges) + index}].held"
        c = layout.currency[allotment.currency]
        with w.block(f"if {cell} <= day"):
            number = f"{period_source(layout, allotment.every, 'day')} + 1"
            w.line(f"{cell} = {period_start_source(layout, allotment.every, number)}")
            last = layout.programme.last_day or NEVER - 1
            first = layout.parameter("programme starts", layout.programme.first_day)
            w.line("amount = 0")
            with w.block(f"if day >= {first} and day <= {layout.parameter('programme ends', last)}"):
                amount = 0
                head = "if"
                for level, name in enumerate(names):
                    amount = allotment.amounts.get(name, amount)
                    with w.block(f"{head} s.effective == {level}"):
                        w.line(f"amount = {layout.parameter(f'{allotment.name}: {name}', amount)}")
                    head = "elif"
            with w.block("if amount > 0"):
                label = _label(layout, f"@allotment.{allotment.name}")
                w.line(f"earn_available(m, o, {label}, {c}, amount, lot_day(m, {c}, day), day, ISSUED)")


def _write_after_event(w: Writer, layout: Layout, texts: Texts) -> None:
    badges = [(i, badge) for i, badge in enumerate(layout.programme.badges) if badge.layer is layout.layer]
    with w.block("def after_event(s, m, o, day)"):
        w.line("p = m.p")
        if layout.layer is Layer.PARTNER:
            w.line("promote(s, m, o, day)")
        if badges:
            values = _metric_values(w, layout, {n for _, badge in badges for n in _names(badge.needs)}, "day")
            gifts = sorted({layout.currency[c] for _, badge in badges for c in badge.give})
            for c in gifts:
                w.line(f"gift_{c} = 0")
            for index, badge in badges:
                needs = _needs_source(badge.needs, values, texts)
                w.line(f"deserved_{index} = m.badges[{index}].held == 0 and ({needs})")
            for index, badge in badges:
                with w.block(f"if deserved_{index}"):
                    _write_badge(w, layout, index, badge)
            for currency, c in layout.currency.items():
                if c in gifts:
                    for metric_index, metric in layout.earned_metrics(currency):
                        with w.block(f"if gift_{c} > 0"):
                            count_now(w, layout, metric_index, metric, f"gift_{c}")
    w.line("")


def _write_badge(w: Writer, layout: Layout, index: int, badge: Badge) -> None:
    label = _label(layout, f"@badge.{badge.name}")
    w.line(f"m.badges[{index}].held = 1")
    w.line(f"put(o, ({label}, {layout.names.badge_asset + index}, PROGRAMME_STANDING, STANDING, 1, NEVER, -1))")
    w.trace("badge", index)
    for currency, amount in badge.give.items():
        c = layout.currency[currency]
        w.line(f"gift = {layout.parameter(f'{badge.name}: gift', amount)}")
        w.line(f"earn_available(m, o, {label}, {c}, gift, lot_day(m, {c}, day), -1, ISSUED)")
        w.line(f"gift_{c} += gift")
        w.line(f"s.next_due = min(s.next_due, lot_day(m, {c}, day))")
