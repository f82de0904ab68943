"""
The source of events about earlier ones: refunds, ends and follow-ups.

A reversal's target is the award of what is left, at the original's rates, at most what was granted; what was reversed
before is taken off, so that several partial refunds never drift.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.core.holders import Layer
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    Clawback,
    EventKind,
    RefundPolicy,
    TierOnRefund,
)
from loyalty.rules.declaration import OnEnd, Rule
from loyalty.settlement.awards import write_award, write_measure
from loyalty.settlement.clawback import write_take_back
from loyalty.settlement.layout import Layout, Leg
from loyalty.settlement.texts import Texts
from loyalty.settlement.trace import POLICIES
from loyalty.settlement.tracking import chain_key, force_key, row_attributes, value_key
from loyalty.settlement.versions import by_home, by_revision
from loyalty.settlement.windows import correct_at, period_source
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Measure


def write_refund(w: Writer, layout: Layout, kind: EventKind, texts: Texts) -> None:
    """Write ``refund_CODE(x, s, m, o)``: what a refunding kind does to the event of ``x.row``, and whether anything."""
    name = f"refund_{layout.kind_code(kind.name)}"
    policies: list[RefundPolicy] = []
    for policy in (_policy(kind, original, today) for original in layout.views for today in layout.views):
        if policy not in policies:
            policies.append(policy)
    w.line(f"# {kind.name}")
    if len(policies) == 1:
        _write_refund(w, layout, kind, policies[0], name, texts)
        return
    for number, policy in enumerate(policies):
        _write_refund(w, layout, kind, policy, f"{name}_{number}", texts)

    def call(original: Layout, today: Layout) -> None:
        w.line(f"return {name}_{policies.index(_policy(kind, original, today))}(x, s, m, o)")

    with w.block(f"def {name}(x, s, m, o)"):
        w.line("day = m.rows[x.row].day if x.row >= 0 else x.day")
        by_revision(
            w,
            layout,
            "day",
            lambda original: (
                call(original, original)
                if kind.name in original.programme.refunds
                else by_revision(w, layout, "x.day", lambda today: call(original, today))
            ),
        )
    w.line("")


def _policy(kind: EventKind, original: Layout, today: Layout) -> RefundPolicy:
    """Give the block of the original's revision; where it has none, that of the refund's own day."""
    blocks = (view.programme.refunds.get(kind.name) for view in (original, today))
    return next((block for block in blocks if block is not None), RefundPolicy(kind=kind.name, clawback={}))


def _write_refund(w: Writer, layout: Layout, kind: EventKind, policy: RefundPolicy, name: str, texts: Texts) -> None:
    """Write the function of this name: what a refund under a policy does."""
    origin = str(kind.origin_kind)
    legs = [leg for leg in layout.legs if leg.rule.on == origin]
    with w.block(f"def {name}(x, s, m, o)"):
        with w.block("if x.row < 0"):
            w.trace("no_origin")
            w.line("return False")
        w.line("p = m.p")
        w.line("e = m.rows[x.row]")
        w.line("today = x.day")
        if policy.within:
            days = layout.number(f"{kind.name}: within days", policy.within.days)
            months = layout.number(f"{kind.name}: within months", policy.within.months)
            limit = f"maturity(m, e.day, {days}, {months})"
            with w.block(f"if today > {limit}"):
                w.trace("too_late", limit)
                w.line("return False")
        w.line("left = e.part - e.refunded")
        if kind.part:
            w.line(f"take = min(left, x.f_{kind.part}) if x.p_{kind.part} else left")
        else:
            w.line("take = left")
        # An event of which there was nothing (a deal of amount 0) can still be refunded as a whole, once.
        with w.block("if e.whole != 0 or (take <= 0 and left > 0)"):
            w.trace("nothing_left")
            w.line("return False")
        w.line("e.refunded += take")
        w.line("left -= take")
        with w.block("if left == 0"):
            w.line("e.whole = 1")
        w.trace("refund", "take", "left")
        _write_row_names(w, layout, origin)
        rename = {f"event.{kind.part}": "left"} if kind.part else {}
        if legs:
            with w.block("for j in range(e.first_leg, e.end_leg)"):
                w.line("g = m.legs[j]")
                w.line("award = 0")
                _write_leg_cases(w, layout, legs, texts, rename)
                w.line("undo = g.granted - min(award, g.granted) - g.reversed")
                with w.block("if undo > 0"):
                    w.line("g.reversed += undo")
                    policies = {leg.currency: policy.clawback.get(leg.currency, Clawback.ARREARS) for leg in legs}
                    _write_undo(w, layout, legs, policies, policy.caps)
        _write_metrics(w, layout, origin, texts, rename, kind.part)
        _write_standing(w, layout, policy)
        w.line("return True")
    w.line("")


def write_end(w: Writer, layout: Layout, kind: EventKind) -> None:
    """Write ``end_CODE(x, s, m, o)``: what an ending kind does to the certifications of its key."""
    origin = str(kind.origin_kind)
    reversing = [id(rule) for rule in layout.rules.get(origin, []) if rule.on_end is OnEnd.REVERSE]
    w.line(f"# {kind.name}")
    with w.block(f"def end_{layout.kind_code(kind.name)}(x, s, m, o)"):
        w.line("p = m.p")
        w.line("e = x")
        w.line("today = x.day")
        for index, metric in layout.metrics_of(origin):
            if not metric.while_not_ended:
                continue
            key = force_key(layout, origin, metric)
            with w.block(f"if {key.at('a')} != 0"):
                w.line(f"{key.at('a')} = 0")
                if metric.measure is Measure.DISTINCT:
                    holds = value_key(layout, origin, metric).at("a")
                    w.line(f"{holds} -= 1")
                    with w.block(f"if {holds} == 0"):
                        w.line(f"s.t{index} -= 1")
                else:
                    w.line(f"s.t{index} -= 1")
        if reversing:
            key = chain_key(layout, origin)
            legs = [leg for leg in layout.legs if id(leg.rule) in reversing]
            w.line(f"row = {key.at('a')} - 1")
            w.line(f"{key.at('a')} = 0")
            # The chain runs from the newest to the oldest; awards are taken back in the order they were paid.
            w.line("newer = -1")
            with w.block("while row >= 0"):
                w.line("older = m.rows[row].previous")
                w.line("m.rows[row].previous = newer")
                w.line("newer = row")
                w.line("row = older")
            with w.block("while newer >= 0"):
                w.line("e = m.rows[newer]")
                with w.block("for j in range(e.first_leg, e.end_leg)"):
                    w.line("g = m.legs[j]")
                    w.line("undo = g.granted - g.reversed")
                    condition = " or ".join(f"g.code == {leg.code}" for leg in legs)
                    with w.block(f"if undo > 0 and ({condition})"):
                        w.line("g.reversed += undo")
                        _write_undo(w, layout, legs, {leg.currency: Clawback.ARREARS for leg in legs})
                w.line("newer = e.previous")
        # An end is not of one original, so that the block of its own day says what becomes of standing.
        if any(kind.name in view.programme.refunds for view in layout.views):
            by_revision(
                w, layout, "today", lambda view: _write_standing(w, view, view.programme.refunds.get(kind.name))
            )
    w.line("")


def write_follow(w: Writer, layout: Layout, kind: EventKind) -> None:
    """Write ``follow_CODE(x, s, m, o)``: what waits for this kind, of the event that ``x.row`` names, matures."""
    origin = str(kind.origin_kind)
    legs = [
        leg
        for leg in layout.legs
        if leg.rule.on == origin
        and leg.currency in leg.rule.pending
        and leg.rule.pending[leg.currency].until_kind == kind.name
    ]
    w.line(f"# {kind.name}")
    with w.block(f"def follow_{layout.kind_code(kind.name)}(x, s, m, o)"):
        # Whether there is a row of an event for which nothing waits depends on what else is kept of it.
        w.line("waited = 0")
        if legs:
            with w.block("if x.row >= 0"):
                w.line("e = m.rows[x.row]")
                with w.block("for j in range(e.first_leg, e.end_leg)"):
                    w.line("g = m.legs[j]")
                    for leg in legs:
                        with w.block(f"if g.code == {leg.code} and g.matures > x.day and g.lot > x.day"):
                            w.line("waited = 1")
                            _write_maturing(w, layout, leg)
        with w.block("if waited == 0"):
            w.trace("nothing_waits")
    w.line("")


def _write_maturing(w: Writer, layout: Layout, leg: Leg) -> None:
    """Write that what is left of leg ``g`` of the row ``e`` becomes available."""
    currency = layout.currency[leg.currency]
    w.line("g.matures = x.day")
    w.line("kept = take_bucket(m, g.bucket, e.day, g.waiting)")
    with w.block("if kept > 0"):
        w.line(f"earn_available(m, o, {layout.code(leg.rule)}, {currency}, kept, g.lot, -1, PENDING)")
        w.trace("matured", layout.rule_number(leg.rule), layout.currency_number(leg.currency), "kept")


def _write_row_names(w: Writer, layout: Layout, origin: str) -> None:
    """Bind the local names that award expressions read, from the original's row."""
    w.line("tier = e.tier")
    read = {attribute: None for view in layout.views for attribute in row_attributes(view, origin)}
    for attribute in read:
        if attribute.startswith("metric"):
            w.line(f"{attribute} = e.{attribute}")


