"""
Answers to why: what entries keep, read by the declaration that they were settled under.

The book alone is enough for whatever was posted. An event that moved nothing has no entry to keep anything; it is
settled again for the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder
from loyalty.engine.declarations import Declarations
from loyalty.engine.histories import Histories
from loyalty.errors import NotRecorded, StoreError
from loyalty.explaining.entries import (
    explain_command,
    explain_correction,
    explain_entry,
    explain_parts,
    netted,
    require_readable,
)
from loyalty.explaining.reading import Find
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry, EntryKind
from loyalty.ledger.store import Grant, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import in_force
from loyalty.settlement.commands import command_of
from loyalty.settlement.history import Placed, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Outcome, apply_item
from loyalty.settlement.trace import STEP_CODE, CorrectedParts, Part, corrected_parts, parts_of


class Answers:
    """
    Says why.

    Args:
        declarations: Finds what entries were settled under.
        histories: Settles again what moved nothing; without them that cannot be answered.
    """

    def __init__(self, declarations: Declarations, histories: Histories | None = None) -> None:
        self._declarations = declarations
        self._histories = histories

    def why(self, tx: Transaction, asked: Entry | str) -> Explanation:
        """
        Say why something was posted.

        Args:
            asked: An entry or its key, which is answered for what that entry posted; an event's identity or a command's
                key, which is answered for what stands now, late events considered.

        Raises:
            NotRecorded: there is no such entry, event or command.
            StoreError: the declaration that it was settled under is not there.
        """
        if isinstance(asked, Entry):
            return self._why_entry(tx, asked)
        known = tx.find_event(asked)
        if known is not None:
            return self._why_event(tx, known.event)
        entry = tx.find_entry(asked)
        if entry is not None:
            return self._why_entry(tx, entry)
        grants = _grants_of(tx, asked)
        if grants:
            return self._why_command(tx, grants)
        raise NotRecorded(
            f"{asked!r} is in the book neither as an event (its source, a slash and its id), nor as an entry's key "
            "(event:..., clock:..., command:..., correction:...), nor as a command's"
        )

    def programme_of(self, tx: Transaction, event: Event) -> Programme:
        """Give the revision that an event was settled under; where it moved nothing, the one of its day."""
        entry = tx.find_entry(f"event:{event.identity}")
        return self._declarations.find(tx, entry.revision) if entry is not None else self._in_force(tx, event)

    def _why_entry(self, tx: Transaction, entry: Entry) -> Explanation:
        programme = self._declarations.find(tx, entry.revision)
        if entry.kind is EntryKind.CORRECTION:
            return explain_correction(programme, entry, self._finding(tx))
        grants = _grants_of(tx, str(entry.cause).removeprefix("command:")) if entry.kind is EntryKind.COMMAND else []
        return explain_entry(programme, entry, grants, self._finding(tx))

    def _why_event(self, tx: Transaction, event: Event) -> Explanation:
        identity, holders = event.identity, tx.recipients(event.identity)
        entries = {holder: list(tx.entries(holder=holder)) for holder in holders}
        parts, revision = _parts_of_event(identity, entries)
        transfers = {holder: netted(own, holder, lambda cause: cause == identity) for holder, own in entries.items()}
        if not parts:
            programme = self._in_force(tx, event)
            again = self._settled_again(tx, event) or _why_nothing(programme, event)
            return explain_parts(programme, identity, programme.revision, again, transfers, self._finding(tx))
        programme = self._declarations.find(tx, revision)
        return explain_parts(programme, identity, revision, parts, transfers, self._finding(tx))

    def _why_command(self, tx: Transaction, grants: Sequence[Grant]) -> Explanation:
        entries: dict[str, Entry] = {}
        for holder in dict.fromkeys(grant.holder for grant in grants):
            kinds = (EntryKind.COMMAND, EntryKind.CORRECTION)
            entries |= {entry.key: entry for entry in tx.entries(holder=holder) if entry.kind in kinds}
        own = entries.get(f"command:{command_of(grants[0])}")
        at_hand = self._histories.programme if self._histories is not None else None
        programme = self._declarations.find(tx, own.revision) if own is not None else at_hand
        if programme is None:
            raise StoreError(f"command {grants[0].key} moved nothing; give the programme that says what it asked for")
        return explain_command(programme, grants, entries.values())

    def _finding(self, tx: Transaction) -> Find:
        return partial(self._declarations.find, tx)

    def _in_force(self, tx: Transaction, event: Event) -> Programme:
        """Give the revision of an event's day, by what is at hand, or by the one declaration that the book keeps."""
        if self._histories is not None:
            programme = self._histories.programme
            return in_force(programme, programme.calendar.day_of(event.occurred_at))
        kept = tx.declarations()
        if len(kept) != 1:
            raise StoreError(
                f"event {event.identity} moved nothing, so that no entry says why, and the book keeps {len(kept)} "
                "declarations; give the programme, and it is settled again"
            )
        return self._declarations.find(tx, kept[0].digest)

    def _settled_again(self, tx: Transaction, event: Event) -> Mapping[str, Part]:
        histories = self._histories
        if histories is None:
            return {}
        parts: dict[str, Part] = {}
        for holder in tx.recipients(event.identity):
            run = HolderRun(histories.steps, holder)
            for item in histories.items(tx, holder):
                own = isinstance(item.what, Placed) and item.what.event.identity == event.identity
                outcomes: list[Outcome] = []
                apply_item(histories.steps, run, item, outcomes, traced=own)
                if own:
                    parts |= {str(holder): outcome.why() for outcome in outcomes if outcome.cause and outcome.why}
                    break
        return parts


def _parts_of_event(identity: str, entries: Mapping[Holder, Sequence[Entry]]) -> tuple[dict[str, Part], str]:
    """Give what is kept of why for an event, by holder, the latest correction's first, and the revision of it."""
    parts: dict[str, Part] = {}
    revision = ""
    for holder, own in entries.items():
        for entry in own:
            require_readable(entry)
            if entry.key == f"event:{identity}":
                parts, revision = {**parts_of(entry.explanation), **parts}, entry.revision
            elif entry.kind is EntryKind.CORRECTION:
                now = corrected_parts(entry.explanation).get(identity, CorrectedParts()).now
                if str(holder) in now:
                    parts[str(holder)], revision = now[str(holder)], entry.revision
                elif entry.cause != identity and any(leg.cause == identity for leg in entry.postings):
                    # What it corrected, its entry does not say.
                    return {}, ""
    return parts, revision


def _why_nothing(programme: Programme, event: Event) -> Mapping[str, Part]:
    """Give the records of an event that is in nobody's settled history."""
    if event.kind == VOID:
        records: list[object] = [[STEP_CODE["voids"], event.origin]]
    elif waits_for_origin(programme, event):
        records = [[STEP_CODE["waits"], event.origin]]
    else:
        records = [[STEP_CODE["voided"]]]
    return {str(Holder.partner(event.partner)): [programme.ladder.tiers[0].name, records]}


def _grants_of(tx: Transaction, key: str) -> list[Grant]:
    """Give a command's decision and the parts of it; nothing where there is no such command."""
    grant = tx.find_grant(key)
    if grant is None:
        return []
    command = command_of(grant)
    first = tx.find_grant(command) or grant
    return [first, *(part for part in tx.grants_of(command) if command_of(part) == command)]
