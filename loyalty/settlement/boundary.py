"""
The source of everything timed.

At each boundary, before that day's events: a manual tier ends, a grace ends, a review, expiry, the end of holds,
activation of pending, allotments.
"""

from __future__ import annotations

from loyalty.core.calendar import NEVER, Duration
from loyalty.core.holders import Layer
from loyalty.settlement.gifts import write_allotment_of_tier, write_allotted
from loyalty.settlement.layout import ACTIVATION, EXPIRY, RELEASE, Layout
from loyalty.settlement.paying import maturity_source
from loyalty.settlement.standing import next_review_source, write_override_end, write_review, write_standing
from loyalty.settlement.texts import Texts
from loyalty.settlement.windows import month_of_day, period_source, period_start_source
from loyalty.settlement.writer import Writer


def write_boundary(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write ``enrol``, ``close`` and ``boundary``, and for partners what moves their standing."""
    partner = layout.layer is Layer.PARTNER
    if partner:
        write_standing(w, layout, texts)
    _write_enrol(w, layout)
    _write_close(w, layout)
    with w.block("def boundary(s, m, o, through)"):
        w.line("p = m.p")
        with w.block("while s.next_due <= through"):
            w.line("day = s.next_due")
            with month_of_day(w):
                if partner:
                    write_override_end(w, layout)
                    write_review(w, layout)
                _write_wallets(w, layout)
                if partner:
                    _write_allotments(w, layout)
            _write_next_due(w, layout)
    w.line("")


def _write_enrol(w: Writer, layout: Layout) -> None:
    with w.block("def enrol(s, m, day)"), month_of_day(w):
        w.line("s.anchor = day")
        if layout.layer is Layer.PARTNER:
            review = layout.programme.ladder.review
            if review and len(layout.programme.ladder.tiers) > 1:
                w.line(f"s.next_review = {next_review_source(layout, review, 'day')}")
                w.line("s.next_due = min(s.next_due, s.next_review)")
            for index, allotment in enumerate(layout.programme.allotments):
                number = f"{period_source(layout, allotment.every, 'day')} + 1"
                w.line(f"s.n{index} = {period_start_source(layout, allotment.every, number)}")
                w.line(f"s.next_due = min(s.next_due, s.n{index})")
    w.line("")


def _write_close(w: Writer, layout: Layout) -> None:
    """Write ``close``: what is pending matures or is forfeited, by day of earning; allotments and gifts end."""
    with w.block("def close(e, s, m, o)"):
        w.line("p = m.p")
        for name, c in layout.currency.items():
            tables = [len(layout.currency) + i for i, (other, _) in enumerate(layout.pending) if other == c]
            if not tables:
                continue
            w.line(f"b = {tables[0]}")
            with w.block(f"while {' or '.join(f'm.days[{b}][0] < END' for b in tables)}"):
                w.line(f"b = {tables[0]}")
                for other in tables[1:]:
                    with w.block(f"if m.days[{other}][0] < m.days[b][0]"):
                        w.line(f"b = {other}")
                w.line(f"lot = {layout.lot_source(name, 'm.days[b][0]')}")
                w.line("amount = m.amounts[b][0]")
                w.line("remove_at(m.days[b], 0)")
                w.line("remove_at(m.amounts[b], 0)")
                with w.block("if e.account == FORFEITED"):
                    w.line(f"put(o, (e.label, {c}, PENDING, FORFEITED, amount, lot, -1))")
                with w.block("else"):
                    w.line(f"earn_available(m, o, e.label, {c}, amount, lot, -1, PENDING)")
                    w.line("s.next_due = min(s.next_due, lot)")
        if layout.layer is Layer.PARTNER:
            for index in range(len(layout.programme.allotments)):
                w.line(f"s.n{index} = NEVER")
            if layout.tier_gifts:
                w.line("s.closed = 1")
    w.line("")


def _write_next_due(w: Writer, layout: Layout) -> None:
    """Write the next day on which anything is due into ``s.next_due``."""
    sources = []
    if layout.layer is Layer.PARTNER:
        sources.append("s.manual_end")
        if layout.programme.ladder.review:
            sources += ["s.grace_end", "s.next_review"]
        sources += [f"s.n{index}" for index in range(len(layout.programme.allotments))]
    # A currency whose awards never expire can have lots that do: commands name the expiry of what they pay in.
    sources += [f"m.days[{c}][0]" for c in layout.currency.values()]
    w.line("due = s.hold_end")
    for source in sources:
        w.line(f"other = {source}")
        with w.block("if other < due"):
            w.line("due = other")
    for index, (c, pending) in enumerate(layout.pending):
        w.line(f"earned = m.days[{len(layout.currency) + index}][0]")
        waits = []
        if pending.duration:
            waits.append(maturity_source(pending.duration, "earned"))
        if not layout.matures_first(c, pending):
            waits.append(f"lot_day(m, {c}, earned)")
        with w.block("if earned < END"):
            for source in waits:
                w.line(f"other = {source}")
                with w.block("if other < due"):
                    w.line("due = other")
    w.line("s.next_due = due")


def _write_wallets(w: Writer, layout: Layout) -> None:
    expiry = layout.label(EXPIRY)
    for name, c in layout.currency.items():
        with w.block(f"if m.days[{c}][0] <= day"):
            w.line(f"expire_available(m, o, {expiry}, {c}, {layout.expired.get(name, -1)}, day)")
    for index, (c, pending) in enumerate(layout.pending):
        if not layout.matures_first(c, pending):
            expired = layout.expired.get(list(layout.currency)[c], -1)
            w.line(f"expire_pending(m, o, {expiry}, {c}, {len(layout.currency) + index}, {expired}, day)")
    with w.block("if s.hold_end <= day"):
        w.line(f"end_holds(s, m, o, {layout.label(RELEASE)}, day)")
    for index, (c, pending) in enumerate(layout.pending):
        if pending.duration:
            _write_activation(w, layout, c, len(layout.currency) + index, pending.duration)


def _write_activation(w: Writer, layout: Layout, c: int, bucket: int, length: Duration) -> None:
    """Write how what is pending in a bucket table, by the day of earning, becomes available when its time is over."""
    label = layout.label(ACTIVATION)
    guard = "" if length.days else f"m.days[{bucket}][0] < END and "
    with w.block(f"while {guard}{maturity_source(length, f'm.days[{bucket}][0]')} <= day"):
        w.line(f"lot = {layout.lot_source(list(layout.currency)[c], f'm.days[{bucket}][0]')}")
        w.line(f"kept = m.amounts[{bucket}][0]")
        w.line(f"remove_at(m.days[{bucket}], 0)")
        w.line(f"remove_at(m.amounts[{bucket}], 0)")
        w.line(f"put(o, ({label}, {c}, PENDING, AVAILABLE, kept, lot, day))")
        with w.block(f"if m.arrears[{c}] > 0"):
            w.line(f"kept = repay(m, o, {label}, {c}, kept, lot, day)")
        with w.block("if kept > 0"):
            w.line(f"add_bucket(m, {c}, lot, kept)")


def _write_allotments(w: Writer, layout: Layout) -> None:
    for index, allotment in enumerate(layout.programme.allotments):
        cell = f"s.n{index}"
        c = layout.currency[allotment.currency]
        with w.block(f"if {cell} <= day"):
            number = f"{period_source(layout, allotment.every, 'day')} + 1"
            w.line(f"{cell} = {period_start_source(layout, allotment.every, number)}")
            last = layout.programme.last_day or NEVER - 1
            first = layout.parameter("programme starts", layout.programme.first_day)
            w.line("amount = 0")
            with w.block(f"if day >= {first} and day <= {layout.parameter('programme ends', last)}"):
                write_allotment_of_tier(w, layout, index)
            write_allotted(w, layout, index, allotment.currency)
            with w.block("if amount > 0"):
                label = layout.label(f"@allotment.{allotment.name}")
                w.line(f"earn_available(m, o, {label}, {c}, amount, lot_day(m, {c}, day), day, ISSUED)")
