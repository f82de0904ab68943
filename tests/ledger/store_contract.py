"""
What every store must do; a backend's test module derives a class and gives the ``store`` fixture.

The derived class has a fixture ``store`` that gives an empty store with the book "main".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from loyalty.core.holders import Holder
from loyalty.errors import LedgerError, StoreError
from loyalty.ledger.entries import Account, Entry, EntryKind
from loyalty.ledger.store import Adoption, BookLock, Declaration, Grant, Store, Transaction, delivery_step
from loyalty.ledger.verify import verify

from .journals import (
    ACME,
    ARREARS,
    AVAILABLE,
    HELD,
    ISSUED,
    PENDING,
    REDEEMED,
    ZOE,
    deal,
    earn,
    entry,
    leg,
    move,
    redeem,
)


class _Surprise(Exception):
    """An error of the host."""


def _remaining(book: Transaction, account: Account) -> list[tuple[int, int, str, int, int]]:
    return [
        (lot.expires_day, lot.earned_at, lot.entry_key, lot.amount, lot.remaining)
        for lot in book.lots(account, "points")
    ]


def _picture(book: Transaction) -> dict[str, Any]:
    return {
        "entries": list(book.entries()),
        "trial": dict(book.trial_balance()),
        "lots": [_remaining(book, account) for account in (PENDING, AVAILABLE, HELD)],
        "holders": [
            (holder, book.holder_version(holder), book.received(holder), book.grants(holder))
            for holder in book.holders()
        ],
        "clock": book.clock_day(),
        "events": [book.find_event(f"crm/{id}") for id in ("D-1", "D-2")],
    }


def _grant(key: str, holder: Holder = ACME, at: int = 5) -> Grant:
    return Grant(key=key, kind="redeem", holder=holder, currency="points", amount=3, at=at, note={"reason": "gift"})


class PostingContract:
    """Entries, keys, floors and what is left after a refusal."""

    def test_a_posted_entry_is_read_back_as_it_was(self, store: Store) -> None:
        """What was posted is found by its key, equal in every field."""
        posted = Entry(
            key="correct:1",
            kind=EntryKind.CORRECTION,
            cause="crm/D-9",
            effective_at=5,
            recorded_at=9,
            revision="r2",
            postings=(leg(ISSUED, -10), leg(AVAILABLE, 10, 100, rule="deal-base", cause="crm/D-1")),
            corrects="event:1",
            booked_day=20_001,
            explanation={"steps": [1, 2], "why": "Überfällig"},
        )
        with store.transaction() as book:
            book.post([posted])
        with store.transaction() as book:
            assert book.find_entry("correct:1") == posted
            assert book.find_entry("correct:2") is None

    def test_a_known_key_is_refused(self, store: Store) -> None:
        """A key that was posted earlier, or stands twice in a batch, leaves nothing of the batch."""
        with store.transaction() as book:
            book.post([earn("a", 10)])
            before = _picture(book)
            for batch in ([earn("b", 1), earn("a", 10)], [earn("c", 1), earn("c", 1)]):
                with pytest.raises(LedgerError, match="is posted already"):
                    book.post(batch)
                assert _picture(book) == before
            book.post([earn("b", 1), earn("c", 1)])
            assert book.balance(AVAILABLE, "points") == 12

    def test_a_debit_may_stand_before_its_credit_in_a_batch(self, store: Store) -> None:
        """Within a batch the order of entries does not matter: floors are those of its end."""
        with store.transaction() as book:
            book.post([redeem("r", 4), earn("e", 10)])
            assert book.balance(AVAILABLE, "points") == 6
            assert [one.key for one in book.entries()] == ["r", "e"]

    def test_a_debit_may_stand_before_the_move_that_feeds_it(self, store: Store) -> None:
        """A debit whose lots arrive by a later move of the same batch waits for it."""
        with store.transaction() as book:
            book.post([redeem("r", 4), move("m", 10, of=PENDING, to=AVAILABLE), earn("e", 10, to=PENDING)])
            assert book.balances(ACME) == {("available", "points"): 6}

    def test_a_balance_below_zero_is_refused(self, store: Store) -> None:
        """A batch that ends below a floor leaves nothing, and its keys stay usable."""
        with store.transaction() as book:
            book.post([earn("e", 10)])
            before = _picture(book)
            with pytest.raises(LedgerError, match="-1 points"):
                book.post([earn("x", 5), redeem("r", 16)])
            assert _picture(book) == before
            book.post([earn("x", 5), redeem("r", 15)])
            assert book.balances(ACME) == {}

    def test_arrears_never_rise_above_zero(self, store: Store) -> None:
        """Arrears are owed, so their balance is at most 0."""
        with store.transaction() as book:
            book.post([entry("a", leg(ISSUED, 5), leg(ARREARS, -5))])
            with pytest.raises(LedgerError, match="never above 0"):
                book.post([entry("b", leg(ISSUED, -6), leg(ARREARS, 6))])
            assert book.balance(ARREARS, "points") == -5

    def test_a_bucket_without_enough_lots_is_refused(self, store: Store) -> None:
        """The expiry day that a debit names must have the lots, whatever the balance is."""
        with store.transaction() as book:
            book.post([earn("e", 10, 100)])
            before = _picture(book)
            with pytest.raises(LedgerError, match="0 of that day are left"):
                book.post([redeem("r", 4, 101)])
            assert _picture(book) == before

    def test_entries_that_do_not_balance_cannot_be_built(self, store: Store) -> None:
        """Nothing that is out of balance or empty ever reaches a store."""
        for postings in ((), (leg(ISSUED, -10), leg(AVAILABLE, 9, 100))):
            with pytest.raises(LedgerError), store.transaction() as book:
                book.post([entry("bad", *postings)])
        with store.transaction() as book:
            assert list(book.entries()) == []

    def test_entries_are_found_by_holder_and_cause(self, store: Store) -> None:
        """Entries come in order of posting: all, one holder's, one cause's, or both."""
        zoe = Account(ZOE, "available")
        with store.transaction() as book:
            book.post([earn("a", 1), earn("b", 1, to=zoe), earn("c", 1)])
            book.post([entry("d", leg(ISSUED, -2), leg(AVAILABLE, 1, 9), leg(zoe, 1, 9), cause="a")])
            found = {
                "all": book.entries(),
                "acme": book.entries(holder=ACME),
                "zoe": book.entries(holder=ZOE),
                "cause": book.entries(cause="a"),
                "both": book.entries(holder=ZOE, cause="a"),
                "none": book.entries(holder=Holder.person("nobody")),
            }
            assert {name: "".join(one.key for one in entries) for name, entries in found.items()} == {
                "all": "abcd",
                "acme": "acd",
                "zoe": "bd",
                "cause": "ad",
                "both": "d",
                "none": "",
            }

    def test_more_entries_than_a_page_are_read_in_order(self, store: Store) -> None:
        """Reading in pages loses nothing and repeats nothing."""
        keys = [f"e{number}" for number in range(1_101)]
        with store.transaction() as book:
            book.post([earn(key, 1) for key in keys])
            assert [one.key for one in book.entries()] == keys
            assert [one.key for one in book.entries(holder=ACME)] == keys
            assert sum(lot.remaining for lot in book.lots(AVAILABLE, "points")) == 1_101

    def test_the_trial_balance_sums_to_zero(self, store: Store) -> None:
        """The programme's side is included, so each asset sums to 0."""
        with store.transaction() as book:
            status = Account(ACME, "standing")
            book.post([earn("a", 10), redeem("b", 4)])
            book.post(
                [entry("c", leg(Account(None, "standing"), -1, None, "tier.gold"), leg(status, 1, None, "tier.gold"))]
            )
            trial = book.trial_balance()
            assert trial == {
                ("programme/issued", "points"): -10,
                ("programme/redeemed", "points"): 4,
                ("partner:acme/available", "points"): 6,
                ("programme/standing", "tier.gold"): -1,
                ("partner:acme/standing", "tier.gold"): 1,
            }
            assert book.balance(ISSUED, "points") == -10
            assert book.balance(Account(None, "expired"), "points") == 0
            assert verify(book) == []

    def test_old_balances_follow_both_axes(self, store: Store) -> None:
        """What counted at an instant, and what was known of it at another."""
        with store.transaction() as book:
            book.post([earn("a", 10, at=10), earn("late", 5, at=12)])
            book.post([entry("fix", leg(ISSUED, 4), leg(AVAILABLE, -4, 100), at=10, recorded_at=30)])
            for effective_at, recorded_at, expected in (
                (9, None, 0),
                (10, None, 6),
                (12, None, 11),
                (12, 29, 15),
                (10, 29, 10),
                (12, 11, 10),
            ):
                found = book.balances_at(ACME, effective_at=effective_at, recorded_at=recorded_at)
                assert found == ({("available", "points"): expected} if expected else {})


