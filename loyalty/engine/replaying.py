"""
Settle a whole book again and compare every posting.

Each holder is settled from what the book keeps of it: its events, what they brought from the partner's layer, and its
decisions. What comes out must be what its entries moved, entry by entry; of a holder whose entries were corrected, what
is left when the corrections have taken back what they correct. Holders are settled apart, so that several processes
share the work, and what a partner tells its persons is compared where the partner is settled.

>>> from loyalty.engine.engine import Engine
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> receipt = engine.submit(Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...                               fields={"amount": 25_000}))
>>> replay_book(engine.programme, engine.store).findings
()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from loyalty.core.calendar import FIRST_DAY, NEVER
from loyalty.core.events import VOID, Event
from loyalty.core.holders import Layer
from loyalty.engine.adopting import require_going_on
from loyalty.engine.received import delivered_at, in_order
from loyalty.errors import LoyaltyError
from loyalty.ledger.entries import LOT_ACCOUNTS
from loyalty.ledger.kept import KeepsInBulk, Kept, SharesWork, kept_of
from loyalty.ledger.store import RecordedEvent, Store, Transaction
from loyalty.programme.model import Programme
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.history import Placed, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import ACCOUNT_NAMES, FIRST_OF_PROGRAMME
from loyalty.settlement.settle import Outcome, apply_item, clock_outcomes

#: How many findings one holder gives.
_MOST_OF_HOLDER: Final = 20

#: What was moved, by the fields of :class:`~loyalty.ledger.kept.Move`.
Moved: TypeAlias = Mapping[tuple[Any, ...], int]

#: A finding with what it is sorted by: the instant from which the entry counts, and its key.
_Found = tuple[int, str, str]


@frozen(kw_only=True)
class Replayed:
    """
    What settling again came to.

    Attributes:
        holders: How many holders were settled.
        items: How many events and decisions of theirs, an event once for each holder that it reached.
        findings: One sentence for each difference, the earliest first; none is good.
    """

    holders: int
    items: int
    findings: tuple[str, ...]


@frozen(kw_only=True)
class _Part:
    holders: int = 0
    items: int = 0
    programme_legs: int = 0
    found: tuple[_Found, ...] = ()
    is_whole: bool = True


#: What reading or settling a history raises whose rows were changed behind the library's back.
FAULTS = (LoyaltyError, LookupError, ValueError, TypeError, ArithmeticError)


def replay_book(programme: Programme, store: Store, *, jobs: int = 1) -> Replayed:
    """
    Settle the recorded events and decisions of a book again, and compare with what it posted.

    Args:
        programme: The revision that the book was settled under, with those before it.
        store: Where the book is; it is only read.
        jobs: How many processes share the work, of a store in a database.

    Raises:
        StoreError: the book is settled under another chain of revisions.
    """
    snapshot = getattr(store, "snapshot", None)
    with snapshot() if snapshot is not None else store.transaction(read_only=True) as tx:
        require_going_on(programme, tx)
        parts: list[_Part] | None = None
        in_bulk = isinstance(tx, KeepsInBulk)
        if isinstance(tx, KeepsInBulk):
            spans = tx.spans()
            if jobs > 1 and len(spans) > 1 and isinstance(store, SharesWork):
                parts = store.share(tx, programme, spans, replay_span, jobs)
            if parts is None:
                parts = [replay_span(tx, programme, span) for span in spans]
        else:
            parts = [_replay(tx, programme, kept_of(tx, tx.holders()))]
        found = sorted(finding for part in parts for finding in part.found)
        findings = [sentence for *_, sentence in found]
        if all(part.is_whole for part in parts):
            findings += _unreached(programme, tx) if in_bulk else []
            findings += _without_holder(tx, sum(part.programme_legs for part in parts))
        return Replayed(
            holders=sum(part.holders for part in parts),
            items=sum(part.items for part in parts),
            findings=tuple(findings),
        )


def replay_span(tx: Any, programme: Programme, span: tuple[int, int]) -> _Part:
    """Settle the holders of a span again; a process calls it by its name."""
    return _replay(tx, programme, tx.kept(span))


def _replay(tx: Transaction, programme: Programme, holders: Iterable[Kept]) -> _Part:
    steps = steps_of(programme)
    found: list[_Found] = []
    count = items = legs = 0
    is_whole = True
    try:
        for kept in holders:
            count += 1
            items += len(kept.received) + len(kept.grants)
            legs += kept.programme_legs
            found += _compare(steps, tx, kept)
    except FAULTS as error:
        # What the rows of several holders share does not join; verify looks at each row and names it.
        found.append(
            (
                0,
                "",
                "recorded histories name rows that are missing or cannot be read, so that those behind were not "
                f"settled again; verify without --replay names the rows ({type(error).__name__}: {error})",
            )
        )
        is_whole = False
    return _Part(holders=count, items=items, programme_legs=legs, found=tuple(found), is_whole=is_whole)


def _compare(steps: Steps, tx: Transaction, kept: Kept) -> list[_Found]:
    """Give what differs for one holder."""
    found: list[_Found] = []
    try:
        moved = _settle_again(steps, tx, kept, found)
    except FAULTS as error:
        return [(0, "", f"the history of {kept.holder} cannot be settled again: {type(error).__name__}: {error}")]
    is_same = netted(moved) == netted(kept.moved) if kept.is_corrected else moved == kept.moved
    if not is_same:
        found += _differences(kept, moved)
    return found


def _settle_again(steps: Steps, tx: Transaction, kept: Kept, found: list[_Found]) -> dict[tuple[Any, ...], int]:
    holder = kept.holder
    outcomes: list[Outcome] = []
    run = HolderRun(steps, holder)
    is_partner = holder.layer is Layer.PARTNER
    _compare_instants(steps.programme, tx, kept, found)
    for item in in_order(steps.programme, tx, kept.received, kept.grants):
        tier = apply_item(steps, run, item, outcomes)
        if is_partner and isinstance(item.what, Placed) and len(item.what.holders) > 1:
            _compare_told(item.what, tier, kept, found)
    days = [FIRST_DAY, tx.clock_day() or FIRST_DAY, kept.clock_day or FIRST_DAY]
    if kept.last_effective_at is not None:
        days.append(steps.programme.calendar.day_of(kept.last_effective_at))
    outcomes += clock_outcomes(steps, holder, run.advance(max(days)))
    return moved_by(steps, outcomes)


def moved_by(steps: Steps, outcomes: Iterable[Outcome]) -> dict[tuple[Any, ...], int]:
    """Sum what outcomes moved, as the book's own movements are summed."""
    labels, assets = steps.names.labels, steps.names.assets
    moved: dict[tuple[Any, ...], int] = {}
    for outcome in outcomes:
        key, cause, at = outcome.key, outcome.cause, outcome.effective_at
        for label, asset, source, target, amount, lot_day, _ in outcome.movements:
            first, second, is_forward, keeps_lots = _PAIRS[source][target]
            move = (key, cause, labels[label], first, second, assets[asset], lot_day if keeps_lots else NEVER, at)
            moved[move] = moved.get(move, 0) + (amount if is_forward else -amount)
    return {move: amount for move, amount in moved.items() if amount}


