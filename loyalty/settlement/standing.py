"""
The source of standing: tiers that are qualified for, promoted to, reviewed and lost, manual tiers, and badges.

A review, and the end of a grace, read metrics as of the end of the day before; promotion and badges are looked at
after an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loyalty.core.holders import Layer
from loyalty.gamification.declaration import Badge
from loyalty.programme.model import Role
from loyalty.rules.expressions import Expression
from loyalty.settlement.gifts import write_gift, write_gift_back
from loyalty.settlement.layout import GRACE, OVERRIDE, PROMOTION, REVIEW, REVISION, Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.versions import by_revision
from loyalty.settlement.windows import (
    count_now,
    month_of_day,
    period_source,
    period_start_source,
    read_into_locals,
)
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Landing, Needs, Promote, Review


def write_after_event(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write what is looked at after each event, as part of the step: promotion, then badges."""
    kinds: dict[Role, list[int]] = {role: [] for role in Role}
    for code, kind in enumerate(layout.programme.events.values()):
        kinds[kind.role].append(code)
    looked_at = [*kinds[Role.NONE], *kinds[Role.FOLLOWS]]
    if layout.layer is Layer.PARTNER and _promotes_at_once(layout):
        condition = _kind_is_one_of(layout, [*looked_at, *kinds[Role.ENDS]])
        with w.block(f"if s.tier < {layout.levels[-1]} and {condition}"):
            values = _write_qualified(w, layout, texts, "day")
            with w.block("if level > s.tier"):
                w.trace("promoted", "s.tier", "level", *values)
                with _giving(w, layout, "-1"):
                    w.line("s.tier = level")
                    w.line("s.grace_end = NEVER")
                    w.line(f"restand(s, o, {layout.label(PROMOTION)}, -1)")
    badges = _badges(layout)
    if badges:
        with w.block(f"if {_kind_is_one_of(layout, looked_at)}"):
            _write_badges(w, layout, badges, texts)