class LotContract:
    """Lots: the order in which they go, who consumed them, and what moves carry along."""

    def test_lots_go_by_expiry_then_earning_then_posting(self, store: Store) -> None:
        """Lots are shown, and consumed within their day, in the declared order."""
        with store.transaction() as book:
            book.post([earn("late", 5, 200, at=1), earn("b", 5, at=7), earn("a", 5, at=3), earn("c", 5, at=3)])
            assert [lot.entry_key for lot in book.lots(AVAILABLE, "points")] == ["a", "c", "b", "late"]
            book.post([redeem("r", 7)])
            assert _remaining(book, AVAILABLE) == [(100, 3, "c", 5, 3), (100, 7, "b", 5, 5), (200, 1, "late", 5, 5)]

    def test_a_lot_that_was_earned_earlier_but_posted_later_goes_first(self, store: Store) -> None:
        """A late credit takes its place by earning, in front of lots that were begun."""
        with store.transaction() as book:
            book.post([earn("a", 5, at=10)])
            book.post([redeem("r", 2)])
            book.post([earn("late", 5, at=1)])
            book.post([redeem("s", 6)])
            assert _remaining(book, AVAILABLE) == [(100, 10, "a", 5, 2)]

    def test_allocations_tell_who_consumed_what(self, store: Store) -> None:
        """Each debit keeps the lots that it took, with how much."""
        with store.transaction() as book:
            book.post([earn("a", 5, at=1), earn("b", 5, at=2)])
            book.post([redeem("r", 3)])
            book.post([redeem("s", 4)])
            taken = [
                (item.entry_key, item.posting, item.lot.entry_key, item.amount)
                for item in book.allocations(AVAILABLE, "points")  # type: ignore[attr-defined]
            ]
            assert taken == [("r", 0, "a", 3), ("s", 0, "a", 2), ("s", 0, "b", 2)]

    def test_a_move_keeps_the_instants_of_earning(self, store: Store) -> None:
        """Points that mature are as old as when they were earned: one lot for each instant that was consumed."""
        with store.transaction() as book:
            book.post([earn("a", 5, at=10, to=PENDING), earn("b", 5, at=20, to=PENDING)])
            book.post([earn("now", 5, at=15)])
            book.post([move("m", 8, of=PENDING, to=AVAILABLE, at=30)])
            assert _remaining(book, PENDING) == [(100, 20, "b", 5, 2)]
            assert _remaining(book, AVAILABLE) == [
                (100, 10, "m", 5, 5),
                (100, 15, "now", 5, 5),
                (100, 20, "m", 3, 3),
            ]

    def test_a_move_and_an_award_in_one_entry_stay_apart(self, store: Store) -> None:
        """Only legs of one day and one reason are a move; what is credited beyond the debit is new."""
        with store.transaction() as book:
            book.post([earn("a", 5, at=10, to=PENDING)])
            mixed = entry(
                "m",
                leg(PENDING, -5, 100, rule="@activation"),
                leg(AVAILABLE, 5, 100, rule="@activation"),
                leg(AVAILABLE, 7, 100, rule="bonus"),
                leg(ISSUED, -7),
                at=30,
            )
            book.post([mixed])
            assert _remaining(book, AVAILABLE) == [(100, 10, "m", 5, 5), (100, 30, "m", 7, 7)]

    def test_a_reversed_move_carries_the_instants_back(self, store: Store) -> None:
        """A correction that takes points back to pending keeps when they were earned."""
        with store.transaction() as book:
            book.post([earn("a", 5, at=10, to=PENDING)])
            book.post([move("m", 5, of=PENDING, to=AVAILABLE, at=30)])
            book.post([move("back", 5, of=AVAILABLE, to=PENDING, at=30)])
            assert _remaining(book, PENDING) == [(100, 10, "back", 5, 5)]
            assert book.balances(ACME) == {("pending", "points"): 5}

    def test_a_hold_and_its_release_are_moves(self, store: Store) -> None:
        """What is held leaves the available lots and comes back with its age."""
        with store.transaction() as book:
            book.post([earn("a", 9, at=10)])
            book.post([move("h", 4, of=AVAILABLE, to=HELD, at=11)])
            assert book.balances(ACME) == {("available", "points"): 5, ("held", "points"): 4}
            book.post([move("free", 1, of=HELD, to=AVAILABLE, at=12), redeem("capture", 3, of=HELD)])
            assert _remaining(book, AVAILABLE) == [(100, 10, "a", 9, 5), (100, 10, "free", 1, 1)]
            assert verify(book) == []


