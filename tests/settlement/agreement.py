"""Comparing the settlement of the library with the auditor's, and cutting a disagreement down to what it needs."""

from __future__ import annotations

from collections import Counter

from attrs import evolve

from loyalty import settle
from loyalty.programme.model import Programme
from tests.auditor import audit
from tests.auditor.book import Leg
from tests.settlement.histories import History


def settled(programme: Programme, history: History) -> Counter[Leg]:
    """Give what the library posts, netted as the auditor nets it."""
    sums: Counter[Leg] = Counter()
    for entry in settle(programme, history.events, history.grants, until_day=history.until_day).entries:
        for posting in entry.postings:
            leg = (posting.cause, str(posting.rule), posting.account.path, posting.asset, posting.lot_day)
            sums[(*leg, entry.effective_at)] += posting.amount
    return Counter({leg: amount for leg, amount in sums.items() if amount})


def audited(programme: Programme, history: History) -> Counter[Leg]:
    """Give what the auditor posts."""
    return audit(programme, history.events, history.grants, until_day=history.until_day).netted()


def disagree(programme: Programme, history: History) -> bool:
    """Say whether the two post differently, or the library fails."""
    expected = audited(programme, history)
    try:
        return settled(programme, history) != expected
    except Exception:  # Whatever it is, the auditor had an answer.
        return True


def smallest(programme: Programme, history: History) -> History:
    """Leave out events and redemptions for as long as the two still disagree."""
    smaller = True
    while smaller:
        smaller = False
        for name in ("events", "grants"):
            for item in list(getattr(history, name)):
                without = evolve(history, **{name: [other for other in getattr(history, name) if other is not item]})
                if disagree(programme, without):
                    history, smaller = without, True
    return history
