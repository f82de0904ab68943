"""``loyalty ledger backtest``: what a book would have posted under another programme, posting by posting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from loyalty.cli.ledger.database import database_options, open_store, require_entries
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import Command, format_option, json_option, out_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.explaining.said import Amount
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.difference_file import difference_file
from loyalty.simulation.left_out import left_out
from loyalty.simulation.report.texts import ENGLISH
from loyalty.simulation.resettling import Resettled, resettle

#: So many rows are shown; the file has all of them.
_MOST_ROWS = 30


@click.command("backtest", cls=Command, short_help="Settle what a book recorded under another programme.")
@programme_argument
@database_options
@out_option
@format_option
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    out_dir: str,
    table_format: str,
    as_json: bool,
) -> None:
    """Settle the recorded events and decisions of a book under PROGRAMME, and list every posting that differs.

    PROGRAMME is taken as if it had been in force from its own start. Events count from when they do in the book, and
    decisions such as redemptions stay as they were taken: what they lack then is owed as arrears. The book is only
    read. Under the programme that it was settled by nothing differs.

    \b
    Example:
      loyalty ledger backtest programme-2027.yaml --db portal.db --out out/backtest
    """
    programme = load(programme_path)
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    with store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=True)
    path = Path(out_dir) / f"differences.{table_format}"
    with Meter() as meter, difference_file(path, programme, table_format) as listed:
        found = resettle(programme, store, listed, progress=meter.stage("settling holders"))
    if as_json:
        print_json(_document(programme, found, path))
    else:
        _print(programme, found, book, path)


def _print(programme: Programme, found: Resettled, book: str, path: Path) -> None:
    out = stdout()
    print_line(out, f"Book {book} under {programme.id}, revision {programme.revision[:12]}", style="bold")
    settled = f"{count_words(found.holders, 'holder')}, {count_words(found.items, 'item')} of history"
    print_line(out, f"  settled: {settled}; {count_words(found.transfers, 'transfer')} in the book")
    for reason, count in found.left_out.items():
        print_line(out, f"- {count_words(count, 'event')} cannot be taken and earned nothing: {reason}", style="yellow")
    for note in left_out({"outside": found.outside}):
        print_line(out, f"- {ENGLISH.tell(note)}", style="yellow")
    if not found.differing:
        print_line(out, "Every posting is the same.", style="green")
        return
    share = f"{count_words(found.holders_differing, 'holder')} of {found.holders:,}"
    print_line(out, f"{count_words(found.differing, 'transfer')} of {share} differ:", style="bold")
    columns = (("rule", False), ("of", False), ("from", False), ("to", False), ("asset", False), ("transfers", True),
               ("posted", True), ("settled", True), ("difference", True))  # fmt: skip
    rows = sorted(found.sums, key=lambda row: -row.transfers)
    print_table(out, columns, (
        (row.rule or "-", f"{row.layer.name.lower()}s", row.source, row.target, row.asset, f"{row.transfers:,}",
         *(_told(programme, row.asset, n) for n in (row.posted, row.settled, row.settled - row.posted)))
        for row in rows[:_MOST_ROWS]
    ))  # fmt: skip
    if len(rows) > _MOST_ROWS:
        print_line(out, f"and {len(rows) - _MOST_ROWS:,} more rows of this kind; see the file")
    print_line(out, "What stands in the accounts of holders:", style="bold")
    print_table(out, (("asset", False), ("account", False), ("of", False), ("book", True), ("settled", True)), (
        (asset, account, f"{layer.name.lower()}s", _told(programme, asset, before), _told(programme, asset, after))
        for (layer, asset, account), (before, after) in found.balances.items()
        if before or after
    ))  # fmt: skip
    print_line(out, f"Each transfer: {path}", style="bold")


def _told(programme: Programme, asset: str, minor_units: int) -> str:
    """Write an amount for people, with thousands set apart."""
    currency = currencies_of(programme).get(asset)
    return ENGLISH.tell(Amount(minor_units, currency.scale if currency is not None else 0))


def _amount(programme: Programme, asset: str, minor_units: int) -> str:
    currency = currencies_of(programme).get(asset)
    return format_minor_units(minor_units, currency.scale if currency is not None else 0)


def _document(programme: Programme, found: Resettled, path: Path) -> dict[str, Any]:
    def number(asset: str, minor_units: int) -> str:
        return _amount(programme, asset, minor_units)

    return {
        "ok": True,
        "programme": {"id": programme.id, "revision": programme.revision},
        "holders": found.holders,
        "items": found.items,
        "transfers": found.transfers,
        "differing": found.differing,
        "holders_differing": found.holders_differing,
        "left_out": dict(found.left_out),
        "outside": found.outside,
        "by_rule": [
            {
                "rule": row.rule,
                "layer": row.layer.name.lower(),
                "from": row.source,
                "to": row.target,
                "asset": row.asset,
                "transfers": row.transfers,
                "posted": number(row.asset, row.posted),
                "settled": number(row.asset, row.settled),
            }
            for row in found.sums
        ],
        "balances": [
            {
                "layer": layer.name.lower(),
                "asset": asset,
                "account": account,
                "book": number(asset, before),
                "settled": number(asset, after),
            }
            for (layer, asset, account), (before, after) in found.balances.items()
        ],
        "file": str(path),
    }