class HistoryContract:
    """Events, deliveries, decisions and the clock."""

    def test_events_are_found_by_identity_and_origin(self, store: Store) -> None:
        """An event is found by its identity, and those about it in order of acceptance."""
        won = deal("D/1", at=5, person="zoe")
        refund = deal("R-1", at=9, kind="deal.refunded", of="D/1")
        again = deal("R-0", at=8, kind="deal.refunded", of="D/1", fields={"text": "ß", "yes": True})
        with store.transaction() as book:
            recorded = [book.add_event(event, recorded_at=50 + at) for at, event in enumerate((won, refund, again))]
        with store.transaction() as book:
            assert recorded[0].sequence < recorded[1].sequence < recorded[2].sequence
            assert book.find_event("crm/D/1") == recorded[0]
            assert list(book.events_about("crm/D/1")) == recorded[1:]
            assert book.find_event("crm/D/2") is None
            assert list(book.events_about("crm/R-1")) == []

    def test_a_known_identity_is_refused(self, store: Store) -> None:
        """An identity is used once, and the refusal changes nothing."""
        with store.transaction() as book:
            first = book.add_event(deal("D-1"), recorded_at=1)
            with pytest.raises(LedgerError, match="crm/D-1 is recorded already"):
                book.add_event(deal("D-1", at=7), recorded_at=2)
            assert book.find_event("crm/D-1") == first
            assert book.add_event(deal("D-2"), recorded_at=3).sequence > first.sequence

    def test_a_history_is_in_order_of_acceptance(self, store: Store) -> None:
        """Whatever the order of delivery, a history is read in order of acceptance."""
        with store.transaction() as book:
            first, second = (book.add_event(deal(id), recorded_at=1) for id in ("D-1", "D-2"))
            book.deliver("crm/D-2", ACME, {})
            book.deliver("crm/D-1", ACME, {"partner_tier": 2})
            book.deliver("crm/D-1", ZOE, {})
            assert [item.recorded for item in book.received(ACME)] == [first, second]
            assert book.received(ACME)[0].inputs == {"partner_tier": 2}
            assert list(book.recipients("crm/D-1")) == [ACME, ZOE]
            assert list(book.recipients("crm/D-2")) == [ACME]
            assert list(book.recipients("crm/D-3")) == []
            assert list(book.received(Holder.person("nobody"))) == []

    def test_recording_delivers_at_once(self, store: Store) -> None:
        """An event that is recorded with those whom it reaches is in their histories as if it were delivered then."""
        with store.transaction() as book:
            book.add_event(deal("D-1"), recorded_at=1, reaches=[(ACME, {}), (ZOE, {"tier": 2})], at=7)
            assert book.holder_mark(ACME) == (delivery_step("crm/D-1", "{}"), None)
            assert book.holder_version(ZOE) == delivery_step("crm/D-1", '{"tier":2}')
            book.deliver("crm/D-1", ZOE, {"tier": 2})
            book.set_clock_day(20_000, ACME)
        with store.transaction() as book:
            assert list(book.recipients("crm/D-1")) == [ACME, ZOE]
            assert [(item.inputs, item.at) for item in book.received(ZOE)] == [({"tier": 2}, 7)]
            assert book.holder_mark(ACME) == (delivery_step("crm/D-1", "{}"), 20_000)
            assert book.holder_mark(ZOE) == (delivery_step("crm/D-1", '{"tier":2}'), None)

    def test_delivering_again_replaces_the_inputs(self, store: Store) -> None:
        """A second delivery changes what the event brings, not how often it is there."""
        with store.transaction() as book:
            book.add_event(deal("D-1"), recorded_at=1)
            book.deliver("crm/D-1", ACME, {"tier": 1})
            version = book.holder_version(ACME)
            book.deliver("crm/D-1", ACME, {"tier": 3})
            assert [item.inputs for item in book.received(ACME)] == [{"tier": 3}]
            assert book.holder_version(ACME) > version
            with pytest.raises(LedgerError, match="not recorded"):
                book.deliver("crm/D-7", ACME, {})

    def test_what_counts_from_an_instant_on_is_read_apart(self, store: Store) -> None:
        """By the instants that events and decisions count from, which delivering again never moves."""
        with store.transaction() as book:
            for id, at in (("D-1", 5), ("D-2", 9), ("D-3", 7)):
                book.add_event(deal(id, at=at), recorded_at=1)
                book.deliver(f"crm/{id}", ACME, {})
            book.add_event(deal("V-1", at=2, kind="void", of="D-3"), recorded_at=1)
            book.deliver("crm/V-1", ACME, {}, at=7)
            for grant in (_grant("a", at=4), _grant("b", at=8), _grant("c", at=8), _grant("d", ZOE, at=9)):
                book.add_grant(grant)
        for inputs in ({}, {"tier": 2}):
            with store.transaction() as book:
                book.deliver("crm/V-1", ACME, inputs)
                since = book.received(ACME, since=7)
                assert [item.recorded.event.id for item in since] == ["D-2", "D-3", "V-1"]
                assert [(item.at, item.inputs) for item in since] == [(9, {}), (7, {}), (7, inputs)]
                assert [item.at for item in book.received(ACME)] == [5, 9, 7, 7]
                assert list(book.received(ACME, since=10)) == list(book.received(ZOE, since=0)) == []
                assert [grant.key for grant in book.grants(ACME, since=8)] == ["b", "c"]
                assert [grant.key for grant in book.grants(ACME)] == ["a", "b", "c"]

    def test_a_version_grows_with_each_change(self, store: Store) -> None:
        """Deliveries and grants raise the holder's version; entries and other holders do not."""
        with store.transaction() as book:
            book.add_event(deal("D-1"), recorded_at=1)
            versions = [book.holder_version(ACME)]
            book.post([earn("a", 5)])
            versions.append(book.holder_version(ACME))
            book.deliver("crm/D-1", ACME, {})
            versions.append(book.holder_version(ACME))
            book.add_grant(_grant("g"))
            versions.append(book.holder_version(ACME))
            book.add_grant(_grant("h", ZOE))
            versions.append(book.holder_version(ACME))
            assert versions[:2] == [0, 0]
            assert versions[1] < versions[2] < versions[3] == versions[4]

    def test_grants_are_kept_in_order_of_recording(self, store: Store) -> None:
        """Decisions are found by key and by holder, and a key is used once."""
        with store.transaction() as book:
            for grant in (_grant("b", at=9), _grant("a", at=5), _grant("c", ZOE)):
                book.add_grant(grant)
            with pytest.raises(LedgerError, match="grant a is recorded already"):
                book.add_grant(_grant("a"))
        with store.transaction() as book:
            assert list(book.grants(ACME)) == [_grant("b", at=9), _grant("a", at=5)]
            assert book.find_grant("c") == _grant("c", ZOE)
            assert book.find_grant("c").note == {"reason": "gift"}  # type: ignore[union-attr]
            assert book.find_grant("d") is None
            assert list(book.grants(Holder.partner("nobody"))) == []

    def test_holders_come_by_layer_and_id(self, store: Store) -> None:
        """Every holder with a history or a grant, partners first; a wallet alone is none."""
        with store.transaction() as book:
            book.post([earn("a", 5, to=Account(Holder.partner("wallet"), "available"))])
            book.add_event(deal("D-1"), recorded_at=1)
            for holder in (ZOE, Holder.partner("b"), Holder.partner("Ä"), Holder.partner("B")):
                book.deliver("crm/D-1", holder, {})
            book.add_grant(_grant("g", Holder.person("amy")))
            names = ["partner:B", "partner:b", "partner:Ä", "person:amy", "person:zoe"]
            assert [str(holder) for holder in book.holders()] == names

    def test_the_front_is_the_latest_instant_from_which_anything_counts(self, store: Store) -> None:
        """Of events, by where they count from, of decisions and of entries; a book of nothing has none."""
        with store.transaction() as book:
            assert book.front() is None
            book.add_event(deal("D-1"), recorded_at=1)
            at = deal("D-1").occurred_at
            assert book.front() == at
            book.add_event(deal("D-2"), recorded_at=2, counts_from=at + 5)
            assert book.front() == at + 5
            book.post([earn("a", 5, at=at + 7)])
            assert book.front() == at + 7
        with store.transaction(read_only=True) as book:
            assert book.front() == at + 7

    def test_the_clock_is_kept(self, store: Store) -> None:
        """A book that was never advanced has no clock."""
        with store.transaction() as book:
            assert book.clock_day() is None
            book.set_clock_day(20_000)
        with store.transaction() as book:
            assert book.clock_day() == 20_000
            book.set_clock_day(20_001)
            assert book.clock_day() == 20_001

    def test_a_book_remembers_the_chains_that_it_took_up(self, store: Store) -> None:
        """The last one holds, and all of them can be read with who took them up and why."""
        one = Adoption(chain="c1", revisions=((0, "r1"),), recorded_at=5)
        two = Adoption(chain="c2", revisions=((0, "r1"), (20_000, "r2")), recorded_at=6, actor="u-1", reason="rates")
        with store.transaction() as book:
            assert (book.chain(), book.adoptions()) == (None, ())
            book.adopt(one)
            assert book.chain() == "c1"
        with contextlib.suppress(RuntimeError), store.transaction() as book:
            book.adopt(two)
            raise RuntimeError
        with store.transaction() as book:
            assert book.chain() == "c1"
            book.adopt(two)
            book.set_clock_day(20_001)
        with store.transaction(read_only=True) as book:
            assert (book.chain(), book.clock_day()) == ("c2", 20_001)
            assert tuple(book.adoptions()) == (one, two)

    def test_locks_are_kept(self, store: Store) -> None:
        """The last one holds, with who did it and why; a book that was never locked has none."""
        first = BookLock(through_day=20_000, recorded_at=5, actor="u-1", reason="closed")
        with store.transaction() as book:
            assert (book.locked_day(), book.locks()) == (None, ())
            book.add_lock(first)
            assert book.locked_day() == 20_000
        with store.transaction() as book:
            assert (book.locked_day(), book.locks()) == (20_000, (first,))
            opened = BookLock(through_day=None, recorded_at=6, actor="u-2", reason="opened")
            book.add_lock(opened)
        with store.transaction(read_only=True) as book:
            assert (book.locked_day(), book.locks()) == (None, (first, opened))


