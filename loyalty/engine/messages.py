"""
What entries say to others: CloudEvents 1.0, one for each thing that happened to a holder.

A message's ``data`` names both accounts of the movement and its amount, so that whoever adds up the messages has the
balances of the book. Its id follows from the entry's key and the movement's place in it: the same message told again,
or made again by a book that was rebuilt, has the same id. A late event's messages are the difference that it makes.

>>> from loyalty.ledger.entries import Account
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> acme = Account(Holder.partner("acme"), "available")
>>> entry = Entry(key="event:crm/D-1", kind=EntryKind.EVENT, cause="crm/D-1", effective_at=0, recorded_at=0,
...     revision="r", postings=(Posting(Account(None, "issued"), "points", -10, rule="deal-base", cause="crm/D-1"),
...                             Posting(acme, "points", 10, lot_day=20_000, rule="deal-base", cause="crm/D-1")))
>>> [(message.topic, message.event["id"]) for _, message in messages_of(loads(EXAMPLE), Messages(), [entry])]
[('points.earned', 'event:crm/D-1#0')]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

from attrs import Factory, define, field, frozen

from loyalty.core.calendar import NEVER, format_day
from loyalty.core.events import canonical_json
from loyalty.core.holders import Holder
from loyalty.errors import UsageError
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.ledger.outbox import Message
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currency_of

#: What a movement between two accounts is called; ``*`` is ``points``, or ``mdf`` for a currency of money.
MOVES: Final[Mapping[tuple[str, str], str]] = {
    ("issued", "available"): "*.earned",
    ("issued", "pending"): "*.pending",
    ("pending", "available"): "*.activated",
    ("available", "pending"): "*.deactivated",
    ("available", "redeemed"): "*.redeemed",
    ("redeemed", "available"): "*.restored",
    ("available", "expired"): "*.expired",
    ("pending", "expired"): "*.expired",
    ("expired", "available"): "*.restored",
    ("expired", "pending"): "*.restored",
    ("available", "issued"): "*.reversed",
    ("pending", "issued"): "*.reversed",
    ("available", "forfeited"): "*.forfeited",
    ("pending", "forfeited"): "*.forfeited",
    ("forfeited", "available"): "*.restored",
    ("forfeited", "pending"): "*.restored",
    ("adjusted", "available"): "*.credited",
    ("available", "adjusted"): "*.debited",
    ("transferred", "available"): "*.received",
    ("available", "transferred"): "*.sent",
    ("opening", "available"): "*.opened",
    ("available", "opening"): "*.reversed",
    ("available", "held"): "hold.placed",
    ("held", "redeemed"): "hold.captured",
    ("held", "available"): "hold.released",
    ("redeemed", "held"): "hold.restored",
    ("available", "arrears"): "arrears.repaid",
    ("written_off", "arrears"): "arrears.written_off",
}

#: Out of arrears the holder owes more; what comes into them from where it went owes it no longer.
_OWED: Final = "arrears.owed"
_CANCELLED: Final = "arrears.cancelled"

#: What has another name where the currency is money.
_OF_MONEY: Final = {"*.earned": "mdf.accrued"}

_STANDING: Final = ("tier.changed", "badge.earned", "badge.lost")

#: Every topic that there is.
TOPICS: Final = frozenset(
    {_OWED, _CANCELLED, *_STANDING, "points.expiring", "mdf.expiring"}
    | {topic.replace("*", "points") for topic in MOVES.values()}
    | {_OF_MONEY.get(topic, topic.replace("*", "mdf")) for topic in MOVES.values()}
)

_FAMILIES: Final = frozenset(topic.partition(".")[0] for topic in TOPICS)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _known_topics(topics: Collection[str]) -> frozenset[str]:
    try:
        given = [topics] if isinstance(topics, str) else list(topics)
        if all(isinstance(topic, str) for topic in given):
            return frozenset(given)
    except TypeError:
        pass
    raise UsageError(f"got {topics!r} for messages; write True, False, topics such as ['points'], or a Messages")


@frozen(kw_only=True)
class Messages:
    """
    What a host wants to tell others.

    Args:
        topics: Topics such as ``tier.changed``, or their first words, such as ``points``; all where it is empty.
        expiring_days: So many days before points expire ``points.expiring`` says so; None for never.
        source: The URI-reference that says who speaks; ``/programmes/ID`` where it is empty. Books whose messages go
            to the same place need one each, since a message's id is unique for its source alone.

    Raises:
        UsageError: there is no such topic, or the days are no whole number above 0.
    """

    topics: frozenset[str] = field(default=frozenset(), converter=_known_topics)
    expiring_days: int | None = None
    source: str = ""

    def __attrs_post_init__(self) -> None:
        unknown = sorted(self.topics - TOPICS - _FAMILIES)
        if unknown:
            raise UsageError(f"got {unknown[0]!r} for a topic; there are {', '.join(sorted(TOPICS))}")
        if self.expiring_days is not None and (type(self.expiring_days) is not int or self.expiring_days <= 0):
            raise UsageError(f"got {self.expiring_days!r} for expiring_days; write a whole number of days above 0")

    @classmethod
    def of(cls, value: bool | Collection[str] | Messages) -> Messages | None:
        """Take what a host gives: yes, no, topics, or the whole; None for no."""
        if isinstance(value, Messages):
            return value
        if isinstance(value, bool):
            return cls() if value else None
        return cls(topics=value)

    def wants(self, topic: str) -> bool:
        """Tell whether a topic is to be told."""
        return not self.topics or topic in self.topics or topic.partition(".")[0] in self.topics


def messages_of(programme: Programme, messages: Messages, entries: Sequence[Entry]) -> Iterator[tuple[int, Message]]:
    """
    Give what entries that were posted together say, each with the instant from which it counts (UTC microseconds).

    Args:
        messages: What is to be told.
        entries: In the order of posting; those of a late event all at once, since a tier that moved twice in the past
            may be the same now.
    """
    late = any(entry.kind is EntryKind.CORRECTION for entry in entries)
    standing: dict[str, list[_Told]] = {}
    for batch in [entries] if late else [[entry] for entry in entries]:
        for told in _standing(programme, batch):
            standing.setdefault(told.entry.key, []).append(told)
    for entry in entries:
        told_here = [*_moves(programme, entry), *standing.get(entry.key, ())]
        for told in sorted(told_here, key=lambda told: told.place):
            if messages.wants(told.topic):
                yield entry.effective_at, _message(programme, messages, told)


def cloud_event(
    programme: Programme, messages: Messages, topic: str, id: str, holder: Holder, at: int, data: Mapping[str, Any]
) -> Message:
    """
    Write a message.

    Args:
        id: Unique for the source, and the same whenever the message is made again.
        holder: Whom it is about.
        at: UTC microseconds: from when it counts.
        data: Plain JSON types.
    """
    event = {
        "specversion": "1.0",
        "id": id,
        "source": messages.source or f"/programmes/{quote(programme.id, safe='')}",
        "type": topic,
        "subject": str(holder),
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Message(topic, canonical_json(event))


def rfc3339(at: int) -> str:
    """
    Write UTC microseconds as a time of RFC 3339.

    >>> rfc3339(1_770_125_400_000_000)
    '2026-02-03T13:30:00Z'
    """
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def money_of(programme: Programme, currency: str, amount: int) -> dict[str, Any]:
    """Write an amount of minor units with what one needs to read it."""
    declared = currency_of(programme, currency)
    unit = {} if declared is None or declared.unit is None else {"unit": declared.unit}
    return {"currency": currency, "amount": amount, "scale": declared.scale if declared else 0, **unit}


def family_of(programme: Programme, currency: str) -> str:
    """Give the first word of a currency's topics."""
    declared = currency_of(programme, currency)
    return "mdf" if declared is not None and declared.unit is not None else "points"


