"""Advice: the nearest ways to a tier, from what the book knows of a partner."""

from __future__ import annotations

from collections.abc import Mapping

from loyalty.advising.advice import Advice
from loyalty.advising.advising import BUDGET, Asked, Present, advise
from loyalty.core.holders import Holder, Layer
from loyalty.engine.arguments import day_of, holder_of
from loyalty.engine.asking import Day
from loyalty.engine.working import Working
from loyalty.errors import UsageError
from loyalty.ledger.store import Transaction
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.saving import save
from loyalty.settlement.settle import apply_item


class Advises(Working):
    """What an engine says of how a tier can be reached; nothing is posted."""

    def advise(
        self,
        partner: Holder | str,
        tier: str,
        by: Day | None = None,
        *,
        actions: Mapping[str, int] | None = None,
        budget: int = BUDGET,
    ) -> Advice:
        """
        Say how a partner can reach a tier, or keep one that it has, by a day.

        What is missing of each condition is told, and some of the smallest sets of actions that would do. Each was
        settled on a copy of the partner's state, with the clock run through the day: with every one of its actions the
        tier is there, and without any one of them it is not.

        Args:
            partner: Whose.
            tier: The name of the tier.
            by: The last day. For a tier that is held it is by default the next day on which it could be lost.
            actions: The only kinds of event that may be used, each with how often at most. Every kind by default.
            budget: How many events may be settled in the search.

        Raises:
            UsageError: an argument is of another kind, or unknown; or the day has passed, or has to be given.
        """
        whose = holder_of(partner)
        if whose.layer is not Layer.PARTNER:
            raise UsageError(f"got {whose}; tiers are the partner's: write partner:ID")
        if type(budget) is not int or budget <= 0:
            raise UsageError(f"got {budget!r} for a budget; write how many events may be settled, such as {BUDGET}")
        if actions is not None and not isinstance(actions, Mapping):
            raise UsageError(
                f"got {actions!r} for actions; write how often each kind may happen at most, such as {{'deal.won': 3}}"
            )
        until = None if by is None else day_of(by, self.programme.calendar)
        with self._transaction(read_only=True) as tx:
            present = self._present(tx, whose)
            return advise(self._histories.steps, present, Asked(tier, until, actions, budget))

    def _present(self, tx: Transaction, partner: Holder) -> Present:
        """Give what is known of a partner now, with everything due by now."""
        now = self._clock()
        items = self._histories.items(tx, partner)
        found = self._histories.state_at(tx, partner, now)
        if found is not None:
            run = found[0]
        else:
            run = HolderRun(self._histories.steps, partner)
            for item in items:
                if item.key[0] <= now:
                    apply_item(self._histories.steps, run, item, [])
            run.advance(self.programme.calendar.day_of(now))
        return Present(partner, save(run), items, now, tx.find_grant)