class TransactionContract:
    """Whole or not at all."""

    @staticmethod
    def _do_everything(book: Transaction) -> None:
        book.add_event(deal("D-2", of="D-1"), recorded_at=2)
        book.deliver("crm/D-2", ACME, {})
        book.deliver("crm/D-1", ACME, {"tier": 9})
        book.deliver("crm/D-2", Holder.partner("new"), {})
        book.add_grant(_grant("g2"))
        book.post([earn("b", 5, at=1), redeem("r", 7), earn("n", 5, 7, to=Account(Holder.partner("new"), "available"))])
        book.post([move("m", 3, of=AVAILABLE, to=HELD), earn("other", 5, 101)])
        book.set_clock_day(9)

    def _do_everything_and_fail(self, store: Store) -> None:
        with store.transaction() as book:
            self._do_everything(book)
            raise _Surprise

    def _nest_and_fail(self, store: Store) -> None:
        with store.transaction() as outer:
            self._start(outer)
            with store.transaction() as inner:
                inner.set_clock_day(77)
                assert inner.find_entry("a") is not None
            assert outer.clock_day() == 77
            raise _Surprise

    @staticmethod
    def _start(book: Transaction) -> None:
        book.add_event(deal("D-1"), recorded_at=1)
        book.deliver("crm/D-1", ACME, {"tier": 1})
        book.add_grant(_grant("g"))
        book.post([earn("a", 5, at=2), earn("a2", 5, at=3)])
        book.set_clock_day(8)

    def test_an_error_leaves_nothing_behind(self, store: Store) -> None:
        """After an error inside a transaction the book is exactly as before, and goes on."""
        with store.transaction() as book:
            self._start(book)
            before = _picture(book)
        with pytest.raises(_Surprise):
            self._do_everything_and_fail(store)
        with store.transaction() as book:
            assert _picture(book) == before
            assert list(book.events_about("crm/D-1")) == []
            self._do_everything(book)
            assert verify(book) == []
        with store.transaction() as book:
            assert len(list(book.entries())) == 7

    def test_a_transaction_inside_another_joins_it(self, store: Store) -> None:
        """What the inner one did goes with the outer one."""
        with pytest.raises(_Surprise):
            self._nest_and_fail(store)
        with store.transaction() as book:
            assert (book.clock_day(), list(book.entries())) == (None, [])

    def test_an_error_in_an_inner_transaction_undoes_that_alone(self, store: Store) -> None:
        """A host that catches the inner error keeps what it did before and after."""
        with store.transaction() as outer:
            self._start(outer)
            before = _picture(outer)
            with pytest.raises(_Surprise):
                self._do_everything_and_fail(store)
            assert _picture(outer) == before
            self._do_everything(outer)
        with store.transaction() as book:
            assert book.clock_day() == 9
            assert verify(book) == []

    def test_a_swallowed_refusal_keeps_the_transaction_usable(self, store: Store) -> None:
        """A refused batch is no reason to lose the rest of the transaction."""
        with store.transaction() as book:
            self._start(book)
            with pytest.raises(LedgerError):
                book.post([redeem("r", 5), redeem("s", 6)])
            book.post([redeem("s", 6)])
        with store.transaction() as book:
            assert book.balance(AVAILABLE, "points") == 4
            assert book.balance(REDEEMED, "points") == 6


