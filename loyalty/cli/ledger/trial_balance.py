"""``loyalty ledger trial-balance``: what every account came to at the end of a day."""

from __future__ import annotations

from typing import Any

import click

from loyalty.cli.ledger.database import (
    any_revision_option,
    as_of_options,
    counted,
    database_options,
    end_of_day_us,
    open_store,
    recorded_us,
    require_entries,
)
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import FINDINGS, Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.exports.names import scale_of
from loyalty.exports.trial_balance import TrialBalance, TrialRow, trial_balance
from loyalty.programme.loading import load
from loyalty.programme.model import Programme


@click.command("trial-balance", cls=Command, short_help="Sum a book by account.")
@programme_argument
@database_options
@as_of_options
@click.option("--booked", is_flag=True, help="With --until: by the days under which entries are booked behind a lock.")
@click.option("--by-holder", is_flag=True, help="A row for each holder's account, not one for all of a kind.")
@any_revision_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    until_day: int | None,
    recorded_until: str | None,
    booked: bool,
    by_holder: bool,
    any_revision: bool,
    as_json: bool,
) -> None:
    """Sum a book by account, with debits and credits, which are equal in a whole book.

    It is the programme's view: what wallets hold is a credit, what was issued a debit.

    \b
    Example:
      loyalty ledger trial-balance programme.yaml --db portal.db --until 2026-12-31
    """
    if booked and until_day is None:
        raise WrongUseError("--booked says how --until is meant; give both, or neither")
    programme = load(programme_path)
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    known_by = recorded_us(programme, recorded_until)
    with Meter() as meter, store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=any_revision)
        summed = trial_balance(
            counted(transaction.entries(), meter),
            effective_at=end_of_day_us(programme, until_day),
            recorded_at=known_by,
            booked_through=until_day if booked else None,
            by_holder=by_holder,
        )
    agrees = all(debit == credit for debit, credit in summed.totals().values())
    if as_json:
        print_json(_document(programme, summed, until_day, recorded_until, agrees))
    else:
        _print(programme, summed, until_day, agrees)
    if not agrees:
        ctx.exit(FINDINGS)


def _print(programme: Programme, summed: TrialBalance, until_day: int | None, agrees: bool) -> None:
    out = stdout()
    until = "everything that was posted" if until_day is None else f"through {format_day(until_day)}"
    print_line(out, f"{programme.title or programme.id}: trial balance, {until}", style="bold")
    columns = (("asset", False), ("account", False), ("debit", True), ("credit", True))
    print_table(out, columns, [_cells(programme, row) for row in summed.rows])
    totals = summed.totals().items()
    rows = [_cells(programme, TrialRow("all accounts", asset, *both)) for asset, both in totals]
    print_table(out, columns, rows)
    if agrees:
        print_line(out, "Debits and credits agree in every asset.", style="green")
    else:
        print_line(out, "Debits and credits do not agree; run loyalty ledger verify.", style="bold red")


def _cells(programme: Programme, row: TrialRow) -> tuple[str, ...]:
    scale = scale_of(programme, row.asset)
    amounts = (format_minor_units(amount, scale) if amount else "" for amount in (row.debit, row.credit))
    return (row.asset, row.account, *amounts)


def _document(
    programme: Programme, summed: TrialBalance, until_day: int | None, recorded_until: str | None, agrees: bool
) -> dict[str, Any]:
    def amounts(asset: str, **named: int) -> dict[str, str]:
        return {name: format_minor_units(amount, scale_of(programme, asset)) for name, amount in named.items()}

    return {
        "ok": agrees,
        "until": None if until_day is None else format_day(until_day),
        "recorded_until": recorded_until,
        "rows": [
            {
                "asset": row.asset,
                "account": row.account,
                **amounts(row.asset, debit=row.debit, credit=row.credit, balance=row.balance),
            }
            for row in summed.rows
        ],
        "totals": {
            asset: amounts(asset, debit=debit, credit=credit) for asset, (debit, credit) in summed.totals().items()
        },
    }
