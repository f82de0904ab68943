"""``loyalty ledger revise``: what putting a book under another chain of revisions changes, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from loyalty.cli.ledger.database import database_options, open_store
from loyalty.cli.printing import count_words, print_line, print_table, stderr, stdout
from loyalty.cli.running import FINDINGS, Command, WrongUseError, json_option, print_json, programme_argument
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.engine.adopting import Chain
from loyalty.engine.migrating import MigrationPlan, migrate, plan_migration
from loyalty.explaining.words import amount_words
from loyalty.programme.loading import load
from loyalty.programme.model import Programme


@click.command("revise", cls=Command, short_help="Plan a migration to other revisions, and carry it out.")
@programme_argument
@database_options
@click.option("--holders", "shown", metavar="N", type=click.IntRange(0), default=20, show_default=True,
              help="Show the N holders whose wallets change most.")  # fmt: skip
@click.option(
    "--apply", "plan_digest", metavar="PLAN", help="Carry out the plan of this digest, which it was shown with."
)
@click.option("--actor", metavar="NAME", help="With --apply: who does it; kept with the book.")
@click.option("--reason", metavar="TEXT", help="With --apply: why; likewise.")
@json_option
def command(
    programme_path: str,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    shown: int,
    plan_digest: str | None,
    actor: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Show what changes in a book when it is settled under PROGRAMME and its earlier revisions instead of its own.

    It serves for a revision that begins before what the book has settled already, and for one that was published with
    a fault. Everything recorded is settled again; decisions such as redemptions stay. Nothing is changed without
    --apply, which takes the digest of a plan that was looked at, and refuses if the book has changed since.

    \b
    Examples:
      loyalty ledger revise programme.yaml --db portal.db
      loyalty ledger revise programme.yaml --db portal.db --apply 3f2a91c0d4e85b67 --actor kim --reason "rates of May"
    """
    programme = load(programme_path)
    if plan_digest is not None and not (actor and reason):
        raise WrongUseError("--apply is kept with the book: give --actor, who does it, and --reason, why")
    if plan_digest is None and (actor or reason):
        raise WrongUseError("--actor and --reason are kept with what --apply does; look at the plan without them first")
    store = open_store(db, book=book, prefix=prefix, schema=schema, read_only=False)
    plan = plan_migration(programme, store)
    if plan_digest is not None and actor and reason and not plan.refused:
        if plan.digest != plan_digest:
            raise WrongUseError(
                f"--apply {plan_digest} is not the plan of this programme and book, which is {plan.digest} now; look "
                "at it without --apply first"
            )
        migrate(plan, store, actor=actor, reason=reason)
    if as_json:
        print_json(_document(programme, plan, is_done=plan_digest is not None))
    else:
        _print(programme, plan, book, shown, is_done=plan_digest is not None)
    if plan.refused:
        raise click.exceptions.Exit(FINDINGS)


def _print(programme: Programme, plan: MigrationPlan, book: str, shown: int, *, is_done: bool) -> None:
    out = stdout()
    print_line(out, f"Book {book} is settled under {_chain(plan.before)}.")
    print_line(out, f"{programme.file} is {_chain(plan.after)}.")
    if plan.refused:
        print_line(stderr(), f"{count_words(len(plan.refused), 'recorded event')} cannot be taken by it:", "bold red")
        for identity, reasons in plan.refused.items():
            for reason in reasons:
                print_line(stderr(), f"  {identity}: {reason}")
        print_line(stderr(), "Mend the programme, so that it takes them, and plan again. Nothing was changed.")
        return
    corrections = count_words(len(plan.entries), "correction")
    if is_done:
        print_line(out, f"Done: {corrections} posted, {_holders(plan)}.", style="bold")
    elif plan.entries:
        print_line(out, f"A migration would post {corrections} and change {_holders(plan)}.", style="bold")
    else:
        print_line(out, "A migration would change nothing that is posted.", style="bold")
    if plan.totals:
        rows = [(account, _asset(asset), _change(programme, asset, amount))
                for (account, asset), amount in plan.totals.items()]  # fmt: skip
        print_table(out, (("all holders", False), ("", False), ("change", True)), rows)
    most = sorted(plan.changes.items(), key=lambda pair: (-max(map(abs, pair[1].values())), pair[0]))[:shown]
    if most:
        rows_of_holders = [
            (str(holder), account, _asset(asset), _change(programme, asset, amount))
            for holder, changed in most
            for (account, asset), amount in changed.items()
        ]
        print_table(out, (("holder", False), ("account", False), ("", False), ("change", True)), rows_of_holders)
        if len(plan.changes) > len(most):
            print_line(out, f"... and {count_words(len(plan.changes) - len(most), 'holder')} more; --json has all.")
    if not is_done:
        print_line(out, f"Nothing was changed. This is plan {plan.digest}; --apply carries it out.")


def _holders(plan: MigrationPlan) -> str:
    return f"the balances of {count_words(len(plan.changes), 'holder')}"


def _chain(chain: Chain) -> str:
    if not chain:
        return "no revision yet"
    (_, first), *later = chain
    return ", then ".join([f"revision {first}", *(f"{digest} from {format_day(day)}" for day, digest in later)])


def _asset(asset: str) -> str:
    return asset.replace(".", " ", 1) if asset.startswith(("tier.", "badge.")) else ""


def _change(programme: Programme, asset: str, amount: int) -> str:
    words = amount_words(programme, asset, abs(amount)) if asset in programme.currencies else str(abs(amount))
    return f"{'+' if amount > 0 else '-'}{words}"


def _document(programme: Programme, plan: MigrationPlan, *, is_done: bool) -> dict[str, Any]:
    return {
        "ok": not plan.refused,
        "done": is_done and not plan.refused,
        "plan": plan.digest,
        "before": [{"revision": digest, "from": _day(day)} for day, digest in plan.before],
        "after": [{"revision": digest, "from": _day(day)} for day, digest in plan.after],
        "corrections": len(plan.entries),
        "totals": _changes(programme, plan.totals),
        "holders": {str(holder): _changes(programme, changed) for holder, changed in plan.changes.items()},
        "refused": {identity: list(reasons) for identity, reasons in plan.refused.items()},
    }


def _day(day: int) -> str | None:
    return format_day(day) if day else None


def _changes(programme: Programme, changed: Mapping[tuple[str, str], int]) -> list[dict[str, str]]:
    return [
        {
            "account": account,
            "asset": asset,
            "change": format_minor_units(amount, programme.currencies[asset].scale)
            if asset in programme.currencies
            else str(amount),
        }
        for (account, asset), amount in changed.items()
    ]