def _compare_instants(programme: Programme, tx: Transaction, kept: Kept, found: list[_Found]) -> None:
    """See that what speaks of another event counts from where the programme says; of the rest its row says it."""
    speaking = [item for item in kept.received if item.recorded.event.of is not None]
    received = {item.recorded.event.identity: item.recorded for item in kept.received} if speaking else {}

    def find(identity: str) -> RecordedEvent | None:
        return received.get(identity) or tx.find_event(identity)

    for item in speaking:
        event = item.recorded.event
        if (at := delivered_at(programme, find, event)) != item.at:
            found.append((
                at,
                f"event:{event.identity}",
                f"event {event.identity} is kept in the history of {kept.holder} as counting from instant {item.at}; "
                f"settled again it counts from {at} (UTC microseconds)",
            ))  # fmt: skip


def _compare_told(placed: Placed, tier: int, kept: Kept, found: list[_Found]) -> None:
    """See that an event brought its persons the tier that its partner had."""
    identity = placed.event.identity
    told = kept.told.get(identity, ())
    if len(told) == 1 and told[0][1] == {"tier": tier} and told[0][0] == placed.holders[1]:
        return
    brought = dict(told)
    for person in placed.holders[1:]:
        if brought.get(person) != {"tier": tier}:
            got = "does not reach" if person not in brought else f"brings {dict(brought[person])} to"
            found.append((
                placed.instant,
                f"event:{identity}",
                f"event {identity} {got} {person}; settled again it brings {{'tier': {tier}}} from {kept.holder}",
            ))  # fmt: skip


