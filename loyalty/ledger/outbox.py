"""
The outbox: what a host still has to tell others about, kept in the transaction that made it true.

A message stands there until somebody has told it. Whoever tells it takes it out afterwards, in a transaction of its
own, so that it is told at least once: a crash in between has it told again, under the same id.

>>> from loyalty.ledger.memory import MemoryStore
>>> store = MemoryStore()
>>> with store.transaction() as book:
...     book.add_messages([Message("points.earned", '{"id": "event:crm/D-1#0"}')])
>>> with store.transaction() as book:
...     (message,) = book.messages(10)
...     book.drop_messages([message])
>>> message.topic, message.event["id"]
('points.earned', 'event:crm/D-1#0')
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final, Protocol, runtime_checkable

from attrs import field, frozen

#: Wake-ups of one book come no closer to each other than this, in seconds.
PAUSE_S: Final = 0.2


@frozen
class Message:
    """
    One thing to tell.

    Args:
        topic: What it is about, for example ``points.earned``.
        body: The CloudEvent as JSON text, as it is to be sent.
        number: Its place in the outbox, which the store gives; 0 before.
    """

    topic: str
    body: str
    number: int = field(default=0, eq=False)

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent as plain JSON types."""
        event: dict[str, Any] = json.loads(self.body)
        return event


@runtime_checkable
class TakesTurns(Protocol):
    """What a store can do besides where several relays would tell the same messages at once."""

    def relaying(self) -> AbstractContextManager[bool]:
        """Take the turn of telling the book's messages, and give whether it was free; it ends with the block."""


@runtime_checkable
class WakesUp(Protocol):
    """What a store can do besides that can tell a relay when there is something to tell."""

    def listening(self) -> AbstractContextManager[Callable[[float], None]]:
        """Give what waits for new messages, at most so many seconds, as long as the block lasts."""


class MemoryOutbox:
    """
    Messages in memory, in order.

    Args:
        undo: Gets the calls that take back what is done here.
    """

    __slots__ = ("_last", "_messages", "_undo")

    def __init__(self, undo: Callable[[Callable[..., object], tuple[Any, ...]], None]) -> None:
        self._messages: dict[int, Message] = {}
        self._last = 0
        self._undo = undo

    def add(self, messages: Sequence[Message]) -> None:
        """Put messages behind those that are there."""
        for message in messages:
            self._last += 1
            self._messages[self._last] = Message(message.topic, message.body, self._last)
            self._undo(self._messages.pop, (self._last,))

    def first(self, limit: int) -> Sequence[Message]:
        """Give the first *limit* messages."""
        return tuple(islice(self._messages.values(), limit))

    def drop(self, messages: Sequence[Message]) -> None:
        """Take messages out; those that are out already stay out."""
        known = self._messages
        dropped = {message.number: known.pop(message.number) for message in messages if message.number in known}
        if dropped:
            self._undo(self._put_back, (dropped,))

    def _put_back(self, dropped: dict[int, Message]) -> None:
        # They go back to their places, which a dictionary does not give to what is added later.
        messages = sorted((dropped | self._messages).items())
        self._messages.clear()
        self._messages.update(messages)