@define
class _Told:
    """One thing to say: ``place`` is that of its first transfer in the entry."""

    topic: str
    entry: Entry
    place: int
    holder: Holder
    rule: str | None
    cause: str | None
    data: dict[str, Any] = Factory(dict)


@define
class _Move:
    """Transfers of one holder, currency, rule and cause between two accounts, counted from the first one's source."""

    place: int
    source: str
    target: str
    amount: int = 0
    lots: Counter[int] = Factory(Counter)


def _moves(programme: Programme, entry: Entry) -> Iterator[_Told]:
    moves: dict[tuple[Any, ...], _Move] = {}
    for place, (debit, credit, amount) in enumerate(transfers(entry.postings)):
        holder = debit.account.owner or credit.account.owner
        if holder is None or _is_standing(debit):
            continue
        source, target = debit.account.name, credit.account.name
        pair = (holder, debit.asset, debit.rule, debit.cause)
        move = moves.get((*pair, source, target)) or moves.get((*pair, target, source))
        if move is None:
            move = moves[(*pair, source, target)] = _Move(place, source, target)
        signed = amount if source == move.source else -amount
        move.amount += signed
        lot_day = credit.lot_day if debit.lot_day is None else debit.lot_day
        if lot_day is not None:
            move.lots[lot_day] += signed
    for (holder, asset, rule, cause, *_), move in moves.items():
        # What a replay takes from one lot and gives to another has moved nothing between the accounts.
        if move.amount:
            source, target = (move.source, move.target) if move.amount > 0 else (move.target, move.source)
            sign = 1 if move.amount > 0 else -1
            data = {
                **money_of(programme, asset, abs(move.amount)),
                "from": source,
                "to": target,
                "lots": [
                    {"amount": sign * amount, "last_usable_day": None if day >= NEVER else format_day(day - 1)}
                    for day, amount in sorted(move.lots.items())
                    if amount
                ],
            }
            topic = _topic(family_of(programme, asset), source, target, rule)
            yield _Told(topic, entry, move.place, holder, rule, cause, data)