def _write_leg_cases(w: Writer, layout: Layout, legs: list[Leg], texts: Texts, rename: dict[str, str]) -> None:
    """Write the award of what is left into ``award``, for each leg that an event of the kind can have paid."""
    ladders_differ = any(view.tier("e.tier") != "e.tier" for view in layout.views)

    def write(home: Layout, own: Sequence[Leg]) -> None:
        if ladders_differ:
            w.line(f"tier = {home.tier('e.tier')}")
        head = "if"
        for leg in own:
            with w.block(f"{head} g.code == {leg.code}"):
                write_measure(w, home, leg.rule, texts.under(home), rename)
                write_award(w, home, leg.rule, leg.currency, "award")
            head = "elif"

    with w.block("if left > 0"):
        by_home(w, layout, legs, write)


def _write_standing(w: Writer, layout: Layout, policy: RefundPolicy | None) -> None:
    """Write what becomes of the tier, and then of badges."""
    if policy is None:
        return
    if layout.layer is Layer.PARTNER and policy.tier is not TierOnRefund.KEEP_TO_PERIOD_END:
        takes_back = policy.tier is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK
        if takes_back:
            w.line("stood = s.tier")
        w.line("re_evaluate(s, m, o, today)")
        if takes_back:
            with w.block("if s.tier < stood"):
                w.line("take_back_gifts(s, m, o, today)")
    if layout.revokes_badges and policy.badges is not BadgesOnRefund.KEEP:
        takes_back = policy.badges is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK
        w.line(f"revoke_badges(x, s, m, o, today, {int(takes_back)})")


