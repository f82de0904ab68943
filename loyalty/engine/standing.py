"""
Where a holder stands: tier, badges and metrics, at one instant by what was known at another.

What stands now is read off the state that the engine keeps. Everything else is settled from the recorded history, which
posts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from loyalty.core.calendar import NEVER, date_of
from loyalty.core.holders import Holder, Layer
from loyalty.engine.arguments import Moment, end_of, holder_of
from loyalty.engine.histories import Histories
from loyalty.engine.known import Known
from loyalty.engine.receipts import Standing, TierChange
from loyalty.engine.received import Facts
from loyalty.engine.working import Working
from loyalty.ledger.lines import StandingLine
from loyalty.ledger.store import Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import tiers_of
from loyalty.settlement.history import Placed
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.journal import postings_of
from loyalty.settlement.reading import cap_rooms, metric_values
from loyalty.settlement.settle import Item, Outcome, apply_item, clock_outcomes

_TIER, _BADGE = "tier.", "badge."


class Standings(Working):
    """What an engine reads of standing; nothing is posted."""

    def standing(self, holder: Holder | str, at: Moment | None = None, *, known_at: Moment | None = None) -> Standing:
        """
        Give the holder's tier, badges, metrics and room under caps at an instant, with everything due by then.

        Args:
            at: UTC microseconds or an aware datetime; or a day as ISO text or date (its end); or None for now.
            known_at: Likewise: events and commands that were recorded later are left out, so that the answer is the
                one that the engine gave then. All that is known by default.

        Raises:
            UsageError: an argument is of another kind.
        """
        calendar = self.programme.calendar
        at_us = self._clock() if at is None else end_of(at, calendar)
        known_us = None if known_at is None else end_of(known_at, calendar)
        with self._transaction(read_only=True) as tx:
            return standing_of(self._histories, tx, holder_of(holder), at_us, known_us)

    def tiers_over_time(self, holder: Holder | str, *, known_at: Moment | None = None) -> tuple[TierChange, ...]:
        """
        Give each change of the tier in force until now, the earliest first; before the first it is the base tier.

        Args:
            known_at: As for :meth:`standing`; the changes are then those until that instant.

        Raises:
            UsageError: an argument is of another kind.
        """
        known_us = None if known_at is None else end_of(known_at, self.programme.calendar)
        at_us = self._clock() if known_us is None else known_us
        with self._transaction(read_only=True) as tx:
            whose = holder_of(holder)
            _, lines = _settled(self._histories, tx, whose, at_us, known_us)
        return _tier_changes(self.programme, lines)


def standing_of(histories: Histories, tx: Transaction, holder: Holder, at: int, known_at: int | None) -> Standing:
    """Give where the holder stands at UTC microseconds *at*, by what was recorded until *known_at*, or by all."""
    programme = histories.programme
    day = programme.calendar.day_of(at)
    run, lines = _settled(histories, tx, holder, at, known_at)
    layout = histories.steps.layers[holder.layer].layout
    s = run.scalars
    is_partner = holder.layer is Layer.PARTNER
    tiers = tiers_of(programme)
    changes = _tier_changes(programme, lines)
    return Standing(
        holder=holder,
        at=at,
        known_at=known_at,
        tier=tiers[s.effective] if is_partner else None,
        tier_since=changes[-1].at if changes else None,
        earned_tier=tiers[s.tier] if is_partner else None,
        by_hand_through=date_of(s.manual_end - 1) if s.manual >= 0 and s.manual_end < NEVER else None,
        grace_ends=date_of(s.grace_end) if s.grace_end < NEVER else None,
        next_review=date_of(s.next_review) if s.next_review < NEVER else None,
        badges=_badges_held(lines),
        metrics=metric_values(layout, run, day),
        caps=tuple(cap_rooms(layout, run, day)),
    )


def _settled(
    histories: Histories, tx: Transaction, holder: Holder, at: int, known_at: int | None
) -> tuple[HolderRun, Sequence[StandingLine]]:
    """Give the holder's state at an instant, to be read only, and what came and went of its standing until then."""
    found = histories.state_at(tx, holder, at) if known_at is None else None
    if found is not None:
        run, due = found
        outcomes = clock_outcomes(histories.steps, holder, due)
        return run, [*tx.standing_lines(holder), *_standing_lines(histories, outcomes)]
    facts: Facts = tx if known_at is None else Known(tx, known_at)
    items = _until(histories.items(facts, holder), at)
    if known_at is not None and holder.layer is Layer.PERSON:
        items = _with_tiers(histories, facts, items, at)
    run, outcomes = HolderRun(histories.steps, holder), []
    for item in items:
        apply_item(histories.steps, run, item, outcomes)
    outcomes += clock_outcomes(histories.steps, holder, run.advance(histories.programme.calendar.day_of(at)))
    return run, _standing_lines(histories, outcomes)


