"""``loyalty ledger statement``: what a holder has, what will expire, and the last lines of the journal."""

from __future__ import annotations

from collections import deque
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
from loyalty.core.calendar import NEVER, format_day
from loyalty.core.holders import Holder
from loyalty.engine.engine import Engine
from loyalty.engine.receipts import Expiry, Page, Statement
from loyalty.ledger.lines import Line
from loyalty.programme.loading import load
from loyalty.programme.model import Currency, Programme
from loyalty.programme.revisions import currencies_of

#: The accounts of a wallet, in the order in which they are shown.
_ACCOUNTS = ("pending", "available", "held", "arrears")

#: Lines of a period are read so many at a time.
_READ_AT_ONCE = 10_000


@click.command("statement", cls=Command, short_help="A holder's wallets, expiries and last lines.")
@programme_argument
@click.argument("holder_text", metavar="HOLDER")
@database_options
@click.option("--at", "at_day", metavar="DATE", type=DAY, help="As of the end of this day; now by default.")
@click.option("--known-at", "known_day", metavar="DATE", type=DAY,
              help="By what the book knew at the end of this day, without what was due and not posted.")  # fmt: skip
@click.option("--currency", "only", metavar="NAME", help="The lines of this wallet alone.")
@click.option("--lines", "line_count", metavar="N", type=click.IntRange(0, _READ_AT_ONCE), default=20,
              show_default=True, help="So many lines of each wallet, the last ones.")  # fmt: skip
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
    only: str | None,
    line_count: int,
    any_revision: bool,
    as_json: bool,
) -> None:
    """Show what HOLDER (partner:ID or person:ID) has, all that will expire of it, and its last lines.

    What is due by then is in the balances, also where nobody has posted it yet. Without --at and --known-at lines
    stand in the order of posting, and otherwise in the order in which they count. Nothing is changed.

    \b
    Example:
      loyalty ledger statement programme.yaml partner:acme --db portal.db --at 2026-03-31 --lines 50
    """
    programme = load(programme_path)
    try:
        holder = Holder.parse(holder_text)
    except ValueError as error:
        raise WrongUseError(str(error)) from None
    if only is not None and only not in currencies_of(programme):
        known = ", ".join(currencies_of(programme))
        raise WrongUseError(f"--currency {only}: the programme has {known}")
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    at, known_at = (None if day is None else format_day(day) for day in (at_day, known_day))
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=any_revision)
        require_holder(transaction, holder, book=book)
        engine = Engine(programme, store, any_revision=any_revision)
        statement = engine.statement(holder, at, known_at=known_at)
        expiries = engine.expiries_of(statement)
        pages = {
            name: _last_lines(engine, holder, name, at, known_at, line_count)
            for name in currencies_of(programme)
            if line_count and only in (None, name)
        }
    if as_json:
        print_json(_document(programme, statement, expiries, pages, known_at))
    else:
        _print(programme, statement, expiries, pages, known_at)


def _last_lines(
    engine: Engine, holder: Holder, currency: str, at: str | None, known_at: str | None, count: int
) -> Page:
    if at is None and known_at is None:
        page = engine.lines(holder, currency, limit=count, newest_first=True)
        return Page(holder, currency, page.lines[::-1], page.opening, page.closing, None)
    last: deque[Line] = deque(maxlen=count)
    opening: dict[str, int] = {}
    after: str | None = None
    while True:
        page = engine.lines_between(holder, currency, until=at, known_at=known_at, after=after, limit=_READ_AT_ONCE)
        for line in page.lines:
            if len(last) == count:
                opening[last[0].account] = last[0].balance
            last.append(line)
        after = page.next
        if after is None:
            return Page(holder, currency, tuple(last), opening, page.closing, None)


