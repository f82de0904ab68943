"""
Why a command moved what it moved: which lots it took or gave back, what was owed, and what had expired.

The transfers of its entries say all of it, so nothing is recorded twice: the explanation is read off what is posted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from loyalty.core.calendar import NEVER, format_day
from loyalty.ledger.entries import Entry, EntryKind
from loyalty.ledger.store import Grant, Transaction
from loyalty.programme.model import Programme, Returns
from loyalty.settlement.commands import CLOSING_NOTE, command_of, entry_key_of
from loyalty.settlement.journal import Transfer, transfers_in
from loyalty.settlement.layout import REVERSE
from loyalty.settlement.trace import Explanation, Step
from loyalty.settlement.wording import amount_words

#: What was asked, by kind of grant.
_ASKED: Final = {
    "redeem": "redeems {amount}",
    "hold": "holds {amount}",
    "capture": "redeems {amount} of hold {of}",
    "release": "releases {amount} of hold {of}",
    "debit": "takes {amount} by hand",
    "credit": "adds {amount} by hand",
    "open": "opens with {amount}",
    "send": "transfers {amount} to {peer}",
    "receive": "receives {amount} from {peer}",
    "restore": "takes back {amount} of {of}",
    "revoke": "takes back {amount} of {of}",
    "forfeit": "forfeits {amount}, as {closing} closed the holder",
    "write_off": "writes off {amount} that are owed, as {closing} closed the holder",
}

_RETURNED: Final = ("returned", "gives {amount} back{usable}")

#: What a transfer did, by the accounts that it ran between; where it ran the other way it was taken back.
_MOVED: Final = {
    ("available", "arrears"): ("repaid", "{amount} repay what was owed"),
    ("available", "expired"): ("expired", "{amount} expire at their return: their last usable day was {last}"),
    ("expired", "available"): ("renewed", "{amount} come back by the policy {policy}{usable}"),
    ("arrears", "*"): ("owed", "{amount} were not there and are owed"),
    ("*", "arrears"): ("forgiven", "{amount} that were owed are taken over"),
    ("available", "*"): ("taken", "takes {amount}{usable}"),
    ("held", "redeemed"): ("captured", "redeems {amount} of what is held{usable}"),
    ("held", "available"): _RETURNED,
    ("redeemed", "available"): _RETURNED,
    ("pending", "available"): ("matured", "{amount} that were pending become available{usable}"),
    ("pending", "forfeited"): ("forfeited", "forfeits {amount} that were pending"),
    ("*", "available"): ("credited", "credits {amount}{usable}"),
}


def explain_entries(programme: Programme, grants: Sequence[Grant], entries: Iterable[Entry]) -> Explanation:
    """
    Say why a command moved what stands in these entries.

    Args:
        grants: Its decision, and the parts of it.
        entries: Where its transfers are posted, corrections included.
    """
    command = command_of(grants[0])
    cause = entry_key_of(command)
    steps: list[Step] = []
    entries = list(entries)
    for holder in dict.fromkeys(grant.holder for grant in grants):
        own = [grant for grant in grants if grant.holder == holder]
        steps += (_asked(programme, grant) for grant in own)
        netted: Counter[Transfer] = Counter()
        for entry in entries:
            for transfer, amount in transfers_in(entry, holder):
                if transfer.cause == cause:
                    netted[transfer] += amount
        moved = (_moved(programme, str(holder), transfer, amount) for transfer, amount in netted.items() if amount)
        steps += moved
    return Explanation(command, programme.revision, tuple(steps), "command")


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


def _asked(programme: Programme, grant: Grant) -> Step:
    if grant.kind == "close":
        text = "closes the holder" if grant.peer is None else f"merges the holder into {grant.peer} and closes it"
        return Step("asked", str(grant.holder), None, None, (), _with_reason(text, grant))
    text = _ASKED[grant.kind].format(
        amount=amount_words(programme, grant.currency, grant.amount),
        of=grant.of,
        peer=grant.peer,
        closing=grant.note.get(CLOSING_NOTE),
    )
    if grant.until_day is not None:
        text += f" until {format_day(grant.until_day)}"
    return Step("asked", str(grant.holder), None, grant.currency, (grant.amount,), _with_reason(text, grant))


def _with_reason(text: str, grant: Grant) -> str:
    why = grant.note.get("reason") or grant.note.get("note")
    text += f", because: {why}" if why else ""
    return text + (f" (by {grant.note['actor']})" if "actor" in grant.note else "")


def _moved(programme: Programme, holder: str, transfer: Transfer, amount: int) -> Step:
    source, target = transfer.source.name, transfer.target.name
    if amount < 0:
        source, target, amount = target, source, -amount
    places = ((source, target), (source, "*"), ("*", target))
    name, text = next(_MOVED[place] for place in places if place in _MOVED)
    if name == "credited" and transfer.rule == REVERSE:
        name, text = _RETURNED
    currency = programme.currencies[transfer.asset]
    policy = currency.returns.value
    if currency.returns is Returns.GRACE:
        policy = f"grace of {currency.returns_grace}"
    last = format_day(transfer.lot_day - 1) if transfer.lot_day < NEVER else ""
    text = text.format(
        amount=amount_words(programme, transfer.asset, amount),
        usable=f", last usable day {last}" if last else "",
        last=last,
        policy=policy,
    )
    return Step(name, holder, transfer.rule, transfer.asset, (amount, transfer.lot_day), text)