def netted(moved: Moved) -> dict[tuple[Any, ...], int]:
    """Sum movements across entries, so that a correction takes back what it corrects."""
    sums: dict[tuple[Any, ...], int] = {}
    for move, amount in moved.items():
        key = move[1:]
        sums[key] = sums.get(key, 0) + amount
    return {move: amount for move, amount in sums.items() if amount}


def _differences(kept: Kept, moved: Moved) -> list[_Found]:
    """Say what entries move otherwise than settling again: each by itself, or together with its corrections."""
    apart = 0 if kept.is_corrected else 1
    posted, again = _by_entries(kept.moved, apart), _by_entries(moved, apart)
    found: list[_Found] = []
    for move in posted.keys() | again.keys():
        there, here = posted.get(move, {}), again.get(move, {})
        amount, other = sum(there.values()), sum(here.values())
        if amount == other:
            continue
        _, _, rule, first, second, asset, _, at = move
        if amount < 0 or (amount == 0 and other < 0):
            first, second, amount, other = second, first, -amount, -other
        keys = sorted(there) or sorted(here)
        what = f"{asset} of {kept.holder} from {first} to {second} by {rule or 'no rule'}"
        if not there:
            sentence = f"there is no entry {keys[0]} that moves {other} {what}, as settling again says"
        elif len(keys) == 1:
            sentence = f"entry {keys[0]} moves {amount} {what}; settled again it moves {other}"
        else:
            sentence = f"entries {', '.join(keys)} together move {amount} {what}; settled again they move {other}"
        found.append((at, keys[0], sentence))
    return sorted(found)[:_MOST_OF_HOLDER]


def _by_entries(moved: Moved, apart: int) -> dict[tuple[Any, ...], dict[str, int]]:
    """Group the amounts of each movement by the entries that they are of, all in one group where *apart* is 0."""
    groups: dict[tuple[Any, ...], dict[str, int]] = {}
    for move, amount in moved.items():
        groups.setdefault((move[0] if apart else "", *move[1:]), {})[move[0]] = amount
    return groups


def _unreached(programme: Programme, tx: Any) -> list[str]:
    """Give the events that are in nobody's history and wait for nothing."""
    findings = []
    for item in tx.unreached():
        event: Event = item.recorded.event
        speaks_of_another = event.kind == VOID or waits_for_origin(programme, event)
        if speaks_of_another and not tx.recipients(event.origin or ""):
            continue
        findings.append(f"event {event.identity} is in nobody's history; settled again it would reach a holder")
    return findings


def _without_holder(tx: Any, legs: int) -> list[str]:
    """Give the entries that move something for nobody."""
    if not isinstance(tx, KeepsInBulk) or tx.count_programme_legs() == legs:
        return []
    return [f"entry {key} moves something that is no holder's" for key in tx.keys_without_holder()]


def _pair(source: int, target: int) -> tuple[str, str, bool, bool]:
    """Give the names of two accounts in order, whether a movement from the one to the other is, and if it has lots."""
    sides = [(code >= FIRST_OF_PROGRAMME, ACCOUNT_NAMES[code]) for code in (source, target)]
    keeps_lots = any(not is_programme and name in LOT_ACCOUNTS for is_programme, name in sides)
    (_, first), (is_programme, second) = sorted(sides)
    return first, f"programme/{second}" if is_programme else second, sides == sorted(sides), keeps_lots


_PAIRS: Final = [
    [_pair(source, target) for target in range(len(ACCOUNT_NAMES))] for source in range(len(ACCOUNT_NAMES))
]
