"""
Running the examples of a programme file: what they expect is compared with what settlement gives.

Each expectation looks at the end of its day: what happened later is not yet known. A failed one is a finding at its
line, with what was got.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import define, field

from loyalty.core.calendar import format_day
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.errors import Finding, LoyaltyError, Place
from loyalty.explaining.words import amount_words
from loyalty.ledger.store import Grant
from loyalty.programme.admission import read_event
from loyalty.programme.model import Example, Expected, Given, Programme
from loyalty.programme.notes import Notes, join_words
from loyalty.settlement.settle import Settlement, settle


def check_examples(programme: Programme) -> list[Finding]:
    """
    Run every example of a programme.

    Returns:
        A finding for each expectation that is not met, in the order of the file; none where all hold.

    >>> from loyalty.programme.loading import loads
    >>> from loyalty.settlement.settle import EXAMPLE
    >>> wrong = '''
    ... examples:
    ...   - given:
    ...       - {on: deal.won, at: 2026-02-03, amount: 1000.00 EUR}
    ...     expect:
    ...       - {at: 2026-02-03, points: 11}
    ... '''
    >>> print(check_examples(loads(EXAMPLE + wrong))[0])
    <text>:19:9: example-failed: got available: 10 points
      why: example 1 expects partner:p1 to have 11 points at the end of 2026-02-03
      fix: mend the rules, or the example if it is wrong
    """
    try:
        text = Path(programme.file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        text = ""
    notes = Notes(text, programme.file)
    return list(chain.from_iterable(_Run(programme, example, notes).findings() for example in programme.examples))


@define
class _Run:
    """One example, settled up to each of its expectations."""

    programme: Programme
    example: Example
    notes: Notes
    events: list[Event] = field(factory=list)
    grants: list[Grant] = field(factory=list)

    def findings(self) -> Iterator[Finding]:
        redemptions = [given for given in self.example.given if "redeem" in given.raw]
        self.events = [
            read_event(self.programme, given.raw) for given in self.example.given if "redeem" not in given.raw
        ]
        try:
            for given in sorted(redemptions, key=self.instant):
                yield from self.redeem(given)
            for expected in self.example.expect:
                yield from self.compare(expected)
        except LoyaltyError as error:
            fix = "mend what the example is given"
            yield self.finding("example-refused", self.example.place, self.example.name, str(error), fix)

    def redeem(self, given: Given) -> Iterator[Finding]:
        """Decide a redemption as the engine does: what is available then is enough, or it is refused."""
        at = self.instant(given)
        day = self.programme.calendar.day_of(at)
        raw = given.raw
        holder = Holder.person(raw["person"]) if "person" in raw else Holder.partner(raw["partner"])
        for currency, amount in raw["redeem"].items():
            settled = self.settle(at, day)
            available = settled.balances.get((holder, "available", currency), 0)
            if available < amount:
                asked, has = self.words(currency, amount), self.words(currency, available)
                why = f"in {self.name} {holder} asks to redeem {asked} on {format_day(day)} and has {has} available"
                yield self.finding("example-refused", given.place, f"redeem: {asked}", why, f"redeem {has} or less")
                continue
            key = f"{self.example.name}:{len(self.grants)}"
            self.grants.append(
                Grant(key=key, kind="redeem", holder=holder, currency=currency, amount=amount, at=at, note={})
            )

    def compare(self, expected: Expected) -> Iterator[Finding]:
        """Give a finding where anything is otherwise than expected."""
        last_instant = self.programme.calendar.day_start_us(expected.day + 1) - 1
        settled = self.settle(last_instant, expected.day)
        holder = Holder.parse(expected.holder)
        got, wanted = [], []
        for (currency, account), amount in expected.balances.items():
            has = settled.balances.get((holder, account, currency), 0)
            has = -has if account == "arrears" else has
            if has != amount:
                label = "" if account == "available" else f" {account}"
                got.append(f"{account}: {self.words(currency, has)}")
                wanted.append(f"{self.words(currency, amount)}{label}")
        tier = settled.tier(holder)
        if expected.tier is not None and tier != expected.tier:
            got.append(f"tier: {tier}")
            wanted.append(f"tier {expected.tier}")
        badges = [asset[6:] for owner, _, asset in settled.balances if owner == holder and asset.startswith("badge.")]
        missing = [badge for badge in expected.badges if badge not in badges]
        if missing:
            got.append(f"badges: {', '.join(sorted(badges)) or 'none'}")
            wanted.append(f"badge {', '.join(missing)}")
        if wanted:
            why = f"{self.name} expects {holder} to have {join_words(wanted)} at the end of {format_day(expected.day)}"
            fix = "mend the rules, or the example if it is wrong"
            yield self.finding("example-failed", expected.place, ", ".join(got), why, fix)

    def settle(self, last_instant: int, day: int) -> Settlement:
        events = [event for event in self.events if event.occurred_at <= last_instant]
        grants = [grant for grant in self.grants if grant.at <= last_instant]
        return settle(self.programme, events, grants, until_day=day)

    @property
    def name(self) -> str:
        name = self.example.name
        return name if name.startswith("example ") else f'example "{name}"'

    def instant(self, given: Given) -> int:
        at: Any = given.raw["at"]
        return self.programme.calendar.parse_instant_us(str(at))

    def words(self, currency: str, amount: int) -> str:
        return amount_words(self.programme, currency, amount)

    def finding(self, code: str, place: Place, got: str, why: str, fix: str) -> Finding:
        return Finding(code, place, got, why, fix, self.notes.excerpt(place, 1000))
