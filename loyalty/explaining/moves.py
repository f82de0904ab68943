"""
What was posted, step by step: what an entry keeps of why, and every transfer of it.

The transfers of an entry say which lots were taken or given back, what was owed and what expired, so nothing of that is
recorded twice. A step that was recorded stands for the transfer that it led to; every other transfer is a step of its
own. So the steps of an explanation add up to what is posted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from loyalty.explaining.reading import Find, steps_of_part, usable_said
from loyalty.explaining.said import Day, Said, Value, said
from loyalty.explaining.steps import Moved, Step
from loyalty.explaining.words import amount_of
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme, Returns
from loyalty.programme.revisions import currencies_of
from loyalty.settlement.commands import CLOSING_NOTE
from loyalty.settlement.journal import Transfer
from loyalty.settlement.layout import EXPIRY, RELEASE, REVERSE
from loyalty.settlement.trace import Part

#: What a transfer did, by the accounts that it ran between; where it ran the other way it was taken back.
_MOVED: Final = {
    ("available", "arrears"): "repaid",
    ("available", "expired"): "expired",
    ("pending", "expired"): "expired",
    ("expired", "available"): "renewed",
    ("arrears", "*"): "owed",
    ("*", "arrears"): "forgiven",
    ("available", "*"): "taken",
    ("held", "redeemed"): "captured",
    ("held", "available"): "returned",
    ("redeemed", "available"): "returned",
    ("pending", "available"): "matured",
    ("pending", "forfeited"): "forfeited",
    ("pending", "*"): "unpended",
    ("issued", "pending"): "pended",
    ("*", "available"): "credited",
}

#: The labels under which what expired comes back by a policy, and does not only pass through the wallet.
_RETURNING: Final = frozenset({RELEASE, REVERSE})

#: Transfers of one holder, each with its amount; below 0 it ran backwards.
Transfers = Iterable[tuple[Transfer, int]]


def steps_of(programme: Programme, holder: str, part: Part | None, transfers: Transfers, find: Find) -> list[Step]:
    """
    Give the steps of one holder: what was recorded, and what moved.

    Args:
        part: What an entry keeps of why, or None.
        transfers: What is posted.
        find: Finds other revisions.
    """
    left = [_moved_of(transfer, amount) for transfer, amount in transfers if amount]
    steps: list[Step] = []
    for step in steps_of_part(programme, holder, part, find) if part is not None else ():
        taken = [place for place, (rule, moved) in enumerate(left) if _stands_for(step, rule, moved)]
        if step.name not in _OF_ALL:
            taken = taken[:1]
        steps.append(evolve(step, moved=tuple(left[place][1] for place in taken)))
        left = [item for place, item in enumerate(left) if place not in taken]
    return [*steps, *(_step(programme, holder, rule, moved) for rule, moved in left)]


#: Steps that stand for both halves of a change of standing.
_OF_ALL: Final = frozenset({"promoted", "demoted"})

_STANDING: Final = {"promoted": "@promotion", "demoted": "@review"}


def _stands_for(step: Step, rule: str, moved: Moved) -> bool:
    """Tell whether a recorded step led to a transfer."""
    source, target = (path.rpartition("/")[2] for path in (moved.source, moved.target))
    if step.name in _STANDING:
        return rule == _STANDING[step.name] and moved.asset.startswith("tier.")
    if step.name in ("badge", "badge_revoked"):
        return moved.asset == f"badge.{step.numbers[0]}"
    if step.name in ("tier_gift", "badge_gift"):
        label = f"@{step.name.removesuffix('_gift')}.{step.numbers[0]}"
        paid = (rule, moved.asset, source, moved.amount)
        return paid == (label, step.currency, "issued", step.numbers[1])
    if step.name == "gift_written_off":
        return (source, moved.asset, moved.amount) == ("written_off", step.currency, step.numbers[0])
    if (rule, moved.asset) != (step.rule, step.currency):
        return False
    if step.name == "paid":
        where = "pending" if step.numbers[1] >= 0 else "available"
        return (source, target, moved.amount) == ("issued", where, step.numbers[0])
    if step.name == "matured":
        return (source, target, moved.amount) == ("pending", "available", step.numbers[0])
    return step.name == "written_off" and (source, target) == ("written_off", "arrears")


def _moved_of(transfer: Transfer, amount: int) -> tuple[str, Moved]:
    source, target = transfer.source.path, transfer.target.path
    if amount < 0:
        source, target, amount = target, source, -amount
    return transfer.rule, Moved(source, target, transfer.asset, amount, transfer.lot_day)


def asked_step(programme: Programme, grant: Grant) -> Step:
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


def _step(programme: Programme, holder: str, rule: str, moved: Moved) -> Step:
    if moved.asset.startswith(("tier.", "badge.")):
        return _standing(holder, rule, moved)
    source, target = (path.rpartition("/")[2] for path in (moved.source, moved.target))
    places = ((source, target), (source, "*"), ("*", target))
    name = next((_MOVED[place] for place in places if place in _MOVED), "other")
    if name == "credited" and rule == REVERSE:
        name = "returned"
    if name == "renewed" and rule not in _RETURNING:
        name = "passed"
    if name == "expired" and rule == EXPIRY:
        name = "expiry"
    values: dict[str, Value] = {"amount": amount_of(programme, moved.asset, moved.amount)}
    if name in ("expired", "expiry"):
        values["last"] = Day(moved.lot_day - 1)
    elif name in _DATED:
        values["usable"] = usable_said(moved.lot_day)
    elif name == "other":
        values |= {"source": moved.source, "target": moved.target}
    if name == "renewed":
        currency = currencies_of(programme)[moved.asset]
        is_grace = currency.returns is Returns.GRACE
        grace = said("policy.grace", length=str(currency.returns_grace))
        values["policy"] = grace if is_grace else currency.returns.value
    shown = Said(f"moved.{name}", values)
    name = "expired" if name == "expiry" else name
    return Step(name, holder, rule, moved.asset, (moved.amount, moved.lot_day), shown, (moved,))


#: Steps that say the last usable day of what they moved.
_DATED: Final = frozenset(
    {"renewed", "passed", "returned", "taken", "captured", "matured", "credited", "unpended", "pended"}
)


def _standing(holder: str, rule: str, moved: Moved) -> Step:
    """Say that a tier or a badge begins or ends."""
    kind, _, name = moved.asset.partition(".")
    key = f"moved.{kind}" if not moved.target.startswith("programme/") else f"moved.{kind}.left"
    return Step("stands", holder, rule, None, (), said(key, name=name), (moved,))