def _print(
    programme: Programme,
    statement: Statement,
    expiries: tuple[Expiry, ...],
    pages: dict[str, Page],
    known_at: str | None,
) -> None:
    out = stdout()
    known = f", by what was known at the end of {known_at}" if known_at else ""
    title = f"{programme.title or programme.id}: {statement.holder} at {_time(programme, statement.at)}{known}"
    print_line(out, title, style="bold")
    badges = f"; badges {', '.join(statement.badges)}" if statement.badges else ""
    print_line(out, f"tier {statement.tier}{badges}")
    columns = [("currency", False), *((name, True) for name in _ACCOUNTS)]
    rows = [
        (name, *(_amount(currency, statement.balances.get((account, name), 0)) for account in _ACCOUNTS))
        for name, currency in currencies_of(programme).items()
    ]
    print_table(out, columns, rows)
    if expiries:
        print_line(out, "Will expire", style="bold")
        print_table(
            out,
            (
                ("last usable day", False),
                ("currency", False),
                ("amount", True),
                ("gone at", False),
            ),
            [
                (
                    one.last_usable_day.isoformat(),
                    one.currency,
                    _amount(currencies_of(programme)[one.currency], one.amount),
                    _time(programme, one.expires_at),
                )
                for one in expiries
            ],
        )
    for name, page in pages.items():
        if page.lines:
            print_line(out, f"{name}, last {len(page.lines)}" if page.opening else name, style="bold")
            _print_lines(programme, currencies_of(programme)[name], page)


def _print_lines(programme: Programme, currency: Currency, page: Page) -> None:
    columns = (
        ("counts from", False), ("recorded", False), ("entry", False), ("rule", False), ("account", False),
        ("amount", True), ("balance", True), ("last usable day", False),
    )  # fmt: skip
    rows = [("", "", "opening balance", "", name, "", _amount(currency, n), "") for name, n in page.opening.items()]
    rows += [
        (
            _minute(programme, line.effective_at),
            _minute(programme, line.recorded_at),
            line.entry_key,
            line.rule or "",
            line.account,
            _amount(currency, line.amount),
            _amount(currency, line.balance),
            "" if line.lot_day is None else _last_day(line.lot_day),
        )
        for line in page.lines
    ]
    rows += [("", "", "closing balance", "", name, "", _amount(currency, n), "") for name, n in page.closing.items()]
    print_table(stdout(), columns, rows)


def _amount(currency: Currency, amount: int) -> str:
    return format_minor_units(amount, currency.scale)


def _time(programme: Programme, at: int) -> str:
    return programme.calendar.local(at).strftime("%Y-%m-%d %H:%M:%S")


def _minute(programme: Programme, at: int) -> str:
    return programme.calendar.local(at).strftime("%Y-%m-%d %H:%M")


def _last_day(lot_day: int) -> str:
    return format_day(lot_day if lot_day >= NEVER else lot_day - 1)


def _document(
    programme: Programme,
    statement: Statement,
    expiries: tuple[Expiry, ...],
    pages: dict[str, Page],
    known_at: str | None,
) -> dict[str, Any]:
    currencies = currencies_of(programme)

    def written(balances: Any, name: str) -> dict[str, str]:
        return {account: _amount(currencies[name], amount) for account, amount in balances.items()}

    return {
        "ok": True,
        "holder": str(statement.holder),
        "at": programme.calendar.local(statement.at).isoformat(),
        "known_at": known_at,
        "tier": statement.tier,
        "badges": list(statement.badges),
        "balances": {
            name: written({a: statement.balances.get((a, name), 0) for a in _ACCOUNTS}, name) for name in currencies
        },
        "expiries": [
            {
                "currency": one.currency,
                "amount": _amount(currencies[one.currency], one.amount),
                "last_usable_day": one.last_usable_day.isoformat(),
                "expires_at": programme.calendar.local(one.expires_at).isoformat(),
            }
            for one in expiries
        ],
        "lines": {
            name: {
                "opening": written(page.opening, name),
                "closing": written(page.closing, name),
                "lines": [
                    {
                        "entry": line.entry_key,
                        "kind": line.kind.value,
                        "cause": line.cause,
                        "rule": line.rule,
                        "effective_at": programme.calendar.local(line.effective_at).isoformat(),
                        "recorded_at": programme.calendar.local(line.recorded_at).isoformat(),
                        "account": line.account,
                        "amount": _amount(currencies[name], line.amount),
                        "balance": _amount(currencies[name], line.balance),
                        "last_usable_day": None if line.lot_day is None else _last_day(line.lot_day),
                    }
                    for line in page.lines
                ],
            }
            for name, page in pages.items()
        },
    }