def _topic(family: str, source: str, target: str, rule: str | None) -> str:
    topic = MOVES.get((source, target))
    if topic is None:
        topic = _OWED if source == "arrears" else _CANCELLED
    if not topic.startswith("*"):
        return topic
    if rule == "@reverse":
        topic = "*.reversed" if source == "available" else "*.restored"
    return _OF_MONEY.get(topic, topic.replace("*", family)) if family == "mdf" else topic.replace("*", family)


def _standing(programme: Programme, entries: Iterable[Entry]) -> Iterator[_Told]:
    """Give what became of tiers and badges from before the first entry to after the last."""
    net: Counter[tuple[Holder, str]] = Counter()
    last: dict[tuple[Holder, str], tuple[Entry, int, Posting]] = {}
    for entry in entries:
        for place, (debit, credit, amount) in enumerate(transfers(entry.postings)):
            leg = credit if credit.account.owner is not None else debit
            if leg.account.owner is not None and _is_standing(leg):
                key = (leg.account.owner, leg.asset)
                net[key] += amount if leg is credit else -amount
                last[key] = (entry, place, leg)
    changed = sorted(key for key, amount in net.items() if amount)
    for holder, keys in groupby(changed, key=lambda key: key[0]):
        tiers: dict[int, tuple[Holder, str]] = {}
        for key in keys:
            entry, place, leg = last[key]
            family, _, name = key[1].partition(".")
            if family == "badge":
                topic = "badge.earned" if net[key] > 0 else "badge.lost"
                yield _Told(topic, entry, place, holder, leg.rule, leg.cause, {"badge": name})
            else:
                tiers[1 if net[key] > 0 else -1] = key
        if tiers:
            base = programme.ladder.tiers[0].name
            before, after = (tiers[sign][1].partition(".")[2] if sign in tiers else base for sign in (-1, 1))
            entry, place, leg = last[tiers.get(1) or tiers[-1]]
            data = {"from": before, "to": after}
            yield _Told("tier.changed", entry, place, holder, leg.rule, leg.cause, data)


def _is_standing(leg: Posting) -> bool:
    return leg.account.name == "standing"


def _message(programme: Programme, messages: Messages, told: _Told) -> Message:
    entry = told.entry
    data = {
        **told.data,
        "entry": entry.key,
        "kind": entry.kind.value,
        "cause": told.cause,
        "rule": told.rule,
        "effective_at": rfc3339(entry.effective_at),
        "recorded_at": rfc3339(entry.recorded_at),
    }
    if entry.kind is EntryKind.CORRECTION:
        data["because_of"] = entry.cause
    return cloud_event(
        programme, messages, told.topic, f"{entry.key}#{told.place}", told.holder, entry.effective_at, data
    )
