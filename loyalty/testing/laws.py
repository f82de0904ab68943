"""
A law is a value: a name, one sentence, and a probe that looks at one history and gives what breaks the law there.

A probe knows nothing of where histories come from, so that the same law serves a directed search, Hypothesis and the
shrinking of what they find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from time import monotonic
from typing import Any, TypeAlias

from attrs import define, field, frozen

from loyalty.core.events import Event
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.testing.arrivals import unasked
from loyalty.testing.outcomes import Outcome

History: TypeAlias = tuple[Event, ...]


@frozen
class Lead:
    """A history that is worth a look, with the redemptions in it."""

    events: History
    grants: tuple[Grant, ...] = ()


@frozen(kw_only=True)
class Counterexample:
    """
    A history that breaks a law, or two of which one shows what is wrong with the other.

    Args:
        law: The law's name.
        claim: What is wrong, with the numbers.
        first: The history that is compared with; empty where one history shows it alone.
        second: The history that breaks the law.
        grants: Redemptions in both.
        first_label, second_label: What introduces each in a story.
        rules: The rules that cause it, the heaviest first, each with what it paid in the one and in the other.
    """

    law: str
    claim: str
    second: History
    first: History = ()
    grants: tuple[Grant, ...] = ()
    first_label: str = "while"
    second_label: str = "with"
    rules: tuple[tuple[str, str], ...] = ()

    @property
    def events(self) -> History:
        """Every different event of it, in order."""
        return tuple(sorted(dict.fromkeys((*self.first, *self.second)), key=lambda event: event.key))


class OutOfTimeError(Exception):
    """The search has used what time it was given."""


class EnoughError(Exception):
    """The search has settled as many histories as it was allowed."""


def _identity(event: Event) -> tuple[Any, ...]:
    """What tells events apart, their fields included, which an event's own hash leaves out."""
    return (*event.key, event.kind, event.partner, event.person, event.of, *event.fields.items())


@define(eq=False)
class Bench:
    """
    Settles histories of one programme and remembers the last of them.

    Args:
        programme: What is settled under; how late an event may come is not asked, for laws speak of accepted events.
        deadline: The :func:`time.monotonic` instant after which a settlement is refused, or None.
        allowance: How many histories may be settled in all, or None.
    """

    programme: Programme = field(converter=unasked)
    deadline: float | None = None
    allowance: int | None = None
    settled: int = 0
    notes: dict[str, Any] = field(factory=dict)
    _memory: dict[Any, Outcome] = field(factory=dict)

    def settle(self, events: Iterable[Event], grants: Sequence[Grant] = (), until_day: int | None = None) -> Outcome:
        """
        Settle a history.

        Raises:
            OutOfTimeError: the deadline has passed.
            EnoughError: as many histories were settled as were allowed.
        """
        history, decided = tuple(events), tuple(grants)
        key = (tuple(map(_identity, history)), decided, until_day)
        known = self._memory.get(key)
        if known is None:
            if self.deadline is not None and monotonic() > self.deadline:
                raise OutOfTimeError
            if self.allowance is not None and self.settled >= self.allowance:
                raise EnoughError
            if len(self._memory) > 5000:
                self._memory.clear()
            known = self._memory[key] = Outcome(self.programme, history, decided, until_day)
            self.settled += 1
        return known


@frozen(kw_only=True)
class Law:
    """
    A promise.

    Args:
        name: As in the ``fairness:`` section of a programme file, and in the name of its test.
        statement: One sentence.
        probe: Looks at one history and gives each way in which it breaks the law.
        leads: Gives histories for a directed search, simple ones first.
        uses_grants: Whether redemptions may be part of the history.
    """

    name: str
    statement: str
    probe: Callable[[Bench, Lead], Iterator[Counterexample]]
    leads: Callable[[Bench], Iterator[Lead]] = lambda _bench: iter(())
    uses_grants: bool = False

    def check(self, bench: Bench, lead: Lead) -> Counterexample | None:
        """Give the first way in which a history breaks the law, or None."""
        return next(self.probe(bench, lead), None)


class Verdict(Enum):
    """What a search came to."""

    HOLDS = "holds"
    VIOLATED = "violated"
    OPTED_OUT = "opted out"
    UNFINISHED = "unfinished"


@frozen(kw_only=True)
class LawResult:
    """
    What is known of one law for one programme.

    Args:
        reason: Why the programme opted out, or "".
        histories: How many histories were looked at.
        story: The counterexample as text, or "".
    """

    law: Law
    verdict: Verdict
    reason: str = ""
    histories: int = 0
    counterexample: Counterexample | None = None
    story: str = ""

    @property
    def name(self) -> str:
        """The law's name."""
        return self.law.name

    def __str__(self) -> str:
        tail = self.reason or (f"{self.histories} histories" if self.verdict is not Verdict.VIOLATED else "")
        return "\n".join(
            filter(None, (f"{self.name}: {self.verdict.value}" + (f" ({tail})" if tail else ""), self.story))
        )
