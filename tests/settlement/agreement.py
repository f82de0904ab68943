"""Comparing the settlement of the library with the auditor's, and cutting a disagreement down to what it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import evolve

from loyalty import settle
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme
from tests.auditor import audit
from tests.auditor.book import Leg
from tests.settlement.drawn_commands import without, without_refused
from tests.settlement.histories import History


def settled(programme: Programme, history: History) -> Counter[Leg]:
    """Give what the library posts, netted as the auditor nets it."""
    counts_from, until_day = history.counts_from, history.until_day
    return netted(
        settle(programme, history.events, history.grants, counts_from=counts_from, until_day=until_day).entries
    )


def netted(entries: Iterable[Entry]) -> Counter[Leg]:
    """Net the postings of entries as the auditor nets its transfers."""
    sums: Counter[Leg] = Counter()
    for entry in entries:
        for posting in entry.postings:
            leg = (posting.cause, str(posting.rule), posting.account.path, posting.asset, posting.lot_day)
            sums[(*leg, entry.effective_at)] += posting.amount
    return Counter({leg: amount for leg, amount in sums.items() if amount})


def audited(programme: Programme, history: History) -> Counter[Leg]:
    """Give what the auditor posts."""
    counts_from, until_day = history.counts_from, history.until_day
    return audit(programme, history.events, history.grants, counts_from=counts_from, until_day=until_day).netted()


def disagree(programme: Programme, history: History) -> bool:
    """Say whether the two post differently, or the library fails."""
    expected = audited(programme, history)
    try:
        return settled(programme, history) != expected
    except Exception:  # Whatever it is, the auditor had an answer.
        return True


def smallest(programme: Programme, history: History) -> History:
    """Leave out events and decisions for as long as the two still disagree."""
    smaller = True
    while smaller:
        smaller = False
        for event in history.events:
            others = [other for other in history.events if other is not event]
            events = without_refused(programme, others, history.grants, history.counts_from)
            fewer = evolve(history, events=events)
            if event in history.events and disagree(programme, fewer):
                history, smaller = fewer, True
        for grant in history.grants:
            fewer = evolve(history, grants=without(history.grants, grant))
            events = without_refused(programme, history.events, fewer.grants, history.counts_from)
            fewer = evolve(fewer, events=events)
            if grant in history.grants and disagree(programme, fewer):
                history, smaller = fewer, True
    return history
