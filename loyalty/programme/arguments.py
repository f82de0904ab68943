"""What a host gives for a programme or an event, and clear words where it gives something else."""

from __future__ import annotations

from loyalty.core.events import Event
from loyalty.errors import UsageError
from loyalty.programme.model import Programme


def programme_of(value: object) -> Programme:
    """
    Take a programme.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, Programme):
        return value
    raise UsageError(f"got {value!r} for a programme; load one with load(PATH) or loads(TEXT)")


def event_of(value: object) -> Event:
    """
    Take an event.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, Event):
        return value
    raise UsageError(f"got {value!r} for an event; write Event(...), or read a mapping with read_event(programme, ...)")
