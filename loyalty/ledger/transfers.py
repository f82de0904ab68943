"""
Entries seen as transfers: so much of one asset from one account to another.

An entry lists its legs in the order of settlement, a debit and its credit next to each other. Where a store or an
aggregation has moved them apart, debits meet credits of the same asset in order, so that every unit is still
accounted for once.

>>> from loyalty.core.holders import Holder
>>> from loyalty.ledger.entries import Account
>>> acme = Account(Holder.partner("acme"), "available")
>>> legs = (Posting(Account(None, "issued"), "points", -10), Posting(acme, "points", 10, lot_day=20_000))
>>> [(debit.account.path, credit.account.path, amount) for debit, credit, amount in transfers(legs)]
[('programme/issued', 'partner:acme/available', 10)]
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

from loyalty.ledger.entries import Posting


def transfers(postings: Sequence[Posting]) -> Iterator[tuple[Posting, Posting, int]]:
    """
    Give (debit, credit, amount) for the legs of one entry.

    Args:
        postings: Legs that balance in every asset.
    """
    if len(postings) % 2 == 0:
        for first, second in zip(postings[::2], postings[1::2], strict=True):
            if first.amount + second.amount or first.asset != second.asset:
                break
        else:
            for first, second in zip(postings[::2], postings[1::2], strict=True):
                yield (first, second, second.amount) if second.amount > 0 else (second, first, first.amount)
            return
    yield from _matched(postings)


def _matched(postings: Sequence[Posting]) -> Iterator[tuple[Posting, Posting, int]]:
    waiting: dict[str, deque[tuple[Posting, int]]] = defaultdict(deque)
    for posting in postings:
        rest, queue = posting.amount, waiting[posting.asset]
        while rest and queue and (queue[0][1] > 0) != (rest > 0):
            other, open_amount = queue[0]
            moved = min(abs(rest), abs(open_amount))
            yield (other, posting, moved) if rest > 0 else (posting, other, moved)
            sign = 1 if rest > 0 else -1
            rest -= sign * moved
            queue.popleft()
            if open_amount + sign * moved:
                queue.appendleft((other, open_amount + sign * moved))
        if rest:
            queue.append((posting, rest))
