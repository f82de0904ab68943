"""``loyalty ledger standing``: a holder's tier, badges, metrics and room under caps, on both axes of time."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from loyalty.cli.ledger.database import (
    any_revision_option,
    database_options,
    open_store,
    require_entries,
    require_holder,
)
from loyalty.cli.options import DAY
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.running import Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.core.holders import Holder
from loyalty.engine.engine import Engine
from loyalty.engine.receipts import Standing, TierChange
from loyalty.explaining.words import amount_words, unit_scale, unit_words
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.reading import CapRoom, MetricValue, metric_unit


@click.command("standing", cls=Command, short_help="A holder's tier, badges, metrics and room under caps.")
@programme_argument
@click.argument("holder_text", metavar="HOLDER")
@database_options
@click.option("--at", "at_day", metavar="DATE", type=DAY, help="As of the end of this day; now by default.")
@click.option("--known-at", "known_day", metavar="DATE", type=DAY, help="By what was recorded by the end of this day.")
@any_revision_option
@json_option
def command(
    programme_path: str,
    holder_text: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    at_day: int | None,
    known_day: int | None,
    any_revision: bool,
    as_json: bool,
) -> None:
    """Show where HOLDER (partner:ID or person:ID) stands, and how its tier changed.

    What is due by then is in it, also where nobody has posted it yet. With --known-at the answer is the one that would
    have been given then: facts that were recorded later are left out. Nothing is changed.

    \b
    Example:
      loyalty ledger standing programme.yaml partner:acme --db portal.db --at 2026-03-31 --known-at 2026-04-02
    """
    programme = load(programme_path)
    try:
        holder = Holder.parse(holder_text)
    except ValueError as error:
        raise WrongUseError(str(error)) from None
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    at, known_at = (None if day is None else format_day(day) for day in (at_day, known_day))
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=any_revision)
        require_holder(transaction, holder, book=book)
        engine = Engine(programme, store, any_revision=any_revision)
        standing = engine.standing(holder, at, known_at=known_at)
        until = standing.at
        changes = [one for one in engine.tiers_over_time(holder, known_at=known_at) if one.at <= until]
    if as_json:
        print_json(_document(programme, standing, changes, known_at))
    else:
        _print(programme, standing, changes, known_at)


def _print(programme: Programme, standing: Standing, changes: list[TierChange], known_at: str | None) -> None:
    out = stdout()
    known = f", by what was known at the end of {known_at}" if known_at else ""
    at = programme.calendar.local(standing.at).strftime("%Y-%m-%d %H:%M:%S")
    print_line(out, f"{programme.title or programme.id}: {standing.holder} at {at}{known}", style="bold")
    for line in _sentences(programme, standing):
        print_line(out, line)
    if standing.metrics:
        columns = (("metric", False), ("value", True), ("first day", False), ("last day", False))
        rows = [
            (name, _value(programme, one), _day(one.first_day), _day(one.last_day))
            for name, one in standing.metrics.items()
        ]
        print_table(out, columns, rows)
    if standing.caps:
        columns_of_caps = (
            ("cap of", False), ("key", False), ("used", True), ("left", True), ("through", False),
        )  # fmt: skip
        print_table(out, columns_of_caps, [_cap_row(programme, room) for room in standing.caps])
    if changes:
        columns_of_changes = (("from", False), ("tier", False), ("rule", False), ("cause", False))
        print_table(out, columns_of_changes, [(_time(programme, c.at), c.tier, c.rule, c.cause or "") for c in changes])


def _sentences(programme: Programme, standing: Standing) -> list[str]:
    lines = []
    if standing.tier is not None:
        since = f" since {_time(programme, standing.tier_since)}" if standing.tier_since is not None else ""
        by_hand = f", set by hand through {standing.by_hand_through}" if standing.by_hand_through else ""
        beneath = f"; {standing.earned_tier} stands beneath" if standing.by_hand_through else ""
        lines.append(f"tier {standing.tier}{since}{by_hand}{beneath}")
    if standing.grace_ends:
        lines.append(f"in grace: what is missed is lost at the start of {standing.grace_ends}")
    if standing.next_review:
        lines.append(f"next review at the start of {standing.next_review}")
    lines += [f"badge {name} since {_time(programme, at)}" for name, at in standing.badges.items()]
    return lines


def _cap_row(programme: Programme, room: CapRoom) -> tuple[str, str, str, str, str]:
    key = ", ".join(f"{name} {value}" for name, value in room.key.items())
    used, left = (amount_words(programme, room.cap.currency, amount) for amount in (room.used, room.left))
    return room.rule or f"campaign {room.campaign}", key, used, left, _day(room.last_day)


def _value(programme: Programme, one: MetricValue) -> str:
    return unit_words(programme, metric_unit(one.metric), one.value)


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _time(programme: Programme, at: int) -> str:
    return programme.calendar.local(at).strftime("%Y-%m-%d %H:%M")


def _document(
    programme: Programme, standing: Standing, changes: list[TierChange], known_at: str | None
) -> dict[str, Any]:
    local = programme.calendar.local
    return {
        "ok": True,
        "holder": str(standing.holder),
        "at": local(standing.at).isoformat(),
        "known_at": known_at,
        "tier": standing.tier,
        "tier_since": None if standing.tier_since is None else local(standing.tier_since).isoformat(),
        "earned_tier": standing.earned_tier,
        "by_hand_through": _day(standing.by_hand_through) or None,
        "grace_ends": _day(standing.grace_ends) or None,
        "next_review": _day(standing.next_review) or None,
        "badges": {name: local(at).isoformat() for name, at in standing.badges.items()},
        "metrics": {
            name: {
                "value": format_minor_units(one.value, unit_scale(programme, metric_unit(one.metric))),
                "unit": metric_unit(one.metric),
                "first_day": _day(one.first_day) or None,
                "last_day": _day(one.last_day) or None,
            }
            for name, one in standing.metrics.items()
        },
        "caps": [
            {
                "rule": room.rule,
                "campaign": room.campaign,
                "currency": room.cap.currency,
                "key": dict(room.key),
                **{
                    name: format_minor_units(amount, currencies_of(programme)[room.cap.currency].scale)
                    for name, amount in (("amount", room.cap.amount), ("used", room.used), ("left", room.left))
                },
                "first_day": _day(room.first_day) or None,
                "last_day": _day(room.last_day) or None,
            }
            for room in standing.caps
        ],
        "changes": [
            {"at": local(one.at).isoformat(), "tier": one.tier, "rule": one.rule, "cause": one.cause} for one in changes
        ],
    }
