"""
Telling others what stands in the outbox: read some, deliver each, and only then take them out.

A message is delivered at least once. Whatever happens between the delivery and the end of the transaction that takes it
out, it is delivered again, under the same id. The messages about one holder are delivered in the order in which they
were posted, each before the next one: a message that cannot be delivered holds up those behind it.

>>> from loyalty.engine.engine import Engine
>>> from loyalty.core.events import Event
>>> from loyalty.ledger.memory import MemoryStore
>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> store = MemoryStore()
>>> engine = Engine(loads(EXAMPLE), store, messages=True)
>>> receipt = engine.submit(Event(id="D-1", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000,
...                               fields={"amount": 25_000}))
>>> relay_once(store, lambda message: print(message.topic, message.event["data"]["amount"]))
points.earned 2
1
>>> relay_once(store, print)
0
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias

from loyalty.ledger.outbox import PAUSE_S, Message, TakesTurns, WakesUp
from loyalty.ledger.store import Store

#: What tells one message; it returns when the message has arrived, and raises when it has not.
Deliver: TypeAlias = Callable[[Message], object]

#: The first pause after something went wrong; each further one is twice as long.
_FIRST_PAUSE_S: Final = 0.5

#: A relay looks so often whether it is to stop.
_GLANCE_S: Final = 1.0

_log = logging.getLogger(__name__)


def relay_once(store: Store, deliver: Deliver, *, batch: int = 100) -> int:
    """
    Deliver what is in the outbox, until it is empty.

    Another relay of the same book that has its turn, in PostgreSQL or in this process, is not waited for: nothing is
    delivered then. In SQLite both deliver, and each message arrives twice.

    Args:
        deliver: Called with one message after the other, outside of any transaction of the store.
        batch: How many are taken out at a time, > 0; so many may be delivered again after a crash.

    Returns:
        How many were delivered.

    Raises:
        Exception: what *deliver* raised; what was delivered before is taken out, and the rest stays.
        StoreError: the store failed.
    """
    turn: AbstractContextManager[bool] = store.relaying() if isinstance(store, TakesTurns) else nullcontext(True)
    count = 0
    with turn as is_ours:
        while is_ours and (delivered := _relay_batch(store, deliver, batch)):
            count += delivered
    return count


def relay(
    store: Store,
    deliver: Deliver,
    *,
    batch: int = 100,
    poll_seconds: float = 5.0,
    longest_pause_seconds: float = 60.0,
    stop: threading.Event | None = None,
) -> None:
    """
    Deliver what comes into the outbox until *stop* is set: the loop of a process, or a thread, that does nothing else.

    It looks every *poll_seconds*, and at once where the store can wake it (PostgreSQL). Where something goes wrong it
    logs that, waits, each time twice as long, and tries the same message again.

    Args:
        deliver: Called with one message after the other; what it raises means that the message has not arrived. To go
            on behind a message that nobody can ever take, put it aside and return.
        batch: As for :func:`relay_once`.
        poll_seconds: How long it rests at most while nothing wakes it.
        longest_pause_seconds: How long it waits at most after something went wrong.
        stop: Set by whoever wants it to end; the message that is being delivered is finished first.
    """
    stop = stop or threading.Event()

    def deliver_unless_stopped(message: Message) -> None:
        if stop.is_set():
            raise _StoppedError
        deliver(message)

    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        try:
            with store.listening() if isinstance(store, WakesUp) else nullcontext(time.sleep) as wait:
                while not stop.is_set():
                    if relay_once(store, deliver_unless_stopped, batch=batch):
                        # Wake-ups that came too close to the last one were left out.
                        stop.wait(PAUSE_S)
                    else:
                        _rest(wait, poll_seconds, stop)
                    pause_s = _FIRST_PAUSE_S
        except _StoppedError:
            return
        except Exception:
            _log.exception("a relay failed and tries again in about %.1f s", pause_s)
            # Relays that failed together do not all come back together.
            stop.wait(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, longest_pause_seconds)


class _StoppedError(Exception):
    """The relay is to end before the next message."""


def _relay_batch(store: Store, deliver: Deliver, batch: int) -> int:
    with store.transaction(read_only=True) as book:
        messages = book.messages(batch)
    delivered = 0
    try:
        for message in messages:
            deliver(message)
            delivered += 1
    finally:
        if delivered:
            with store.transaction() as book:
                book.drop_messages(messages[:delivered])
    return delivered


def _rest(wait: Callable[[float], None], seconds: float, stop: threading.Event) -> None:
    """Wait in short parts, so that whoever stops the relay does not wait long either."""
    end = time.monotonic() + seconds
    while not stop.is_set() and (left := end - time.monotonic()) > 0:
        before = time.monotonic()
        part = min(left, _GLANCE_S)
        wait(part)
        if time.monotonic() - before < part:
            return
