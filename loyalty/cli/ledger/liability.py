"""``loyalty ledger liability``: what was granted in each month, what became of it, and what is still owed for it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import click

from loyalty.cli.ledger.database import (
    any_revision_option,
    as_of_options,
    counted,
    database_options,
    open_store,
    recorded_us,
    require_entries,
)
from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.running import Command, json_option, print_json, programme_argument
from loyalty.core.amounts import Rounding, divide, format_minor_units
from loyalty.core.calendar import format_day
from loyalty.exports.liability import Cohort, Liability, liability, opened_in
from loyalty.exports.names import scale_of
from loyalty.ledger.store import Transaction
from loyalty.programme.loading import load
from loyalty.programme.model import Programme
from loyalty.programme.units import digits_of

#: How shares and worths are rounded for display; nothing is summed from rounded numbers.
ROUNDING: Final = Rounding.HALF_EVEN

#: Digits after the point of the breakage share.
_SHARE_DIGITS: Final = 6

#: The amounts of a cohort, in the order in which they are shown.
_AMOUNTS: Final = (
    "granted", "pending", "available", "held", "open", "used", "clawed_back", "adjusted", "repaid", "expired",
    "forfeited",
)  # fmt: skip


@click.command("liability", cls=Command, short_help="What is owed for the points of each month, and their breakage.")
@programme_argument
@database_options
@as_of_options
@click.option("--out", "out_path", metavar="FILE", type=click.Path(dir_okay=False), help="Write the table as CSV too.")
@any_revision_option
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    until_day: int | None,
    recorded_until: str | None,
    out_path: str | None,
    any_revision: bool,
    as_json: bool,
) -> None:
    """Show for each currency and month of granting what was granted, used, clawed back and expired, and what is open.

    Without --until it is the day through which the book was advanced. Breakage is the share that expired so far of
    what was neither clawed back, adjusted nor taken for arrears; shares and worths are rounded half to even.

    \b
    Example:
      loyalty ledger liability programme.yaml --db portal.db --until 2026-12-31 --out liability.csv
    """
    programme = load(programme_path)
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    known_by = recorded_us(programme, recorded_until)
    with Meter() as meter, store.transaction(read_only=True) as transaction:
        require_entries(transaction, programme, db=db, book=book, any_revision=any_revision)
        clock_day = transaction.clock_day()
        if until_day is None:
            until_day = clock_day if clock_day is not None else _last_day(transaction, programme)
        found = liability(
            counted(transaction.entries(), meter),
            programme,
            until_day=until_day,
            recorded_at=known_by,
            opened=opened_in(transaction),
        )
    if out_path is not None:
        _write(Path(out_path), found)
    if as_json:
        print_json(_document(programme, found, clock_day, out_path))
    else:
        _print(programme, found, clock_day, out_path)


def _last_day(transaction: Transaction, programme: Programme) -> int:
    return programme.calendar.day_of(max(entry.effective_at for entry in transaction.entries()))


def _print(programme: Programme, found: Liability, clock_day: int | None, out_path: str | None) -> None:
    out = stdout()
    title = f"{programme.title or programme.id}: liability at the end of {format_day(found.until_day)}"
    print_line(out, title, style="bold")
    for total in found.totals():
        cohorts = [cohort for cohort in found.cohorts if cohort.currency is total.currency]
        shown = [name for name in _AMOUNTS if name in ("granted", "open") or getattr(total, name)]
        unit = total.currency.worth_unit
        print_line(out)
        print_line(out, total.currency.name, style="bold")
        columns = [("month", False), *((name.replace("_", " "), True) for name in (*shown, "breakage"))]
        columns += [(f"worth {unit}", True)] if unit else []
        print_table(out, columns, [_cells(cohort, shown) for cohort in (*cohorts, total)])
        owed = found.arrears.get(total.currency.name)
        if owed:
            print_line(out, f"Holders owe {format_minor_units(owed, total.currency.scale)} in arrears.")
    print_line(out, "Breakage and worth are rounded half to even.")
    if clock_day is not None and clock_day < found.until_day:
        print_line(
            out,
            f"The book was advanced through {format_day(clock_day)}: what falls due later is not in it.",
            style="yellow",
        )
    if out_path is not None:
        print_line(out, f"Table: {out_path}", style="bold")


def _cells(cohort: Cohort, names: list[str]) -> list[str]:
    amounts = [format_minor_units(getattr(cohort, name), cohort.currency.scale) for name in names]
    worth = [worth_text(cohort)] if cohort.currency.worth_unit else []
    return [month_text(cohort.month), *amounts, share_text(cohort.breakage), *worth]


def month_text(month: int | None) -> str:
    """Write a cohort's month."""
    return "all" if month is None else f"{month // 12:04}-{month % 12 + 1:02}"


def share_text(share: Fraction | None) -> str:
    """Write a share with six digits; nothing where there is none."""
    return "" if share is None else _rounded(share, _SHARE_DIGITS)


def worth_text(cohort: Cohort) -> str:
    """Write the worth of a cohort's open part with the digits of its unit; nothing where none is declared."""
    worth, unit = cohort.worth, cohort.currency.worth_unit
    return "" if worth is None or unit is None else _rounded(worth, digits_of(unit))


def _rounded(value: Fraction, digits: int) -> str:
    return format_minor_units(divide(value.numerator * 10**digits, value.denominator, ROUNDING), digits)


def _records(found: Liability) -> Iterator[dict[str, Any]]:
    for cohort in (*found.cohorts, *found.totals()):
        scale = cohort.currency.scale
        yield {
            "currency": cohort.currency.name,
            "month": month_text(cohort.month),
            **{name: format_minor_units(getattr(cohort, name), scale) for name in _AMOUNTS},
            "breakage": share_text(cohort.breakage),
            "worth": worth_text(cohort),
            "worth_unit": cohort.currency.worth_unit or "",
        }


def _write(path: Path, found: Liability) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["currency", "month", *_AMOUNTS, "breakage", "worth", "worth_unit"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(record for record in _records(found) if record["month"] != "all")


def _document(programme: Programme, found: Liability, clock_day: int | None, out_path: str | None) -> dict[str, Any]:
    records = list(_records(found))
    return {
        "ok": True,
        "until": format_day(found.until_day),
        "advanced_through": None if clock_day is None else format_day(clock_day),
        "rounding": ROUNDING.value,
        "cohorts": [record for record in records if record["month"] != "all"],
        "totals": [record for record in records if record["month"] == "all"],
        "arrears": {
            name: format_minor_units(amount, scale_of(programme, name))
            for name, amount in sorted(found.arrears.items())
        },
        "files": [out_path] if out_path else [],
    }
