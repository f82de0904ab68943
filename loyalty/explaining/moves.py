"""
What entries moved, as steps: which lots were taken or given back, what was owed, and what had expired.

The transfers of an entry say all of it, so nothing is recorded twice: these steps are read off what is posted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from loyalty.explaining.reading import usable_said
from loyalty.explaining.said import Day, Said, Value, said
from loyalty.explaining.steps import Explanation, Step
from loyalty.explaining.words import amount_of
from loyalty.ledger.entries import Entry
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Returns
from loyalty.settlement.commands import CLOSING_NOTE, command_of, entry_key_of
from loyalty.settlement.journal import Transfer, transfers_in
from loyalty.settlement.layout import REVERSE

#: What a transfer did, by the accounts that it ran between; where it ran the other way it was taken back.
_MOVED: Final = {
    ("available", "arrears"): "repaid",
    ("available", "expired"): "expired",
    ("expired", "available"): "renewed",
    ("arrears", "*"): "owed",
    ("*", "arrears"): "forgiven",
    ("available", "*"): "taken",
    ("held", "redeemed"): "captured",
    ("held", "available"): "returned",
    ("redeemed", "available"): "returned",
    ("pending", "available"): "matured",
    ("pending", "forfeited"): "forfeited",
    ("*", "available"): "credited",
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


def _asked(programme: Programme, grant: Grant) -> Step:
    """Say what was decided, why, and by whom."""
    holder = str(grant.holder)
    numbers: tuple[int, ...] = ()
    currency = None
    if grant.kind == "close":
        asked = said("asked.close") if grant.peer is None else said("asked.merge", peer=str(grant.peer))
    else:
        numbers, currency = (grant.amount,), grant.currency
        values: dict[str, Value] = {"amount": amount_of(programme, grant.currency, grant.amount)}
        if grant.kind in ("capture", "release", "restore", "revoke"):
            values["of"] = str(grant.of)
        elif grant.kind in ("send", "receive"):
            values["peer"] = str(grant.peer)
        elif grant.kind in ("forfeit", "write_off"):
            values["closing"] = str(grant.note.get(CLOSING_NOTE))
        asked = Said(f"asked.{grant.kind}", values)
    if grant.until_day is not None:
        asked = said("asked.until", asked=asked, day=Day(grant.until_day))
    reason = grant.note.get("reason") or grant.note.get("note")
    if reason:
        asked = said("asked.because", asked=asked, reason=reason)
    if "actor" in grant.note:
        asked = said("asked.by", asked=asked, actor=grant.note["actor"])
    return Step("asked", holder, None, currency, numbers, asked)


def _moved(programme: Programme, holder: str, transfer: Transfer, amount: int) -> Step:
    source, target = transfer.source.name, transfer.target.name
    if amount < 0:
        source, target, amount = target, source, -amount
    places = ((source, target), (source, "*"), ("*", target))
    name = next(_MOVED[place] for place in places if place in _MOVED)
    if name == "credited" and transfer.rule == REVERSE:
        name = "returned"
    values: dict[str, Value] = {"amount": amount_of(programme, transfer.asset, amount)}
    if name == "expired":
        values["last"] = Day(transfer.lot_day - 1)
    elif name in ("renewed", "returned", "taken", "captured", "matured", "credited"):
        values["usable"] = usable_said(transfer.lot_day)
    if name == "renewed":
        currency = programme.currencies[transfer.asset]
        is_grace = currency.returns is Returns.GRACE
        grace = said("policy.grace", length=str(currency.returns_grace))
        values["policy"] = grace if is_grace else currency.returns.value
    return Step(name, holder, transfer.rule, transfer.asset, (amount, transfer.lot_day), Said(f"moved.{name}", values))