class ReadingContract:
    """Transactions that only read."""

    def test_a_reader_sees_what_a_writer_left(self, store: Store) -> None:
        """Reading gives the same picture with and without the right to write, and an audit needs none."""
        with store.transaction() as book:
            TransactionContract._start(book)
            TransactionContract._do_everything(book)
            before = _picture(book)
        with store.transaction(read_only=True) as book:
            assert _picture(book) == before
            assert verify(book) == []

    def test_an_empty_book_reads_as_empty(self, store: Store) -> None:
        """A book that nobody wrote to has nothing of anything, and reading does not start it."""
        with store.transaction(read_only=True) as book:
            found = (list(book.entries()), list(book.holders()), list(book.lots(AVAILABLE, "points")))
            assert found == ([], [], [])
            assert (book.balance(ISSUED, "points"), book.balances(ACME), book.trial_balance()) == (0, {}, {})
            assert (book.find_entry("a"), book.find_event("crm/D-1"), book.find_grant("g")) == (None, None, None)
            assert (book.clock_day(), book.holder_version(ACME)) == (None, 0)
            assert (list(book.received(ACME)), list(book.grants(ACME)), verify(book)) == ([], [], [])

    def test_whoever_only_reads_cannot_write(self, store: Store) -> None:
        """Each write is refused, also one that would have changed nothing, and the reader goes on."""
        with store.transaction() as book:
            TransactionContract._start(book)
            before = _picture(book)
        writes: list[Callable[[Transaction], object]] = [
            lambda book: book.add_event(deal("D-1"), recorded_at=1),
            lambda book: book.add_event(deal("D-2"), recorded_at=1),
            lambda book: book.deliver("crm/D-1", ACME, {"tier": 1}),
            lambda book: book.deliver("crm/D-1", ZOE, {}),
            lambda book: book.add_grant(_grant("g")),
            lambda book: book.add_grant(_grant("h")),
            lambda book: book.post([]),
            lambda book: book.post([earn("b", 5)]),
            lambda book: book.set_clock_day(9),
        ]
        with store.transaction(read_only=True) as book:
            for write in writes:
                with pytest.raises(StoreError, match="only reads"):
                    write(book)
            assert _picture(book) == before
        with store.transaction() as book:
            assert _picture(book) == before
            book.set_clock_day(9)

    def test_nothing_inside_a_reader_writes(self, store: Store) -> None:
        """A transaction inside one that only reads only reads too, and what comes after them writes again."""
        with store.transaction(read_only=True), store.transaction() as inner:
            with pytest.raises(StoreError, match="only reads"):
                inner.set_clock_day(9)
            assert inner.clock_day() is None
        with store.transaction() as book:
            book.set_clock_day(10)

    def test_a_reader_inside_a_writer_sees_its_work(self, store: Store) -> None:
        """What is not committed yet is there for a reader that joins, and the writer goes on after it."""
        with store.transaction() as outer:
            outer.set_clock_day(9)
            with store.transaction(read_only=True) as inner:
                assert inner.clock_day() == 9
                with pytest.raises(StoreError, match="only reads"):
                    inner.set_clock_day(10)
            outer.set_clock_day(11)
        with store.transaction(read_only=True) as book:
            assert book.clock_day() == 11


