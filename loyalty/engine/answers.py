"""Answers to why: what an entry recorded, or, where that no longer stands, what settling again says."""

from __future__ import annotations

from collections.abc import Mapping

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.engine.histories import Histories
from loyalty.explaining.moves import explain_entries
from loyalty.explaining.reading import explain
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import EntryKind
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.settlement.commands import command_of
from loyalty.settlement.history import Placed, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import apply_item
from loyalty.settlement.trace import STEP_CODE, Part, stored, stored_trace


def why(histories: Histories, tx: Transaction, identity: str) -> Explanation:
    """
    Say why an accepted event was settled as it was, or what a command moved.

    What its entry recorded is read back; an event that moved nothing, or that a late event corrected, is settled
    again for the answer, so that the steps always add up to what is posted for it.

    Raises:
        KeyError: no such event was accepted, and no such command given.
    """
    programme = histories.steps.programme
    known = tx.find_event(identity)
    if known is None:
        command = why_command(programme, tx, identity)
        if command is None:
            raise KeyError(identity)
        return command
    entry = tx.find_entry(f"event:{identity}")
    ours = entry is not None and entry.explanation and entry.revision == programme.revision
    if entry is None or not ours or _is_corrected(tx, identity):
        parts = _trace_again(histories, tx, identity) or _why_nothing(programme, known.event)
        return explain(programme, identity, programme.revision, stored(parts))
    return explain(programme, identity, entry.revision, entry.explanation)


def why_command(programme: Programme, tx: Transaction, key: str) -> Explanation | None:
    """Say why a command moved what is posted for it now, late events considered; None where there is none."""
    grant = tx.find_grant(key)
    if grant is None:
        return None
    command = command_of(grant)
    first = tx.find_grant(command) or grant
    grants = [first, *(part for part in tx.grants_of(command) if command_of(part) == command)]
    entries = {
        entry.key: entry
        for one in grants
        for entry in tx.entries(holder=one.holder)
        if entry.kind in (EntryKind.COMMAND, EntryKind.CORRECTION)
    }
    return explain_entries(programme, grants, entries.values())


def _why_nothing(programme: Programme, event: Event) -> Mapping[str, Part]:
    """Give the trace of an event that is in nobody's settled history."""
    if event.kind == VOID:
        records: list[object] = [[STEP_CODE["voids"], event.origin]]
    elif waits_for_origin(programme, event):
        records = [[STEP_CODE["waits"], event.origin]]
    else:
        records = [[STEP_CODE["voided"]]]
    return {str(Holder.partner(event.partner)): [programme.ladder.tiers[0].name, records]}


def _is_corrected(tx: Transaction, identity: str) -> bool:
    """Tell whether a late event changed what was posted for this one."""
    return any(
        posting.cause == identity
        for holder in tx.recipients(identity)
        for entry in tx.entries(holder=holder)
        if entry.kind is EntryKind.CORRECTION and entry.cause != identity
        for posting in entry.postings
    )


def _trace_again(histories: Histories, tx: Transaction, identity: str) -> Mapping[str, Part]:
    parts: dict[str, Part] = {}
    for holder in tx.recipients(identity):
        run = HolderRun(histories.steps, holder)
        for item in histories.items(tx, holder):
            own = isinstance(item.what, Placed) and item.what.event.identity == identity
            tier = apply_item(histories.steps, run, item, [], traced=own)
            if own:
                parts[str(holder)] = stored_trace(run.programme, run.trace, tier)
                break
    return parts
