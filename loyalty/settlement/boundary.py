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
from loyalty.settlement.standing import (
    is_reviewed,
    next_review_source,
    write_fall,
    write_override_end,
    write_review,
    write_standing,
)
from loyalty.settlement.texts import Texts
from loyalty.settlement.versions import by_revision
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
                    _write_new_revision(w, layout)
                    write_override_end(w, layout)
                    by_revision(w, layout, "day", lambda view: write_review(w, view))
                _write_wallets(w, layout)
                if partner:
                    by_revision(w, layout, "day", lambda view: _write_allotments(w, view))
            _write_next_due(w, layout)
    w.line("")


def _write_enrol(w: Writer, layout: Layout) -> None:
    with w.block("def enrol(s, m, day)"), month_of_day(w):
        w.line("s.anchor = day")
        if layout.layer is Layer.PARTNER:
            by_revision(w, layout, "day", lambda view: _write_calendar(w, view, "day"))
    w.line("")


def _write_calendar(w: Writer, layout: Layout, day: str) -> None:
    """Write when the revision reviews standing, allots, and makes place for the next one, after *day*."""
    if len(layout.views) > 1:
        w.line(f"s.next_revision = {'NEVER' if layout.ends == NEVER else layout.ends}")
        w.line("s.next_due = min(s.next_due, s.next_revision)")
        w.line("s.next_review = NEVER")
    review = layout.programme.ladder.review
    if review is not None and is_reviewed(layout):
        w.line(f"s.next_review = {next_review_source(layout, review, day)}")
        w.line("s.next_due = min(s.next_due, s.next_review)")
    own = {allotment.name: allotment for allotment in layout.programme.allotments}
    for index, name in enumerate(layout.allotments):
        if name not in own:
            w.line(f"s.n{index} = NEVER")
            continue
        every = own[name].every
        w.line(f"s.n{index} = {period_start_source(layout, every, f'{period_source(layout, every, day)} + 1')}")
        w.line(f"s.next_due = min(s.next_due, s.n{index})")


def _write_new_revision(w: Writer, layout: Layout) -> None:
    """
    Write what becomes of standing on a revision's first day, and the calendar that it brings.

    That day counts where a period starts on it, so the calendar goes on from the day before.
    """
    if len(layout.views) == 1:
        return

    def write(view: Layout) -> None:
        write_fall(w, view)
        _write_calendar(w, view, "(day - 1)")

    with w.block("if s.next_revision <= day"):
        by_revision(w, layout, "day", write)
        if layout.allotments:
            with w.block("if s.closed != 0"):
                for index in range(len(layout.allotments)):
                    w.line(f"s.n{index} = NEVER")


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
            for index in range(len(layout.allotments)):
                w.line(f"s.n{index} = NEVER")
            if layout.tier_gifts or len(layout.views) > 1:
                w.line("s.closed = 1")
    w.line("")


def _write_next_due(w: Writer, layout: Layout) -> None:
    """Write the next day on which anything is due into ``s.next_due``."""
    sources = []
    if layout.layer is Layer.PARTNER:
        sources.append("s.manual_end")
        if len(layout.views) > 1:
            sources.append("s.next_revision")
        if any(view.programme.ladder.review for view in layout.views):
            sources += ["s.grace_end", "s.next_review"]
        sources += [f"s.n{index}" for index in range(len(layout.allotments))]
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
            waits.append(maturity_source(layout, pending.duration, "earned"))
        if not layout.matures_first(c, pending):
            in_order = layout.expires_in_order(list(layout.currency)[c])
            bucket = len(layout.currency) + index
            waits.append(f"lot_day(m, {c}, earned)" if in_order else f"soonest_lot(m, {c}, {bucket})")
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
            expire = "expire_pending" if layout.expires_in_order(list(layout.currency)[c]) else "expire_scattered"
            w.line(f"{expire}(m, o, {expiry}, {c}, {len(layout.currency) + index}, {expired}, day)")
    with w.block("if s.hold_end <= day"):
        w.line(f"end_holds(s, m, o, {layout.label(RELEASE)}, day)")
    for index, (c, pending) in enumerate(layout.pending):
        if pending.duration:
            _write_activation(w, layout, c, len(layout.currency) + index, pending.duration)


def _write_activation(w: Writer, layout: Layout, c: int, bucket: int, length: Duration) -> None:
    """Write how what is pending in a bucket table, by the day of earning, becomes available when its time is over."""
    label = layout.label(ACTIVATION)
    guard = "" if length.days else f"m.days[{bucket}][0] < END and "
    with w.block(f"while {guard}{maturity_source(layout, length, f'm.days[{bucket}][0]')} <= day"):
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
    own = {allotment.name: allotment for allotment in layout.programme.allotments}
    for index, allotment in ((i, own[name]) for i, name in enumerate(layout.allotments) if name in own):
        cell = f"s.n{index}"
        c = layout.currency[allotment.currency]
        with w.block(f"if {cell} <= day"):
            number = f"{period_source(layout, allotment.every, 'day')} + 1"
            w.line(f"{cell} = {period_start_source(layout, allotment.every, number)}")
            last = layout.programme.last_day or NEVER - 1
            first = layout.parameter("programme starts", layout.programme.first_day)
            w.line("amount = 0")
            with w.block(f"if day >= {first} and day <= {layout.parameter('programme ends', last)}"):
                write_allotment_of_tier(w, layout, allotment)
            write_allotted(w, layout, index, allotment.currency)
            with w.block("if amount > 0"):
                label = layout.label(f"@allotment.{allotment.name}")
                w.trace("allotment", "day", index, "s.effective")
                w.line(f"earn_available(m, o, {label}, {c}, amount, lot_day(m, {c}, day), day, ISSUED)")
