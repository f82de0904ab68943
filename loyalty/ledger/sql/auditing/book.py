"""
The audit of a whole book as a list of tasks, which one process does one after the other or several share.

Each task reads what it needs by itself and gives a small result; what is left is to put the results together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import Factory, frozen

from loyalty.errors import UsageError
from loyalty.ledger.sealing import Head
from loyalty.ledger.sql.auditing.balances import audit_balances, find_broken_runs
from loyalty.ledger.sql.auditing.chain import ChainAudit, audit_chain
from loyalty.ledger.sql.auditing.entries import audit_entries
from loyalty.ledger.sql.auditing.facts import audit_events, audit_histories
from loyalty.ledger.sql.auditing.lots import audit_lots
from loyalty.ledger.sql.auditing.orphans import audit_orphans
from loyalty.ledger.sql.auditing.own_row import audit_own_row
from loyalty.ledger.sql.auditing.reading import Reader
from loyalty.ledger.sql.auditing.runs import Runs, Secret
from loyalty.ledger.verify import Verification

#: Ids lie between this below 0 and this above, so that what was put in at either end is met too.
_FAR: Final = 1 << 42

#: So many ids of entries, events or holders make a task; the last task of each kind is open at its end.
_TASK_IDS: Final = {"entries": 50_000, "events": 100_000, "histories": 20_000}


@frozen(kw_only=True)
class Task:
    """
    A part of an audit.

    Attributes:
        what: ``entries``, ``events``, ``histories`` (of holders), ``chain``, ``balances`` or ``lots``.
        after, until: Ids above the one and at most the other, for the first three.
        secret: What running balances are compared by.
        heads: What was kept outside of the chain.
    """

    what: str
    secret: Secret
    after: int = -_FAR
    until: int = _FAR
    heads: tuple[Head, ...] = ()


@frozen(kw_only=True)
class Result:
    """What a task came to; what it did not look at is empty."""

    task: Task
    findings: tuple[str, ...]
    left_out: int
    runs: Runs
    entries: int = 0
    chain: ChainAudit = Factory(ChainAudit)


def list_tasks(reader: Reader, heads: Sequence[Head]) -> list[Task]:
    """
    Divide the audit of a book; the longest tasks come first.

    Raises:
        UsageError: a head is none.
    """
    for head in heads:
        if not isinstance(head, Head):
            raise UsageError(f"got {head!r} for a head; give what Head.parse reads from a text")
    secret = Secret.draw()
    schema = reader.runner.schema
    tasks = [
        Task(what="chain", secret=secret, heads=tuple(heads)),
        Task(what="lots", secret=secret),
        Task(what="balances", secret=secret),
    ]
    for what, table in {"histories": schema.holder, "events": schema.event, "entries": schema.entry}.items():
        last = reader.runner.last_id(table)
        ends = [*range(_TASK_IDS[what], last, _TASK_IDS[what]), _FAR]
        starts = [-_FAR, *ends]
        tasks += [
            Task(what=what, secret=secret, after=after, until=until) for after, until in zip(starts, ends, strict=False)
        ]
    return tasks


def do_task(reader: Reader, task: Task) -> Result:
    """Do one task."""
    runs = Runs(task.secret)
    entries, chain = 0, ChainAudit()
    if task.what == "entries":
        audit = audit_entries(reader, runs, task.after, task.until)
        entries, findings = audit.entries, audit.findings
    elif task.what == "chain":
        chain = audit_chain(reader, task.heads)
        findings = chain.findings
    elif task.what == "events":
        findings = audit_events(reader, task.after, task.until)
    elif task.what == "histories":
        findings = audit_histories(reader, task.after, task.until)
    elif task.what == "balances":
        findings = audit_balances(reader, runs)
    else:
        findings = audit_lots(reader)
    return Result(task=task, findings=tuple(findings), left_out=findings.left_out, runs=runs, entries=entries,
                  chain=chain)  # fmt: skip


def conclude(reader: Reader, results: Iterable[Result], *, waiting: int = 0) -> Verification:
    """
    Put the results of all tasks together.

    Args:
        waiting: How many entries the transaction itself posted, which are sealed when it ends.
    """
    by_what: dict[str, list[Result]] = {what: [] for what in _ORDER}
    for result in results:
        by_what[result.task.what].append(result)
    everything = [result for what in _ORDER for result in sorted(by_what[what], key=lambda result: result.task.after)]
    runs = Runs(everything[0].task.secret)
    for result in everything:
        runs.join(result.runs)
    findings = [finding for result in everything for finding in result.findings]
    left_out = sum(result.left_out for result in everything)
    if not runs.are_whole:
        findings += list(find_broken_runs(reader)) or ["balances are not where their postings run to"]
    findings += audit_own_row(reader)
    findings += audit_orphans(reader)
    if left_out:
        findings.append(f"{left_out} more findings are not listed")
    chain = by_what["chain"][0].chain
    notes = []
    if chain.unsealed > waiting and chain.first_unsealed is not None:
        first = reader.entry_name(chain.first_unsealed)
        count = "1 entry is" if chain.unsealed == 1 else f"{chain.unsealed} entries are"
        if reader.on_sqlite:
            findings.append(
                f"{count} behind the last seal, from {first} on, although every transaction seals what it wrote: "
                "it was put in, or a seal was taken out"
            )
        else:
            notes.append(f"{count} not sealed yet, from {first} on; loyalty ledger seal seals them")
    return Verification(
        entries=sum(result.entries for result in everything),
        sealed=chain.sealed,
        unsealed=chain.unsealed,
        head=chain.head,
        findings=tuple(dict.fromkeys(findings)),
        notes=tuple(notes),
    )


#: Findings stand in this order: entries first, by their ids.
_ORDER: Final = ("entries", "chain", "lots", "balances", "events", "histories")
