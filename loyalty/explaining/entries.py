"""Why an entry moved what it moved, read off the entry and the declaration that it was settled under."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from loyalty.core.holders import Holder
from loyalty.errors import StoreError
from loyalty.explaining.moves import asked_step, steps_of
from loyalty.explaining.reading import Find, finding
from loyalty.explaining.steps import Corrected, Explanation, Step
from loyalty.ledger.entries import Entry, EntryKind
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.commands import command_of, entry_key_of
from loyalty.settlement.journal import Transfer, transfers_in
from loyalty.settlement.trace import VERSION, Part, corrected_parts, parts_of

_OF: Final = {EntryKind.EVENT: "event", EntryKind.TIMER: "clock", EntryKind.COMMAND: "command",
              EntryKind.CORRECTION: "correction"}  # fmt: skip


def explain_entry(
    programme: Programme, entry: Entry, grants: Sequence[Grant] = (), find: Find | None = None
) -> Explanation:
    """
    Say why an entry moved what it moved.

    Args:
        programme: The revision that it was settled under.
        grants: Of a command: its decision, and the parts of it.
        find: Finds other revisions; those before the programme by default.
    """
    find = find or finding(programme)
    require_readable(entry)
    parts = parts_of(entry.explanation)
    asked = [asked_step(programme, grant) for grant in grants]
    holders = [*(Holder.parse(holder) for holder in parts), *(grant.holder for grant in grants), *_holders_in(entry)]
    steps: list[Step] = []
    for holder in dict.fromkeys(holders):
        steps += (step for step in asked if step.holder == str(holder))
        steps += steps_of(programme, str(holder), parts.get(str(holder)), transfers_in(entry, holder), find)
    cause = entry.cause if entry.kind in (EntryKind.EVENT, EntryKind.COMMAND) else None
    identity = (cause or entry.key).removeprefix("command:") if entry.kind is EntryKind.COMMAND else cause or entry.key
    tiers = {holder: part[0] for holder, part in parts.items()} if entry.kind is EntryKind.EVENT else {}
    return Explanation(identity, entry.revision, tuple(steps), _OF[entry.kind], tiers=tiers)


def explain_correction(programme: Programme, entry: Entry, find: Find) -> Explanation:
    """
    Say what a correction moved, and for each event that it corrects what its steps were and what they are now.

    What the steps now moved less what they moved before is what the entry posts.
    """
    require_readable(entry)
    steps: list[Step] = []
    for holder in dict.fromkeys(_holders_in(entry)):
        steps += steps_of(programme, str(holder), None, transfers_in(entry, holder), find)
    corrected = tuple(
        Corrected(
            explain_parts(find(kept.revision), cause, kept.revision, kept.before, find=find)
            if kept.revision is not None
            else explain_parts(programme, cause, entry.revision, kept.before, find=find),
            explain_parts(programme, cause, entry.revision, kept.now, find=find),
        )
        for cause, kept in corrected_parts(entry.explanation).items()
    )
    return Explanation(entry.key, entry.revision, tuple(steps), "correction", entry.cause, corrected)


def explain_parts(
    programme: Programme,
    identity: str,
    revision: str,
    parts: Mapping[str, Part],
    transfers: Mapping[Holder, Mapping[Transfer, int]] | None = None,
    find: Find | None = None,
) -> Explanation:
    """
    Say why an event moved what it moved in all entries together.

    Args:
        programme: The revision that the event was settled under.
        parts: What is kept of why, by holder.
        transfers: What is posted for it, by holder.
        find: Finds other revisions; those before the programme by default.
    """
    find = find or finding(programme)
    moved = transfers or {}
    holders = dict.fromkeys([*(Holder.parse(holder) for holder in parts), *moved])
    steps: list[Step] = []
    for holder in holders:
        steps += steps_of(programme, str(holder), parts.get(str(holder)), moved.get(holder, {}).items(), find)
    return Explanation(identity, revision, tuple(steps), tiers={holder: part[0] for holder, part in parts.items()})


def explain_command(programme: Programme, grants: Sequence[Grant], entries: Iterable[Entry]) -> Explanation:
    """
    Say why a command moved what stands in these entries.

    Args:
        grants: Its decision, and the parts of it.
        entries: Where its transfers are posted, corrections included.
    """
    command = command_of(grants[0])
    cause = entry_key_of(command)
    find = finding(programme)
    entries = list(entries)
    steps: list[Step] = []
    for holder in dict.fromkeys(grant.holder for grant in grants):
        steps += (asked_step(programme, grant) for grant in grants if grant.holder == holder)
        steps += steps_of(programme, str(holder), None, netted(entries, holder, lambda one: one == cause).items(), find)
    return Explanation(command, programme.revision, tuple(steps), "command")


def netted(entries: Iterable[Entry], holder: Holder, is_wanted: Callable[[str | None], bool]) -> Mapping[Transfer, int]:
    """Sum a holder's transfers of some causes over entries, so that a correction takes back what it corrects."""
    sums: Counter[Transfer] = Counter()
    for entry in entries:
        for transfer, amount in transfers_in(entry, holder):
            if is_wanted(transfer.cause):
                sums[transfer] += amount
    return {transfer: amount for transfer, amount in sums.items() if amount}


def require_readable(entry: Entry) -> None:
    """
    See that this library reads the form in which an entry keeps why.

    Raises:
        StoreError: a later one wrote it.
    """
    form = entry.explanation.get("v", VERSION)
    if form != VERSION:
        raise StoreError(
            f"entry {entry.key} keeps why in form {form}, and this library reads form {VERSION}; ask with the library "
            "that wrote it, or a later one"
        )


def _holders_in(entry: Entry) -> Iterator[Holder]:
    return (leg.account.owner for leg in entry.postings if leg.account.owner is not None)
