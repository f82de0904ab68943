"""
What a host calls: submit events, let time pass, redeem, and read statements.

The engine settles each event as it comes, against a store that keeps facts, grants and entries. An event that comes
late has its holders replayed, and the difference is posted as entries that name it.

>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> engine = Engine(loads(EXAMPLE), MemoryStore())
>>> deal = Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...              fields={"amount": 25_000})
>>> receipt = engine.submit(deal)
>>> [(posting.account.path, posting.amount) for posting in receipt.entries[0].postings]
[('programme/issued', -2), ('partner:acme/available', 2)]
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

from attrs import frozen

from loyalty.core.calendar import FIRST_DAY, LAST_DAY, format_day, parse_day
from loyalty.core.events import VOID, Event
from loyalty.core.holders import Holder, Layer
from loyalty.errors import EventConflict, EventRejected, InsufficientPoints, LedgerError
from loyalty.ledger.entries import Entry, EntryKind, Posting
from loyalty.ledger.store import Grant, Store, Transaction
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.settlement.generate import steps_of
from loyalty.settlement.history import Placed, place_events, waits_for_origin
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import Transfer, accounts_of, postings_of, transfer_postings, transfers_in
from loyalty.settlement.settle import Item, Outcome, Settlement, apply_item, clock_outcomes, entries_of, settle
from loyalty.settlement.trace import Explanation, explain, stored_trace

__all__ = ["Engine", "Explanation", "Receipt", "Settlement", "Statement", "settle"]

#: States of holders that stay in memory; others are settled again from their recorded history when they are needed.
_KEPT_RUNS = 10_000


@frozen
class Receipt:
    """
    What became of an event or a command.

    Attributes:
        identity: The event's identity, or the command's key.
        entries: The entries that it caused, those that correct earlier ones included.
        waiting: True while the event does nothing because the one that it speaks of is not known.
    """

    identity: str
    entries: tuple[Entry, ...]
    waiting: bool
    _explain: Callable[[], Explanation]

    def explain(self) -> Explanation:
        """Say why: rule, inputs, multiplier, cap, rounding, posting, and the rules that did not apply."""
        return self._explain()


@frozen
class Statement:
    """
    A holder's wallets at an instant.

    Attributes:
        holder: Whose.
        at: UTC microseconds.
        balances: Minor units by (account name, asset); zeros are left out.
        expiries: For each currency the (expiry day, minor units) of what is available, soonest first; the last
            usable day is the day before.
        tier: The name of the tier in force.
        badges: The badges held.
    """

    holder: Holder
    at: int
    balances: Mapping[tuple[str, str], int]
    expiries: Mapping[str, tuple[tuple[int, int], ...]]
    tier: str
    badges: tuple[str, ...]


class Engine:
    """
    Settles events and commands of one programme against a store.

    Args:
        programme: A checked programme.
        store: Where facts and entries are kept; the host's transaction is joined where it gave one.
        clock: Gives the instant of recording, UTC microseconds; the system's by default.
    """

    def __init__(self, programme: Programme, store: Store, *, clock: Callable[[], int] | None = None) -> None:
        self.programme = programme
        self.store = store
        self._clock = clock or (lambda: time.time_ns() // 1000)
        self._steps = steps_of(programme)
        self._runs: OrderedDict[Holder, tuple[tuple[int, int | None], HolderRun]] = OrderedDict()

    def submit(self, event: Event, *, recorded_at: int | None = None) -> Receipt:
        """
        Accept one event and settle it.

        Args:
            event: The fact; the same one again changes nothing.
            recorded_at: When the book came to know it, UTC microseconds; now by default.

        Returns:
            The receipt; that of the first time where the event is known.

        Raises:
            EventRejected: the programme cannot take it; nothing was changed.
            EventConflict: its identity is known with another body; nothing was changed.
        """
        event = admit(self.programme, event)
        with self._transaction() as tx:
            known = tx.find_event(event.identity)
            if known is not None:
                if known.event != event:
                    raise EventConflict(
                        event.identity,
                        [
                            f"it was accepted before with another body: {known.event}; now came {event}",
                            "send a correction as an event with an id of its own",
                        ],
                    )
                return self._receipt(tx, event)
            self._accept(tx, event, self._clock() if recorded_at is None else recorded_at)
            return self._receipt(tx, event)

    def submit_all(self, events: Iterable[Event]) -> list[Receipt]:
        """Submit several events, each in a transaction of its own unless the host holds one open."""
        return [self.submit(event) for event in events]

    def advance(self, until: int | str | date) -> list[Entry]:
        """
        Post everything due through a day: activation, expiry, reviews, graces, allotments.

        Args:
            until: A day number, an ISO date, or a date.

        Returns:
            The entries that were posted.

        Raises:
            ValueError: not a day of the years that the calendar knows.
        """
        day = _day_number(until)
        with self._transaction() as tx:
            reached = tx.clock_day()
            if reached is not None and day <= reached:
                return []
            outcomes: list[Outcome] = []
            runs = [self._run(tx, holder) for holder in tx.holders()]
            for run in runs:
                outcomes.extend(clock_outcomes(self._steps, run.holder, run.advance(day)))
            entries = entries_of(self._steps, outcomes, recorded_at=self._clock())
            tx.post(entries)
            tx.set_clock_day(day)
            for run in runs:
                self._keep(tx, run)
            return entries

    def redeem(
        self, holder: Holder, currency: str, amount: int, *, key: str, at: int | None = None, note: str = ""
    ) -> Receipt:
        """
        Redeem available points.

        Args:
            holder: Whose.
            currency: A spendable currency of the programme.
            amount: Minor units, > 0.
            key: The command's idempotency key; the same command again changes nothing.
            at: UTC microseconds, not before anything settled for the holder; now by default.
            note: A reason, kept with the grant.

        Raises:
            InsufficientPoints: less is available; nothing was changed.
            LedgerError: the currency cannot be spent, the key is another command's, or *at* lies in the past.
        """
        declared = self.programme.currencies.get(currency)
        if declared is None or not declared.spendable:
            spendable = ", ".join(c.name for c in self.programme.currencies.values() if c.spendable)
            raise LedgerError(f"{currency!r} cannot be redeemed; spendable currencies are {spendable}")
        if type(amount) is not int or amount <= 0:
            raise LedgerError(f"a redemption of {amount!r}: write a whole number of minor units above 0")
        at = self._clock() if at is None else at
        with self._transaction() as tx:
            grant = Grant(
                key=key, kind="redeem", holder=holder, currency=currency, amount=amount, at=at, note={"note": note}
            )
            known = tx.find_grant(key)
            if known is not None:
                if (known.holder, known.currency, known.amount) != (holder, currency, amount):
                    raise LedgerError(f"command {key} was given before as {known}; use a key of its own")
                return self._command_receipt(tx, known)
            self._grant(tx, grant)
            return self._command_receipt(tx, grant)

    def statement(self, holder: Holder, at: int | str | date | None = None) -> Statement:
        """
        Give the holder's wallets at an instant, with everything due by then; nothing is posted.

        Args:
            at: UTC microseconds; or a day (its end); or None for now.
        """
        calendar = self.programme.calendar
        if at is None:
            at = self._clock()
        elif not isinstance(at, int):
            at = calendar.day_start_us(_day_number(at) + 1) - 1
        with self._transaction() as tx:
            holdings = Counter(dict(tx.balances_at(holder, effective_at=at)))
            lots: Counter[tuple[str, int]] = Counter()
            for entry in tx.entries(holder=holder):
                if entry.effective_at <= at:
                    _count_lots(lots, holder, entry.postings)
            run = self._fresh_run(tx, holder)
            if run.last_key and run.last_key[0] <= at:
                moved = run.advance(calendar.day_of(at))
                due = postings_of(self._steps.names, holder, moved, None)
                for posting in due:
                    if posting.account.owner == holder:
                        holdings[posting.account.name, posting.asset] += posting.amount
                _count_lots(lots, holder, due)
        balances = {key: amount for key, amount in sorted(holdings.items()) if amount}
        standing = [asset for account, asset in balances if account == "standing"]
        tier = next((asset[5:] for asset in standing if asset.startswith("tier.")), self.programme.ladder.tiers[0].name)
        expiries = {
            name: tuple(
                (day, amount) for (currency, day), amount in sorted(lots.items()) if currency == name and amount
            )
            for name in self.programme.currencies
        }
        badges = tuple(asset[6:] for asset in standing if asset.startswith("badge."))
        return Statement(holder, at, balances, expiries, tier, badges)

    def explain(self, identity: str) -> Explanation:
        """
        Say why an accepted event was settled as it was.

        What its entry recorded is read back; an event that moved nothing, or that a late event corrected, is settled
        again for the answer, so that the steps always add up to what is posted for it.

        Raises:
            KeyError: no such event was accepted.
        """
        with self._transaction() as tx:
            known = tx.find_event(identity)
            if known is None:
                raise KeyError(identity)
            entry = tx.find_entry(f"event:{identity}")
            if entry is None or not entry.explanation or self._is_corrected(tx, identity):
                stored = self._trace_again(tx, identity) or self._why_nothing(known.event)
                return explain(self.programme, identity, self.programme.revision, stored)
            return explain(self.programme, identity, entry.revision, entry.explanation)

    def _why_nothing(self, event: Event) -> Mapping[str, dict[str, object]]:
        """Give the trace of an event that is in nobody's settled history."""
        if event.kind == VOID:
            steps: list[object] = [["voids", event.origin]]
        elif waits_for_origin(self.programme, event):
            steps = [["waits", event.origin]]
        else:
            steps = [["voided"]]
        return {str(Holder.partner(event.partner)): {"tier": 0, "steps": steps}}

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        try:
            with self.store.transaction() as tx:
                yield tx
        except BaseException:
            # What the attempt settled in memory did not happen; it is settled again when it is needed.
            self._runs.clear()
            raise

    def _receipt(self, tx: Transaction, event: Event) -> Receipt:
        entries = tuple(tx.entries(cause=event.identity))
        waiting = event.of is not None and not tx.recipients(event.identity)
        return Receipt(event.identity, entries, waiting, lambda: self.explain(event.identity))

    def _command_receipt(self, tx: Transaction, grant: Grant) -> Receipt:
        nothing = Explanation(grant.key, self.programme.revision, ())
        return Receipt(grant.key, tuple(tx.entries(cause=grant.key)), False, lambda: nothing)

    def _accept(self, tx: Transaction, event: Event, recorded_at: int) -> None:
        """Record the event, find whom it reaches, and settle it in place or by replay."""
        tx.add_event(event, recorded_at=recorded_at)
        about = [recorded.event for recorded in tx.events_about(event.identity)]
        if event.of is not None and (event.kind == VOID or waits_for_origin(self.programme, event)):
            holders = tuple(tx.recipients(event.origin or ""))
        else:
            holders = place_events(self.programme, [event])[0].holders
        if not holders:
            return
        if event.kind != VOID and not about and self._settle_in_place(tx, event, holders, recorded_at):
            return
        for holder in holders:
            # What waited for this event, or voids it, becomes part of the same histories with it.
            for item in (event, *self._waiting(tx, about)):
                tx.deliver(item.identity, holder, {})
        try:
            self._replay(tx, set(holders), event, recorded_at)
        except EventRejected as error:
            # The one event too many of a replay is the last in the order, but it is this one that is refused.
            raise EventRejected(event.identity, error.reasons) from error

    def _origins(self, tx: Transaction, event: Event) -> Iterator[Event]:
        """Give the event that this one speaks of, what voids it, and so on to the first."""
        while waits_for_origin(self.programme, event):
            known = tx.find_event(event.origin or "")
            if known is None:
                return
            yield known.event
            yield from (about.event for about in tx.events_about(known.event.identity) if about.event.kind == VOID)
            if known.event.kind != self.programme.events[event.kind].origin_kind:
                # What speaks of an event of another kind has no origin, however long the chain behind it is.
                return
            event = known.event

    def _waiting(self, tx: Transaction, about: Sequence[Event]) -> Iterator[Event]:
        """Give the events of *about*, what speaks of them, and so on to the last."""
        left = list(about)
        while left:
            event = left.pop()
            yield event
            left.extend(recorded.event for recorded in tx.events_about(event.identity))

    def _settle_in_place(self, tx: Transaction, event: Event, holders: Sequence[Holder], recorded_at: int) -> bool:
        """Settle an event that comes after everything settled for its holders; give False where one does not."""
        family = [event, *self._origins(tx, event)]
        placed = next((p for p in place_events(self.programme, family) if p.event is event), None)
        if placed is None or len(placed.key) > 4:
            return False
        placed = Placed(event, placed.key, placed.instant, tuple(holders))
        day = self.programme.calendar.day_of(placed.instant)
        runs = [self._run(tx, holder) for holder in holders]
        if any(placed.key <= run.last_key or day < run.through_day for run in runs):
            return False
        outcomes: list[Outcome] = []
        traces = {}
        tier = 0
        for run in runs:
            tier = apply_item(self._steps, run, Item(placed.key, placed, tier), outcomes, traced=True)
            traces[str(run.holder)] = stored_trace(run.trace, tier)
            tx.deliver(event.identity, run.holder, {"tier": tier} if run.holder.layer is Layer.PERSON else {})
            self._keep(tx, run)
        entries = entries_of(self._steps, outcomes, recorded_at=recorded_at)
        tx.post([_explained(entry, traces) if entry.cause == event.identity else entry for entry in entries])
        return True

    def _grant(self, tx: Transaction, grant: Grant) -> None:
        run = self._run(tx, grant.holder)
        day = self.programme.calendar.day_of(grant.at)
        item = Item.of_grant(grant, len(tx.grants(grant.holder)))
        if item.key <= run.last_key or day < run.through_day:
            raise LedgerError(
                f"command {grant.key} of {format_day(day)} lies before what was settled for {grant.holder}; "
                "commands are never back-dated: give the instant at which it is decided"
            )
        outcomes = clock_outcomes(self._steps, grant.holder, run.advance(day))
        available = run.available(list(self.programme.currencies).index(grant.currency))
        if available < grant.amount:
            raise InsufficientPoints(str(grant.holder), grant.currency, grant.amount, available)
        tx.add_grant(grant)
        apply_item(self._steps, run, item, outcomes)
        self._keep(tx, run)
        tx.post(entries_of(self._steps, outcomes, recorded_at=grant.at))

    def _items(self, tx: Transaction, holder: Holder) -> list[Item]:
        """Give the holder's history in settlement order."""
        received = tx.received(holder)
        tiers = {item.recorded.event.identity: item.inputs.get("tier", 0) for item in received}
        placed = place_events(self.programme, [item.recorded.event for item in received])
        items = [Item(place.key, place, tiers[place.event.identity]) for place in placed]
        items.extend(Item.of_grant(grant, number) for number, grant in enumerate(tx.grants(holder)))
        return sorted(items, key=lambda item: item.key)

    def _run(self, tx: Transaction, holder: Holder) -> HolderRun:
        """Give the holder's state as recorded: the one kept in memory, or settled again."""
        kept = self._runs.get(holder)
        if kept is not None and kept[0] == (tx.holder_version(holder), tx.clock_day()):
            self._runs.move_to_end(holder)
            return kept[1]
        return self._fresh_run(tx, holder)

    def _fresh_run(self, tx: Transaction, holder: Holder) -> HolderRun:
        run = HolderRun(self._steps, holder)
        for item in self._items(tx, holder):
            apply_item(self._steps, run, item, [])
        run.advance(self._passed_day(tx, holder))
        return run

    def _passed_day(self, tx: Transaction, holder: Holder) -> int:
        """Give the day through which the holder's clock has run: the book's, or that of what was posted."""
        days = [FIRST_DAY]
        clock_day, last = tx.clock_day(), tx.last_effective_at(holder)
        if clock_day is not None:
            days.append(clock_day)
        if last is not None:
            days.append(self.programme.calendar.day_of(last))
        return max(days)

    def _keep(self, tx: Transaction, run: HolderRun) -> None:
        self._runs[run.holder] = ((tx.holder_version(run.holder), tx.clock_day()), run)
        self._runs.move_to_end(run.holder)
        if len(self._runs) > _KEPT_RUNS:
            self._runs.popitem(last=False)

    def _replay(self, tx: Transaction, holders: set[Holder], late: Event, recorded_at: int) -> None:
        """Settle the holders' histories again and post the difference as entries that name the late event."""
        traces: dict[str, object] = {}
        difference: Counter[Transfer] = Counter()
        told: dict[Holder, dict[str, Mapping[str, int]]] = {}
        for layer in Layer:
            for holder in sorted(holder for holder in holders if holder.layer is layer):
                outcomes: list[Outcome] = []
                run = HolderRun(self._steps, holder)
                for item in self._items(tx, holder):
                    own = isinstance(item.what, Placed) and item.what.event.identity == late.identity
                    tier = apply_item(self._steps, run, item, outcomes, traced=own)
                    if own:
                        traces[str(holder)] = stored_trace(run.trace, tier)
                    if layer is Layer.PARTNER and isinstance(item.what, Placed):
                        holders = holders | self._pass_on(tx, item.what, tier, told)
                outcomes.extend(clock_outcomes(self._steps, holder, run.advance(self._passed_day(tx, holder))))
                self._keep(tx, run)
                for entry in entries_of(self._steps, outcomes, recorded_at=recorded_at):
                    difference.update(dict(_summed(transfers_in(entry, holder))))
                for entry in tx.entries(holder=holder):
                    difference.subtract(dict(_summed(transfers_in(entry, holder))))
        tx.post(self._corrections(difference, late, recorded_at, traces))

    def _pass_on(
        self, tx: Transaction, placed: Placed, tier: int, told: dict[Holder, dict[str, Mapping[str, int]]]
    ) -> set[Holder]:
        """Tell the event's persons the partner's tier, and give those to whom it is news; *told* is what they knew."""
        changed = set()
        for person in placed.holders[1:]:
            if person not in told:
                told[person] = {item.recorded.event.identity: item.inputs for item in tx.received(person)}
            if told[person].get(placed.event.identity) != {"tier": tier}:
                tx.deliver(placed.event.identity, person, {"tier": tier})
                changed.add(person)
        return changed

    def _corrections(
        self, difference: Counter[Transfer], late: Event, recorded_at: int, traces: Mapping[str, object]
    ) -> list[Entry]:
        postings: dict[tuple[bool, int], list[Posting]] = {}
        for transfer, amount in difference.items():
            if amount:
                own = transfer.cause == late.identity
                postings.setdefault((own, transfer.effective_at), []).extend(transfer_postings(transfer, amount))
        entries = []
        for (own, effective_at), legs in sorted(postings.items(), key=lambda pair: (pair[0][1], pair[0][0])):
            entries.append(
                Entry(
                    key=f"event:{late.identity}" if own else f"correction:{late.identity}:{effective_at}",
                    kind=EntryKind.EVENT if own else EntryKind.CORRECTION,
                    cause=late.identity,
                    effective_at=effective_at,
                    recorded_at=recorded_at,
                    revision=self.programme.revision,
                    postings=tuple(legs),
                    explanation=traces if own else {},
                )
            )
        return entries

    def _is_corrected(self, tx: Transaction, identity: str) -> bool:
        """Tell whether a late event changed what was posted for this one."""
        return any(
            posting.cause == identity
            for holder in tx.recipients(identity)
            for entry in tx.entries(holder=holder)
            if entry.kind is EntryKind.CORRECTION and entry.cause != identity
            for posting in entry.postings
        )

    def _trace_again(self, tx: Transaction, identity: str) -> Mapping[str, dict[str, object]]:
        traces: dict[str, dict[str, object]] = {}
        for holder in tx.recipients(identity):
            run = HolderRun(self._steps, holder)
            for item in self._items(tx, holder):
                own = isinstance(item.what, Placed) and item.what.event.identity == identity
                tier = apply_item(self._steps, run, item, [], traced=own)
                if own:
                    traces[str(holder)] = stored_trace(run.trace, tier)
                    break
        return traces


def _explained(entry: Entry, traces: Mapping[str, object]) -> Entry:
    return Entry(
        key=entry.key,
        kind=entry.kind,
        cause=entry.cause,
        effective_at=entry.effective_at,
        recorded_at=entry.recorded_at,
        revision=entry.revision,
        postings=entry.postings,
        explanation=traces,
    )


def _summed(transfers: Iterable[tuple[Transfer, int]]) -> Mapping[Transfer, int]:
    sums: Counter[Transfer] = Counter()
    for transfer, amount in transfers:
        sums[transfer] += amount
    return sums


def _count_lots(lots: Counter[tuple[str, int]], holder: Holder, postings: Iterable[Posting]) -> None:
    available = accounts_of(holder)[1][0]
    for posting in postings:
        if posting.account == available and posting.lot_day is not None:
            lots[posting.asset, posting.lot_day] += posting.amount


def _day_number(day: int | str | date) -> int:
    if not isinstance(day, int):
        return parse_day(day if isinstance(day, str) else day.isoformat()[:10])
    if not FIRST_DAY <= day < LAST_DAY:
        raise ValueError(f"day {day} lies outside the years that the calendar knows; a day is counted from 1970-01-01")
    return day