class StoreContract(PostingContract, LotContract, HistoryContract, TransactionContract, ReadingContract):
    """Everything that a store must do."""

    def test_a_declaration_is_kept_once(self, store: Store) -> None:
        """What is declared again keeps its first text and instant, and another one stands beside it."""
        first, second = (
            Declaration("aa11", 0, "language: 1\n# Ünïcode"),
            Declaration("0022", 20_500, "language: 1\n", "aa11"),
        )
        for at, declared in ((5, [first]), (6, [first, second]), (7, [Declaration("aa11", 1, "another")])):
            with store.transaction() as book:
                book.declare(declared, recorded_at=at)
        with store.transaction(read_only=True) as book:
            assert book.declarations() == (
                Declaration("0022", 20_500, "language: 1\n", "aa11", 6),
                Declaration("aa11", 0, "language: 1\n# Ünïcode", None, 5),
            )

    def test_a_declaration_of_a_transaction_that_fails_is_kept_by_the_next(self, store: Store) -> None:
        """Nothing remembers what was undone, inside a block or with the whole transaction."""
        declared = [Declaration("aa11", 0, "language: 1\n")]

        def fail(at: int) -> None:
            with store.transaction() as book:
                book.declare(declared, recorded_at=at)
                raise _Surprise

        with pytest.raises(_Surprise):
            fail(5)
        with store.transaction() as book:
            with pytest.raises(_Surprise):
                fail(6)
            assert book.declarations() == ()
            book.declare(declared, recorded_at=7)
        with store.transaction(read_only=True) as book:
            assert [one.recorded_at for one in book.declarations()] == [7]
        with pytest.raises(StoreError, match="only reads"), store.transaction(read_only=True) as book:
            book.declare([Declaration("bb22", 0, "language: 1\n")], recorded_at=8)