def _until(items: Iterable[Item], at: int) -> list[Item]:
    # An item's key begins with the instant from which it counts.
    return [item for item in items if item.key[0] <= at]


def _with_tiers(histories: Histories, facts: Facts, items: Sequence[Item], at: int) -> list[Item]:
    """Give a person's items with the tiers that its partners had by what was known."""
    partners = {item.what.holders[0] for item in items if isinstance(item.what, Placed)}
    tiers: dict[str, int] = {}
    for partner in sorted(partners):
        run = HolderRun(histories.steps, partner)
        for item in _until(histories.items(facts, partner), at):
            tier = apply_item(histories.steps, run, item, [])
            if isinstance(item.what, Placed):
                tiers[item.what.event.identity] = tier
    return [
        item._replace(tier=tiers[item.what.event.identity]) if isinstance(item.what, Placed) else item for item in items
    ]


def _standing_lines(histories: Histories, outcomes: Iterable[Outcome]) -> list[StandingLine]:
    """Give what outcomes moved of a holder's standing, as the journal would have it."""
    return [
        StandingLine(
            asset=posting.asset, amount=posting.amount, rule=posting.rule, cause=posting.cause,
            effective_at=outcome.effective_at,
        )
        for outcome in outcomes
        for posting in postings_of(histories.steps.names, outcome.holder, outcome.movements, outcome.cause)
        if posting.account.owner is not None and posting.account.name == "standing"
    ]  # fmt: skip


def _net(lines: Iterable[StandingLine], prefix: str) -> dict[int, dict[StandingLine, int]]:
    """Sum lines of one sort by the instant, the earliest first, each without its amount; what cancels is left out."""
    sums: dict[int, dict[StandingLine, int]] = {}
    for line in lines:
        if line.asset.startswith(prefix):
            at = sums.setdefault(line.effective_at, {})
            same = evolve(line, amount=0)
            at[same] = at.get(same, 0) + line.amount
    return {at: {line: n for line, n in sums[at].items() if n} for at in sorted(sums)}


def _tier_changes(programme: Programme, lines: Iterable[StandingLine]) -> tuple[TierChange, ...]:
    """Give the changes of the tier in force; those of one instant are one."""
    base = tiers_of(programme)[0]
    held: dict[str, int] = {}
    tier = base
    changes = []
    for at, moved in _net(lines, _TIER).items():
        for line, amount in moved.items():
            held[line.asset] = held.get(line.asset, 0) + amount
        now = next((asset.removeprefix(_TIER) for asset, amount in held.items() if amount), base)
        if now != tier:
            # What came says why; of a fall to the base, which is not held, what went.
            asset, sign = (_TIER + tier, -1) if now == base else (_TIER + now, 1)
            why = next(line for line, amount in reversed(moved.items()) if line.asset == asset and amount * sign > 0)
            changes.append(TierChange(at, now, why.rule or "", why.cause))
            tier = now
    return tuple(changes)


def _badges_held(lines: Iterable[StandingLine]) -> dict[str, int]:
    """Give the badges that are held in the end, by name, each with the instant from which it is."""
    since: dict[str, int] = {}
    for at, moved in _net(lines, _BADGE).items():
        for line, amount in moved.items():
            if amount > 0:
                since[line.asset.removeprefix(_BADGE)] = at
        for line, amount in moved.items():
            if amount < 0:
                since.pop(line.asset.removeprefix(_BADGE), None)
    return dict(sorted(since.items()))
