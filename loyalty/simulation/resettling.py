"""
Backtest over a book: settle what it recorded under another programme, and list every posting that differs.

Events are facts and decisions are grants: both are taken as the book has them, with the instants from which late events
count, and nothing is written. Under the programme that the book was settled by nothing differs. Partners are settled
before persons, who earn by the tier that the partner has under the other programme.

>>> from loyalty.core.events import Event
>>> from loyalty.engine.engine import Engine
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> receipt = engine.submit(Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...                               fields={"amount": 25_000}))
>>> listed = []
>>> resettle(loads(EXAMPLE), engine.store, listed.append).differing
0
>>> resettle(loads(EXAMPLE.replace("1 per", "3 per")), engine.store, listed.append).differing
1
>>> [(one.entry, one.rule, one.source, one.target, one.posted, one.settled) for one in listed]
[('event:/D-1', 'deal-base', 'programme/issued', 'available', 2, 7)]
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import field, frozen

from loyalty.core.amounts import INT64_MAX
from loyalty.core.calendar import FIRST_DAY
from loyalty.core.holders import Holder, Layer
from loyalty.engine.received import in_order
from loyalty.engine.replaying import moved_by, netted
from loyalty.errors import EventRejected, LoyaltyError
from loyalty.ledger.kept import KeepsInBulk, Kept, kept_of
from loyalty.ledger.store import Received, Store, Transaction
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.programme.notes import join_words
from loyalty.programme.revisions import currencies_of, revisions_of
from loyalty.settlement.generate import Steps, steps_of
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.settle import Item, Outcome, apply_item, clock_outcomes

#: So many reasons are told why events are left out.
_MOST_REASONS: Final = 5


@frozen(kw_only=True)
class Differing:
    """
    A transfer that is not the same: its two postings are out of ``source`` and into ``target``.

    Attributes:
        entry: The key of the entry; of a holder with corrections, that of the first that such transfers stand in.
        effective_at: UTC microseconds.
        cause: The event or command, None for the clock's.
        holder: Whose it is.
        source, target: Names of accounts, those of the programme behind ``programme/``.
        expires_day: Of what it moves; NEVER where that has no expiry.
        posted, settled: Minor units that the book has, corrections netted, and that the other programme gives.
    """

    entry: str
    effective_at: int
    cause: str | None
    rule: str
    holder: Holder
    source: str
    target: str
    asset: str
    expires_day: int
    posted: int
    settled: int


@frozen(kw_only=True)
class Sums:
    """What differs of one rule, layer, pair of accounts and asset together; minor units."""

    rule: str
    layer: Layer
    source: str
    target: str
    asset: str
    transfers: int
    posted: int
    settled: int


@frozen(kw_only=True)
class Resettled:
    """
    What settling a book under another programme came to.

    Attributes:
        holders, items: How many holders, and events and decisions of theirs, were settled.
        transfers: How many transfers the book has, corrections netted.
        differing: How many of them, or of those that the other programme has instead, differ.
        holders_differing: Of how many holders.
        sums: What differs, added up.
        balances: By layer, asset and account of holders: what stands in the book, and under the other programme.
        left_out: How many events the other programme cannot take, by the reason.
        outside: How many lie outside its dates, so that they earn nothing.
    """

    holders: int
    items: int
    transfers: int
    differing: int
    holders_differing: int
    sums: tuple[Sums, ...]
    balances: Mapping[tuple[Layer, str, str], tuple[int, int]] = field(hash=False)
    left_out: Mapping[str, int] = field(hash=False)
    outside: int = 0


def resettle(
    programme: Programme,
    store: Store,
    listed: Callable[[Differing], object],
    *,
    progress: Callable[[int], None] | None = None,
) -> Resettled:
    """
    Settle a book under a programme, and give each transfer that differs to *listed*, partners before persons.

    Args:
        programme: Any programme that has the book's currencies; the book's own chain gives no difference.
        store: Where the book is; it is only read.
        progress: Called with how many holders were settled.

    Raises:
        LoyaltyError: the programme cannot replay a decision of the book.
    """
    snapshot = getattr(store, "snapshot", None)
    with snapshot() if snapshot is not None else store.transaction(read_only=True) as tx:
        run = _Run(steps_of(programme), tx, listed)
        done = 0
        for layer in Layer:
            for kept in _kept(tx):
                if kept.holder.layer is layer:
                    run.settle(kept)
                    done += 1
                    if progress is not None:
                        progress(done)
        return run.result()


def _kept(tx: Transaction) -> Iterable[Kept]:
    if isinstance(tx, KeepsInBulk):
        return (kept for span in tx.spans() for kept in tx.kept(span))
    return kept_of(tx, tx.holders())


class _Run:
    """Settles holder by holder, and adds up."""

    def __init__(self, steps: Steps, tx: Transaction, listed: Callable[[Differing], object]) -> None:
        self._steps = steps
        self._tx = tx
        self._listed = listed
        self._currencies = frozenset(currencies_of(steps.programme))
        self._clock_day = tx.clock_day() or FIRST_DAY
        programme = steps.programme
        first_day = min(one.first_day for one in revisions_of(programme))
        self._first_us = programme.calendar.day_start_us(first_day)
        last_day = programme.last_day
        self._end_us = INT64_MAX if last_day is None else programme.calendar.day_start_us(last_day + 1)
        self._tiers: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._outside: set[str] = set()
        self._sums: dict[tuple[str, Layer, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._balances: dict[tuple[Layer, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._holders = self._items = self._transfers = self._differing = self._holders_differing = 0

    def settle(self, kept: Kept) -> None:
        """Settle one holder, and list what differs."""
        self._holders += 1
        self._items += len(kept.received) + len(kept.grants)
        moved = self._moved(kept)
        before = netted(kept.moved) if kept.is_corrected else kept.moved
        after = netted(moved) if kept.is_corrected else moved
        self._transfers += len(before)
        self._stand(kept.holder.layer, before, 0)
        self._stand(kept.holder.layer, after, 1)
        if before == after:
            return
        self._holders_differing += 1
        keys = _entry_keys(kept.moved, moved) if kept.is_corrected else {}
        changed = [move for move in before.keys() | after.keys() if before.get(move, 0) != after.get(move, 0)]
        # The last field is the instant, which netted movements have as well.
        for move in sorted(changed, key=lambda move: (move[-1], [str(part) for part in move])):
            entry, cause, rule, first, second, asset, lot_day, at = (keys[move], *move) if keys else move
            posted, settled = before.get(move, 0), after.get(move, 0)
            if posted + settled < 0:
                first, second, posted, settled = second, first, -posted, -settled
            self._differing += 1
            sums = self._sums[rule, kept.holder.layer, first, second, asset]
            for place, amount in enumerate((1, posted, settled)):
                sums[place] += amount
            self._listed(
                Differing(
                    entry=entry, effective_at=at, cause=cause, rule=rule, holder=kept.holder, source=first,
                    target=second, asset=asset, expires_day=lot_day, posted=posted, settled=settled,
                )
            )  # fmt: skip

    def result(self) -> Resettled:
        """Give what it came to."""
        return Resettled(
            holders=self._holders,
            items=self._items,
            transfers=self._transfers,
            differing=self._differing,
            holders_differing=self._holders_differing,
            sums=tuple(
                Sums(rule=rule, layer=layer, source=source, target=target, asset=asset, transfers=transfers,
                     posted=posted, settled=settled)
                for (rule, layer, source, target, asset), (transfers, posted, settled) in sorted(self._sums.items())
            ),
            balances={key: (before, after) for key, (before, after) in sorted(self._balances.items())},
            left_out=dict(self._left_out.most_common(_MOST_REASONS)),
            outside=len(self._outside),
        )  # fmt: skip

    def _moved(self, kept: Kept) -> dict[tuple[Any, ...], int]:
        """Settle a holder under the other programme, through the day that it has reached in the book."""
        steps, outcomes = self._steps, list[Outcome]()
        run = HolderRun(steps, kept.holder)
        self._require_currencies(kept)
        is_partner = kept.holder.layer is Layer.PARTNER
        received = [item for item in kept.received if self._takes(item)]
        for item in in_order(steps.programme, self._tx, received, kept.grants):
            tier = apply_item(steps, run, item if is_partner else self._told(item), outcomes)
            if is_partner and isinstance(item.what, Placed) and len(item.what.holders) > 1 and tier:
                self._tiers[item.what.event.identity] = tier
        days = [FIRST_DAY, self._clock_day, kept.clock_day or FIRST_DAY]
        if kept.last_effective_at is not None:
            days.append(steps.programme.calendar.day_of(kept.last_effective_at))
        outcomes += clock_outcomes(steps, kept.holder, run.advance(max(days)))
        return moved_by(steps, outcomes)

    def _told(self, item: Item) -> Item:
        """Give an item of a person with the tier that its partner has under the other programme."""
        what = item.what
        return item._replace(tier=self._tiers.get(what.event.identity, 0)) if isinstance(what, Placed) else item

    def _takes(self, item: Received) -> bool:
        """Tell whether the programme can take an event; one that it cannot is counted once, with the reason."""
        event = item.recorded.event
        try:
            admit(self._steps.programme, event)
        except EventRejected as error:
            if event.identity not in self._refused:
                self._refused.add(event.identity)
                self._left_out[f"{event.kind}: {'; '.join(error.reasons)}"] += 1
            return False
        counts_from = item.recorded.counts_from
        if not self._first_us <= (event.occurred_at if counts_from is None else counts_from) < self._end_us:
            self._outside.add(event.identity)
        return True

    def _require_currencies(self, kept: Kept) -> None:
        gone = sorted({grant.currency for grant in kept.grants if grant.currency} - self._currencies)
        if gone:
            programme = self._steps.programme
            raise LoyaltyError(
                f"{kept.holder} has decisions in {join_words(gone)}, and {programme.file} has no such currency; what "
                "was decided is replayed, so declare it there as well"
            )

    def _stand(self, layer: Layer, moved: Mapping[tuple[Any, ...], int], side: int) -> None:
        for move, amount in moved.items():
            first, second, asset = move[-5], move[-4], move[-3]
            for account, signed in ((first, -amount), (second, amount)):
                if not account.startswith("programme/"):
                    self._balances[layer, asset, account][side] += signed


def _entry_keys(*sides: Mapping[tuple[Any, ...], int]) -> dict[tuple[Any, ...], str]:
    """Give, for each movement across entries, the key of the first that it stands in, those of the book before."""
    keys: dict[tuple[Any, ...], str] = {}
    for side in sides:
        for move in side:
            keys.setdefault(move[1:], move[0])
    return keys
