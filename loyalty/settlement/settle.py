"""
A programme is a pure function of history: events and grants in, journal entries out.

Everything here is in memory and deterministic; the engine does the same one event at a time against a store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import Factory, define

from loyalty.core.calendar import format_day
from loyalty.core.collecting import uncollected
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.errors import EventConflict, EventRejected
from loyalty.ledger.entries import Entry, EntryKind, Posting, sound_entry
from loyalty.ledger.store import Grant
from loyalty.programme.admission import admit
from loyalty.programme.arguments import programme_of
from loyalty.programme.model import Programme, Role
from loyalty.programme.revisions import in_force_at, kind_of
from loyalty.settlement.commands import command_of, corrected_by, entry_key_of
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.history import OrderKey, Placed, command_key, place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Movement, postings_of, split_by_day
from loyalty.settlement.trace import Part, Why, stored

Progress = Callable[[int], None]


class Item(NamedTuple):
    """One item of a holder's history, and the partner's tier that it brings to the person's layer."""

    key: OrderKey
    what: Placed | Grant
    tier: int = 0

    @classmethod
    def of_grant(cls, grant: Grant, number: int) -> Item:
        """Put the holder's grant *number*, in the order of recording, at its place."""
        return cls(command_key(grant.at, number), grant)


class Outcome(NamedTuple):
    """
    What one cause moved for one holder: the makings of an entry, or of a part of one.

    ``why`` gives what its entry keeps of the reasons for this holder; with it a cause that moved nothing for the holder
    is an outcome too.
    """

    key: str
    kind: EntryKind
    cause: str | None
    effective_at: int
    holder: Holder
    movements: list[Movement]
    corrects: str | None = None
    place: OrderKey = ()
    why: Why | None = None


@define
class Settlement:
    """
    The result of settling a history.

    Attributes:
        entries: All entries, in settlement order: by effective instant, the clock's first, then events, then commands.
        balances: What each (holder, account name, asset) holds at the end, minor units; zeros are left out.
        until_day: The day through which everything due has happened, or None.
    """

    programme: Programme
    entries: list[Entry]
    balances: dict[tuple[Holder, str, str], int]
    until_day: int | None
    _tiers: dict[Holder, list[tuple[int, str]]] = Factory(dict)

    def tier(self, holder: Holder) -> str:
        """Give the name of the tier in force at the end."""
        history = self.tiers_over_time(holder)
        return history[-1][1] if history else self.programme.ladder.tiers[0].name

    def tiers_over_time(self, holder: Holder) -> list[tuple[int, str]]:
        """Give the (day, tier name) of each change of the holder's tier."""
        if not self._tiers:
            base = self.programme.ladder.tiers[0].name
            for entry in self.entries:
                changed = [posting for posting in entry.postings if posting.asset.startswith("tier.")]
                gained = {p.account.owner: p.asset.removeprefix("tier.") for p in changed if p.amount > 0}
                for owner in {posting.account.owner for posting in changed}:
                    if owner is not None:
                        day = self.programme.calendar.day_of(entry.effective_at)
                        self._tiers.setdefault(owner, []).append((day, gained.get(owner, base)))
        return self._tiers.get(holder, [])


def settle(
    programme: Programme,
    events: Iterable[Event],
    grants: Iterable[Grant] = (),
    *,
    counts_from: Mapping[str, int] | None = None,
    until_day: int | None = None,
    progress: Progress | None = None,
    traced: bool = False,
) -> Settlement:
    """
    Settle a whole history.

    Args:
        programme: A checked programme.
        events: Facts in any order; equal ones count once.
        grants: Decisions that are replayed as they were taken, in the order of recording.
        counts_from: UTC microseconds by identity: the instants at which events count that came too late for their own,
            as they were recorded; without them each counts at its own, however late it came.
        until_day: The day through which everything due is to happen after the last item, or None.
        progress: Called now and then with how many items are settled.
        traced: Whether each entry is to keep why, as the engine's do; it takes about twice as long.

    Raises:
        EventRejected: an event that the programme cannot take.
        EventConflict: two events of one identity with different bodies.
        UsageError: an argument is of another kind.

    >>> from loyalty.programme.loading import loads
    >>> programme = loads(EXAMPLE)
    >>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
    ...              fields={"amount": 25_000})
    >>> settle(programme, [deal]).balances[Holder.partner("acme"), "available", "points"]
    2
    """
    steps = steps_of(programme_of(programme))
    with uncollected():
        placed = place_events(programme, _distinct(programme, events), counts_from or {})
        items: dict[Holder, list[Item]] = defaultdict(list)
        for place in placed:
            items[place.holders[0]].append(Item(place.key, place))
        for number, grant in enumerate(grants):
            items[grant.holder].append(Item.of_grant(grant, number))
        outcomes: list[Outcome] = []
        settled = 0
        for layer in Layer:
            for holder in sorted(holder for holder in items if holder.layer is layer):
                run = HolderRun(steps, holder)
                for item in sorted(items[holder], key=_key):
                    tier = apply_item(steps, run, item, outcomes, traced=traced)
                    if isinstance(item.what, Placed) and layer is Layer.PARTNER:
                        for person in item.what.holders[1:]:
                            items[person].append(Item(item.key, item.what, tier))
                    settled += 1
                    if progress and settled % 1000 == 0:
                        progress(settled)
                if until_day is not None:
                    outcomes.extend(advance_run(steps, run, until_day, traced=traced))
        if progress:
            progress(settled)
        entries = entries_of(steps, outcomes)
        return Settlement(programme, entries, _balances(entries), until_day)


