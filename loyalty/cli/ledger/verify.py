"""``loyalty ledger verify``: whether a book is what was posted, and with ``--replay`` what its rules say."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import click
from attrs import frozen

from loyalty.cli.ledger.database import database_options, open_store, shown_database
from loyalty.cli.printing import count_words, print_line, stdout
from loyalty.cli.running import FILE, FINDINGS, Command, WrongUseError, json_option, print_json
from loyalty.engine.declarations import check_declarations
from loyalty.engine.replaying import Replayed, replay_book
from loyalty.errors import LedgerError
from loyalty.ledger.sealing import Head
from loyalty.ledger.verify import Verification
from loyalty.programme.loading import load


@frozen(kw_only=True)
class _Run:
    """What was found, and how long each part took."""

    verification: Verification
    seconds: float
    heads: int
    declarations: tuple[str, ...] = ()
    replayed: Replayed | None = None
    replay_seconds: float = 0.0

    @property
    def findings(self) -> tuple[str, ...]:
        """All of them."""
        return self.verification.findings + self.declarations + (self.replayed.findings if self.replayed else ())


@click.command("verify", cls=Command, short_help="Look for what was changed behind the book's back.")
@click.argument("programme_path", metavar="[PROGRAMME]", type=FILE, required=False)
@database_options
@click.option("--replay", is_flag=True, help="Settle everything recorded again by PROGRAMME, and compare.")
@click.option("--head", "head_texts", metavar="FILE|NUMBER:HEX", multiple=True,
              help="A head of the chain that was kept outside; may be given again.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=None, metavar="N",
              help="How many processes; as many as there are cores by default.")  # fmt: skip
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    programme_path: str | None,
    db: str,
    book: str,
    prefix: str,
    schema: str | None,
    replay: bool,
    head_texts: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
) -> None:
    """Check every row of a book: digests, the chain of seals, balances, lots, events, decisions and histories.

    Each finding is a sentence that names the place. The database is only read, in one state of it. PROGRAMME is the
    file that the book was settled under; only --replay needs it.

    \b
    Examples:
      loyalty ledger verify --db portal.db
      loyalty ledger verify programme.yaml --db portal.db --replay --head kept/head.txt
    """
    from loyalty.ledger.sql.auditing.processes import usable_cores

    if replay and programme_path is None:
        raise WrongUseError("--replay settles again by the programme's rules; give the file that the book is under")
    programme = load(programme_path) if replay and programme_path is not None else None
    heads = list(_heads(head_texts))
    store = open_store(db, book=book, prefix=prefix, schema=schema)
    jobs = usable_cores() if jobs is None else jobs
    begun = time.perf_counter()
    verification = store.verify(heads, jobs)
    with store.transaction(read_only=True) as transaction:
        declarations = tuple(check_declarations(transaction))
    done = time.perf_counter()
    if not verification.entries and verification.head is None and not verification.findings:
        raise WrongUseError(
            f"{shown_database(db)} has no entries of a book {book!r}; name the right one with --book, "
            "and where its tables are with --prefix and --schema"
        )
    replayed = replay_book(programme, store, jobs=jobs) if programme is not None else None
    run = _Run(
        verification=verification,
        declarations=declarations,
        seconds=done - begun,
        heads=len(heads),
        replayed=replayed,
        replay_seconds=time.perf_counter() - done,
    )
    if as_json:
        print_json(_document(run))
    else:
        _print(run, f"book {book} in {shown_database(db)}")
    if run.findings:
        ctx.exit(FINDINGS)


def _heads(texts: Iterable[str]) -> Iterable[Head]:
    for text in texts:
        path = Path(text)
        if not path.is_file():
            try:
                yield Head.parse(text)
            except LedgerError as error:
                raise WrongUseError(f"--head: there is no such file, and {error}") from None
            continue
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        kept = [line for line in lines if line and not line.startswith("#")]
        if not kept:
            raise WrongUseError(f"--head {text}: there is no head in it; write it with loyalty ledger seal --head-out")
        for line in kept:
            try:
                yield Head.parse(line)
            except LedgerError as error:
                raise WrongUseError(f"--head {text}: {error}") from None


def _print(run: _Run, where: str) -> None:
    out, found = stdout(), run.verification
    entries = count_words(found.entries, "entry", "entries")
    print_line(out, f"Verified {where}: {entries} in {run.seconds:.1f} s, {_rate(found.entries, run.seconds)}")
    print_line(
        out,
        "digests, balances, running balances, lots, events, decisions, histories and declarations: looked at, all of "
        "them",
    )
    if found.head is not None:
        sealed = f"{found.sealed:,} sealed by {count_words(found.head.number, 'seal')}, {found.unsealed:,} not yet"
        print_line(out, f"chain: {sealed}; head {found.head}")
    else:
        print_line(out, "chain: nothing is sealed yet")
    if run.heads:
        print_line(out, f"kept outside: {count_words(run.heads, 'head')}, compared with the chain")
    for note in found.notes:
        print_line(out, f"note: {note}")
    if run.replayed is not None:
        history = f"{count_words(run.replayed.holders, 'holder')}, {count_words(run.replayed.items, 'item')} of history"
        rate = _rate(found.entries, run.replay_seconds)
        print_line(out, f"settled again: {history}, every posting compared in {run.replay_seconds:.1f} s, {rate}")
    for finding in run.findings:
        print_line(out, finding, style="red")
    if run.findings:
        print_line(out, count_words(len(run.findings), "finding"), style="bold red")
    else:
        print_line(out, "Nothing is wrong.", style="green")


def _rate(entries: int, seconds: float) -> str:
    return f"{round(entries / max(seconds, 0.001)):,} entries/s"


def _document(run: _Run) -> dict[str, object]:
    found, replayed = run.verification, run.replayed
    return {
        "ok": not run.findings,
        "entries": found.entries,
        "seconds": round(run.seconds, 3),
        "sealed": found.sealed,
        "unsealed": found.unsealed,
        "head": None if found.head is None else str(found.head),
        "heads_compared": run.heads,
        "replayed": None
        if replayed is None
        else {"holders": replayed.holders, "items": replayed.items, "seconds": round(run.replay_seconds, 3)},
        "findings": list(run.findings),
        "notes": list(found.notes),
    }
