"""The source that takes points back, of awards and of gifts alike: as far as the policy of their currency goes."""

from __future__ import annotations

from typing import Any

from loyalty.core.holders import Layer
from loyalty.programme.model import Clawback
from loyalty.settlement.layout import Layout
from loyalty.settlement.versions import by_revision
from loyalty.settlement.writer import Writer

_POLICY_NAMES = {
    Clawback.KEEP: "KEEP",
    Clawback.PENDING_ONLY: "PENDING_ONLY",
    Clawback.WITHIN_BALANCE: "WITHIN_BALANCE",
    Clawback.ARREARS: "INTO_ARREARS",
}


def write_take_back(
    w: Writer, layout: Layout, currency: str, code: int, lot: str, policy: Clawback, written_off: tuple[Any, ...]
) -> None:
    """
    Write the reversal of ``undo`` on the day ``today``.

    Args:
        code: The label of what paid it.
        lot: The source of its expiry day, of the bucket table in which it is pending or -1, and of its day of earning.
        written_off: The record of why, up to the amount that is written off beyond the limit of what may be owed.
    """
    c = layout.currency[currency]
    expired = layout.expired.get(currency, -1)
    limits = any(view.programme.currencies[currency].arrears_limits for view in layout.views)
    limit = "limit" if limits else "-1"
    call = f"take_back(m, o, {code}, {c}, undo, {lot}, today, {_POLICY_NAMES[policy]}, {expired}, {limit})"
    if not limits:
        w.line(call)
        return
    by_revision(w, layout, "today", lambda view: _write_limit(w, view, currency))
    w.line(f"forgiven = {call}")
    if w.traced:
        with w.block("if forgiven > 0"):
            w.trace(*written_off, "forgiven", "limit")


def _write_limit(w: Writer, layout: Layout, currency: str) -> None:
    """Write how much may be owed at the tier before this event's instant into ``limit``."""
    limits = layout.programme.currencies[currency].arrears_limits
    if not limits:
        w.line("limit = -1")
        return
    tier = "s.before" if layout.layer is Layer.PARTNER else "x.tier"
    amount = limits["base"]
    head = "if"
    for level, declared in zip(layout.levels, layout.programme.ladder.tiers, strict=True):
        amount = limits.get(declared.name, amount)
        with w.block(f"{head} {tier} == {level}"):
            w.line(f"limit = {layout.parameter(f'{currency}: arrears at most, {declared.name}', amount)}")
        head = "elif"
    with w.block("else"):
        w.line("limit = -1")