def apply_item(steps: Steps, run: HolderRun, item: Item, outcomes: list[Outcome], *, traced: bool = False) -> int:
    """Settle one item, add what it moved to *outcomes*, and give the partner's tier just before it."""
    what = item.what
    if isinstance(what, Placed):
        require_room(steps.programme, run, what.event)
        return apply_event(steps, run, what, item.tier, outcomes, traced=traced)
    movements = run.grant(what, traced=traced)
    parts = run.why() if traced else {}
    key = entry_key_of(command_of(what))
    _add_outcomes(
        steps,
        movements,
        parts,
        outcomes,
        Outcome(key, EntryKind.COMMAND, key, what.at, run.holder, movements, corrected_by(what), item.key),
    )
    return 0


def apply_event(
    steps: Steps, run: HolderRun, placed: Placed, tier: int, outcomes: list[Outcome], *, traced: bool = False
) -> int:
    """Settle an event for which a holder has room, as :func:`apply_item` does."""
    movements, tier = run.apply(placed, tier, traced=traced)
    parts = run.why(tier) if traced else _NO_PARTS
    why = parts.get(-1)
    if movements or why is not None:
        identity = placed.event.identity
        key = f"event:{identity}"
        own = Outcome(key, EntryKind.EVENT, identity, placed.instant, run.holder, movements, None, placed.key, why)
        _add_outcomes(steps, movements, parts, outcomes, own)
    return tier


def _add_outcomes(
    steps: Steps, movements: list[Movement], parts: Mapping[int, Why], outcomes: list[Outcome], own: Outcome
) -> None:
    """Add what an item moved, the clock before it included; *own* has all of it."""
    for movement in movements:
        if movement[6] >= 0:
            break
    else:
        if movements or own.why is not None:
            outcomes.append(own)
        return
    posted = False
    for day, moved in split_by_day(movements):
        if day >= 0:
            outcomes.append(_clock_outcome(steps, own.holder, day, moved, parts))
        else:
            outcomes.append(own._replace(movements=moved))
            posted = True
    if own.why is not None and not posted:
        outcomes.append(own._replace(movements=[]))


def advance_run(steps: Steps, run: HolderRun, day: int, *, traced: bool = False) -> list[Outcome]:
    """Let everything due through *day* happen, and give what it moved."""
    movements = run.advance(day, traced=traced)
    return _clock_outcomes(steps, run.holder, movements, run.why() if traced and movements else {})


def require_room(programme: Programme, run: HolderRun, event: Event) -> None:
    """
    See that a holder can take one more event.

    Raises:
        EventRejected: it has as many as the programme takes, or was closed.
    """
    if run.closed_by is not None:
        _refuse_what_earns(programme, run, run.closed_by, event)
    limit = in_force_at(programme, event.occurred_at).events_per_holder
    if run.events >= limit:
        raise EventRejected(
            event.identity, [f"{run.holder} has {limit} events already; raise limits.events_per_holder to take more"]
        )