def write_standing(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write how standing moves; a change of the tier in force is one unit of the new tier in, one of the old out."""
    base = layout.names.tier_asset
    for view in layout.views:
        with w.block(f"def qualified{view.suffix}(s, m, day)"):
            with month_of_day(w):
                w.line("p = m.p")
                values = _write_qualified(w, view, texts.under(view), "day")
            if w.traced:
                # What was read goes by the trace to whoever asked, who records it with what comes of it.
                w.line(f"m.trace.append(({''.join(f'{value}, ' for value in values)}))")
            w.line("return level")
        w.line("")
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
    with w.block("def re_evaluate(s, m, o, day)"):
        by_revision(w, layout, "day", lambda view: _ask_qualified(w, view, "day"))
        with w.block("if level < s.tier"):
            w.trace("demoted", "s.tier", "level", "*values")
            w.line("s.tier = level")
            w.line("s.grace_end = NEVER")
            w.line(f"restand(s, o, {layout.label(REVIEW)}, -1)")
    w.line("")
    for view in layout.views:
        with w.block(f"def land{view.suffix}(s, level)"):
            review = view.programme.ladder.review or Review(every=None)
            w.line(f"down = {_tier_below(view)}" if review.landing is Landing.ONE_TIER_DOWN else "down = level")
            floor = view.names.level(review.floor) if review.floor else 0
            w.line(f"s.tier = min(s.tier, max(down, {floor}))")
            w.line("s.grace_end = NEVER")
        w.line("")
    with w.block("def override(e, s, o)"):
        with w.block("if e.until >= e.day"):
            w.line("s.manual = e.tier_to")
            w.line("s.manual_end = e.until + 1")
            w.line("s.next_due = min(s.next_due, s.manual_end)")
        with w.block("else"):
            w.line("s.manual = -1")
            w.line("s.manual_end = NEVER")
        w.line(f"restand(s, o, {layout.label(OVERRIDE)}, -1)")
    w.line("")


def write_revoking(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write ``revoke_badges``: those whose needs are not met go, and with ``back`` what came with them."""
    if not layout.revokes_badges:
        return
    with w.block("def revoke_badges(x, s, m, o, today, back)"):
        w.line("p = m.p")
        by_revision(w, layout, "today", lambda view: _write_revoking(w, view, texts.under(view)))
    w.line("")


def _write_revoking(w: Writer, layout: Layout, texts: Texts) -> None:
    badges = _badges(layout)
    values = read_into_locals(w, layout, {n for _, badge in badges for n in _names(badge.needs)}, "today")
    for index, badge in badges:
        w.line(f"lost_{index} = s.b{index} != 0 and not ({_needs_source(badge.needs, values, texts)})")
    for index, badge in badges:
        label, gift = layout.label(f"@badge.{badge.name}"), layout.badge_gift(index)
        unit = f"{layout.names.badge_asset + index}, STANDING, PROGRAMME_STANDING, 1, NEVER, -1"
        with w.block(f"if lost_{index}"):
            w.line(f"s.b{index} = 0")
            w.line(f"put(o, ({label}, {unit}))")
            w.trace("badge_revoked", index)
            if gift is not None:
                with w.block("if back != 0"):
                    write_gift_back(w, layout, gift)


def write_override_end(w: Writer, layout: Layout) -> None:
    """Write how a manual tier ends at the boundary of ``day``."""
    with w.block("if s.manual_end <= day"):
        w.line("s.manual = -1")
        w.line("s.manual_end = NEVER")
        w.line(f"restand(s, o, {layout.label(OVERRIDE)}, day)")


def write_review(w: Writer, layout: Layout) -> None:
    """Write how a grace ends, and then how standing is reviewed, at the boundary of ``day``."""
    if not any(is_reviewed(view) for view in layout.views):
        return
    review = layout.programme.ladder.review
    if review is None or not is_reviewed(layout):
        # A grace that runs on into a revision without a review ends there, and nothing is lost.
        with w.block("if s.grace_end <= day"):
            w.line("s.grace_end = NEVER")
        return
    with w.block("if s.grace_end <= day"):
        _ask_qualified(w, layout, "day - 1")
        w.trace("grace_over", "day", "s.tier", "level", "*values")
        w.line("s.grace_end = NEVER")
        with w.block("if level < s.tier"):
            w.line(f"land{layout.suffix}(s, level)")
            w.line(f"restand(s, o, {layout.label(GRACE)}, day)")
    with w.block("if s.next_review <= day"):
        w.line(f"s.next_review = {next_review_source(layout, review, 'day')}")
        _ask_qualified(w, layout, "day - 1")
        w.trace("reviewed", "day", "s.tier", "level", "*values")
        with w.block("if level >= s.tier"), _giving(w, layout, "day"):
            w.line("s.tier = level")
            w.line("s.grace_end = NEVER")
            w.line(f"restand(s, o, {layout.label(REVIEW)}, day)")
        if review.grace is None:
            with w.block("else"):
                w.line(f"land{layout.suffix}(s, level)")
                w.line(f"restand(s, o, {layout.label(REVIEW)}, day)")
        else:
            with w.block("elif s.grace_end == NEVER"):
                days = layout.number("grace: days", review.grace.days)
                months = layout.number("grace: months", review.grace.months)
                w.line(f"s.grace_end = maturity(m, day, {days}, {months})")


def write_fall(w: Writer, layout: Layout) -> None:
    """Write how tiers that the revision which begins on ``day`` does not have fall to the nearest lower one there."""
    if layout.is_whole_ladder:
        return
    kept = tuple(layout.levels[place] for place in layout.places)
    with w.block(f"if {kept}[s.tier] != s.tier"):
        w.line(f"s.tier = {kept}[s.tier]")
        w.line("s.grace_end = NEVER")
    with w.block(f"if s.manual >= 0 and {kept}[s.manual] != s.manual"):
        w.line("s.manual = -1")
        w.line("s.manual_end = NEVER")
    w.line(f"restand(s, o, {layout.label(REVISION)}, day)")


def is_reviewed(layout: Layout) -> bool:
    """Tell whether the revision reviews standing."""
    return layout.programme.ladder.review is not None and len(layout.programme.ladder.tiers) > 1


def next_review_source(layout: Layout, review: Review, day: str) -> str:
    """Give the source of the day of the first review after *day*."""
    if review.every is None:
        return f"add_months(m, s.anchor, 12 * (anniversary(m, s.anchor, {day}) + 1))"
    return period_start_source(layout, review.every, f"{period_source(layout, review.every, day)} + 1")


@contextmanager
def _giving(w: Writer, layout: Layout, at: str) -> Iterator[None]:
    """Let the gifts of the tiers passed follow what is written inside, which may raise the standing on ``day``."""
    if not layout.tier_gifts:
        yield
        return
    w.line("stood = s.tier")
    yield
    w.line(f"give_gifts(s, m, o, stood, day, {at})")


def _tier_below(layout: Layout) -> str:
    """Give the source of the tier one down, which the revision has."""
    if layout.is_whole_ladder:
        return "s.tier - 1"
    return f"{tuple(layout.levels[max(place - 1, 0)] for place in layout.places)}[s.tier]"


def _promotes_at_once(layout: Layout) -> bool:
    return layout.programme.ladder.promote is Promote.AT_ONCE and len(layout.programme.ladder.tiers) > 1


def _kind_is_one_of(layout: Layout, codes: list[int]) -> str:
    if len(codes) == len(layout.programme.events):
        return "kind >= 0"
    return "(" + (" or ".join(f"kind == {code}" for code in sorted(codes)) or "False") + ")"


def _badges(layout: Layout) -> list[tuple[int, Badge]]:
    """Give the badges of the layer, with their numbers, in the order of all revisions."""
    own = [badge for badge in layout.programme.badges if badge.layer is layout.layer]
    return sorted(((layout.names.badge(badge.name), badge) for badge in own), key=lambda pair: pair[0])


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


def _ask_qualified(w: Writer, layout: Layout, day: str) -> None:
    """Write the call that gives ``level`` as of the end of *day*, and in the traced step ``values``, what it read."""
    w.line(f"level = qualified{layout.suffix}(s, m, {day})")
    if w.traced:
        w.line("values = m.trace.pop()")


def _write_qualified(w: Writer, layout: Layout, texts: Texts, day: str) -> list[str]:
    """
    Write the highest tier whose needs are met as of the end of *day* into ``level``.

    Returns:
        The local variables of the metrics that were read, in the order of their names.
    """
    tiers = layout.programme.ladder.tiers
    names = {name for tier in tiers if tier.needs for name in _names(tier.needs)}
    values = read_into_locals(w, layout, names, day)
    head = "if"
    for level in range(len(tiers) - 1, 0, -1):
        needs = tiers[level].needs
        if needs is not None:
            with w.block(f"{head} {_needs_source(needs, values, texts)}"):
                w.line(f"level = {layout.levels[level]}")
            head = "elif"
    if head == "if":
        w.line("level = 0")
    else:
        with w.block("else"):
            w.line("level = 0")
    return [values[name] for name in sorted(values)]


def _write_badges(w: Writer, layout: Layout, badges: list[tuple[int, Badge]], texts: Texts) -> None:
    values = read_into_locals(w, layout, {n for _, badge in badges for n in _names(badge.needs)}, "day")
    # Gifts that can be taken back are counted one by one as they are paid.
    gifts = [c for c in layout.programme.currencies if any(c in badge.give for _, badge in badges)]
    gifts = [] if layout.revokes_badges else gifts
    for name in gifts:
        w.line(f"gift_{layout.currency[name]} = 0")
    for index, badge in badges:
        w.line(f"deserved_{index} = s.b{index} == 0 and ({_needs_source(badge.needs, values, texts)})")
    for index, badge in badges:
        with w.block(f"if deserved_{index}"):
            _write_badge(w, layout, index, badge)
    for name in gifts:
        for metric_index, metric in layout.earned_metrics(name):
            with w.block(f"if gift_{layout.currency[name]} > 0"):
                count_now(w, layout, metric_index, metric, f"gift_{layout.currency[name]}")


def _write_badge(w: Writer, layout: Layout, index: int, badge: Badge) -> None:
    label = layout.label(f"@badge.{badge.name}")
    w.line(f"s.b{index} = 1")
    w.line(f"put(o, ({label}, {layout.names.badge_asset + index}, PROGRAMME_STANDING, STANDING, 1, NEVER, -1))")
    w.trace("badge", index)
    if layout.revokes_badges:
        gift = layout.badge_gift(index)
        own = layout.own_gift(gift) if gift is not None else None
        if own is not None:
            write_gift(w, layout, own, "-1")
        return
    for currency, amount in badge.give.items():
        c = layout.currency[currency]
        w.line(f"gift = {layout.parameter(f'{badge.name}: gift', amount)}")
        w.line(f"earn_available(m, o, {label}, {c}, gift, lot_day(m, {c}, day), -1, ISSUED)")
        w.line(f"gift_{c} += gift")
        w.line(f"s.next_due = min(s.next_due, lot_day(m, {c}, day))")