def _write_undo(
    w: Writer,
    layout: Layout,
    legs: list[Leg],
    policies: dict[str, Clawback],
    on_caps: CapsOnRefund = CapsOnRefund.REVERSE,
) -> None:
    """Write the reversal of ``undo`` from leg ``g`` of row ``e``: points, cap headroom and metrics."""
    w.line("bucket = g.bucket if g.matures > today else -1")
    by_home(w, layout, legs, lambda _, own: _write_undo_of(w, layout, own, policies, on_caps))


def _write_undo_of(
    w: Writer, layout: Layout, legs: Sequence[Leg], policies: dict[str, Clawback], on_caps: CapsOnRefund
) -> None:
    head = "if"
    for leg in legs:
        code = layout.code(leg.rule)
        policy = policies[leg.currency]
        with w.block(f"{head} g.code == {leg.code}"):
            numbers = layout.rule_number(leg.rule), layout.currency_number(leg.currency)
            w.trace("reverse", *numbers, "undo", "g.granted", "g.reversed", POLICIES.index(policy))
            if policy is not Clawback.KEEP:
                w.line("g.waiting = max(0, g.waiting - undo)")
                write_take_back(
                    w, layout, leg.currency, code, "g.lot, bucket, e.day", policy, ("written_off", *numbers)
                )
                if on_caps is CapsOnRefund.REVERSE:
                    _write_headroom(w, layout, leg.rule, leg.currency)
                elif any(key is not None for _, key in layout.caps_of(leg.rule, leg.currency)):
                    w.trace("headroom_kept", *numbers, "undo")
                for index, metric in layout.earned_metrics(leg.currency):
                    correct_at(w, layout, index, metric, "e.day", "-undo")
        head = "elif"


def _write_headroom(w: Writer, layout: Layout, rule: Rule, currency: str) -> None:
    for cap, key in layout.caps_of(rule, currency):
        if key is None:
            continue
        same = f"{key.at('a')} == {period_source(layout, cap.period, 'e.day')}" if cap.period else None
        with w.when(same):
            w.line(f"{key.at('b')} -= undo")


def _write_metrics(
    w: Writer, layout: Layout, origin: str, texts: Texts, rename: dict[str, str], part: str | None
) -> None:
    """Write what counts and sums of events lose; ``left`` and ``take`` are what is left and what was refunded now."""
    for index, metric in layout.metrics_of(origin):
        if metric.measure not in (Measure.COUNT, Measure.SUM) or metric.while_not_ended:
            continue
        with w.block(f"if e.counted & {1 << index}"):
            if metric.measure is Measure.COUNT:
                with w.block("if left == 0"):
                    correct_at(w, layout, index, metric, "e.day", "-1")
            elif metric.of:
                before = texts.source(metric.of, origin, {f"event.{part}": "(left + take)"} if part else {})
                after = texts.source(metric.of, origin, rename)
                w.line(f"change = (({after}) if left > 0 else 0) - ({before})")
                correct_at(w, layout, index, metric, "e.day", "change")