def _refuse_what_earns(programme: Programme, run: HolderRun, closing: Grant, event: Event) -> None:
    """Refuse what happens to a holder after its closing; only refunds of what came before still do."""
    kind = kind_of(programme, event.kind)
    if kind is None or kind.role is not Role.REFUNDS:
        closed_on = format_day(programme.calendar.day_of(closing.at))
        into = f" into {closing.peer}" if closing.peer is not None else ""
        raise EventRejected(
            event.identity,
            [
                f"{run.holder} was closed{into} on {closed_on} by command {closing.key}; after it only refunds "
                f"of earlier events are taken{': name ' + str(closing.peer) if into else ''}"
            ],
        )


def clock_outcomes(steps: Steps, holder: Holder, movements: Sequence[Movement]) -> list[Outcome]:
    """Give what the clock moved, by day."""
    return _clock_outcomes(steps, holder, movements, {})


def _clock_outcomes(
    steps: Steps, holder: Holder, movements: Sequence[Movement], parts: Mapping[int, Why]
) -> list[Outcome]:
    return [_clock_outcome(steps, holder, day, moved, parts) for day, moved in split_by_day(movements)]


def _clock_outcome(steps: Steps, holder: Holder, day: int, moved: list[Movement], parts: Mapping[int, Why]) -> Outcome:
    key, at = f"clock:{holder}:{format_day(day)}", steps.programme.calendar.day_start_us(day)
    return Outcome(key, EntryKind.TIMER, None, at, holder, moved, why=parts.get(day))


def entries_of(steps: Steps, outcomes: Sequence[Outcome], *, recorded_at: int | None = None) -> list[Entry]:
    """
    Put the outcomes of one key together as one entry, and the entries in settlement order.

    Args:
        recorded_at: UTC microseconds; each entry's own effective instant where it is None.
    """
    if len(outcomes) == 1:
        only = _entry_of(steps, outcomes, recorded_at)
        return [] if only is None else [only]
    together: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        parts = together.get(outcome.key)
        if parts is None:
            together[outcome.key] = [outcome]
        else:
            parts.append(outcome)
    placed = []
    for key, parts in together.items():
        entry = _entry_of(steps, parts, recorded_at)
        if entry is not None:
            # A refund that waited for its deal stands after it, whatever their keys.
            placed.append((entry.effective_at, _ORDER[kind_code(entry.kind)], parts[0].place, key, entry))
    if len(placed) > 1:
        placed.sort()
    return [one[-1] for one in placed]


#: Gives the text of a kind, without the detour that ``Enum.value`` takes.
kind_code: Final = attrgetter("_value_")

#: Where an item stands.
_key: Final = itemgetter(0)

#: What happens at one instant: the clock, then events, then commands.
_ORDER: Final = {
    kind_code(kind): place
    for place, kind in enumerate((EntryKind.TIMER, EntryKind.EVENT, EntryKind.COMMAND, EntryKind.CORRECTION))
}

_NO_PARTS: Final[Mapping[int, Why]] = MappingProxyType({})


def _entry_of(steps: Steps, parts: Sequence[Outcome], recorded_at: int | None) -> Entry | None:
    """Make an entry of outcomes of one key; None where they moved nothing."""
    first = parts[0]
    postings: list[Posting] = []
    why: dict[str, Part] = {}
    corrects = None
    for part in parts:
        if part.movements:
            postings += postings_of(steps.names, part.holder, part.movements, part.cause)
        if part.why is not None:
            why[str(part.holder)] = part.why()
        corrects = corrects or part.corrects
    if not postings:
        return None
    at = first.effective_at
    return sound_entry(
        first.key,
        first.kind,
        first.cause,
        at,
        at if recorded_at is None else recorded_at,
        in_force_at(steps.programme, at).revision,
        tuple(postings),
        corrects,
        stored(why),
    )


def _distinct(programme: Programme, events: Iterable[Event]) -> list[Event]:
    known: dict[str, Event] = {}
    for event in events:
        admitted = admit(programme, event)
        before = known.setdefault(admitted.identity, admitted)
        if before is not admitted and before != admitted:
            raise EventConflict(admitted.identity, ["the same identity with another body; give it an id of its own"])
    return list(known.values())


def _balances(entries: Iterable[Entry]) -> dict[tuple[Holder, str, str], int]:
    balances: dict[tuple[Holder, str, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            if posting.account.owner is not None:
                balances[posting.account.owner, posting.account.name, posting.asset] += posting.amount
    return {key: amount for key, amount in balances.items() if amount}


#: The smallest programme, for examples in documentation.
EXAMPLE = """\
language: 1
programme: {id: example, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give:
      partner: {points: 1 per 100 EUR}
"""
