"""
What keeps transactions of PostgreSQL from each other where no common row does.

Two transactions about one holder meet at the holder's row. But an event and one that speaks of it may name different
partners, and neither transaction sees what the other has not committed: a refund would wait for a deal that is there.
So whoever takes events in shares locks of their identities with all others who do, and whoever speaks of an event that
is not settled yet has its lock alone. What is settled stays settled, and needs no lock.

Identities share a small number of locks, since each that is held takes a place in a table of the server's which many
large batches would fill.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import Any, Final
from zlib import crc32

from sqlalchemy import ARRAY, Boolean, Select, bindparam, case, func, select, true

from loyalty.errors import StoreError
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Runner

#: How many locks there are for the identities of a book, a power of 2.
_LOCKS: Final = 256


def lock_number(*names: str) -> int:
    """Give the number of an advisory lock; that two names share one costs waiting and nothing else."""
    return int.from_bytes(blake2b("\0".join(names).encode(), digest_size=8).digest(), signed=True)


def lock_clock(runner: Runner, names: Names) -> None:
    """Keep other transactions from events and commands until this one has moved the book's clock."""
    if not runner.compiler.on_sqlite:
        runner.rows(_lock_clock, clock=lock_number(names.book))


def lock_events(runner: Runner, names: Names, shared: Collection[str], alone: Collection[str] = ()) -> None:
    """
    Keep other transactions from moving the book's clock, and from events that concern these.

    Args:
        shared: Identities of events that are about to be taken in.
        alone: Identities of events that are not settled, and are about to be spoken of.

    Raises:
        StoreError: the transaction's isolation would hide what others wrote while it waited.
    """
    if runner.compiler.on_sqlite:
        return
    first = lock_number(names.book, "events") & -_LOCKS
    # One statement takes all of them, each as strongly as needed and in one order, so that nobody waits crosswise.
    wanted = {first + crc32(identity.encode()) % _LOCKS: False for identity in shared}
    wanted |= {first + crc32(identity.encode()) % _LOCKS: True for identity in alone}
    numbers = sorted(wanted)
    modes = [wanted[number] for number in numbers]
    found = runner.rows(_lock_events, clock=lock_number(names.book), numbers=numbers, modes=modes)
    if found[0].isolation == "repeatable read":
        raise StoreError(
            "the transaction is REPEATABLE READ, which does not show what was written while it waited for a lock; "
            "write in one that is READ COMMITTED or SERIALIZABLE"
        )


def _lock_clock(_compiler: Compiler) -> Select[Any]:
    return select(func.pg_advisory_xact_lock(bindparam("clock", type_=BIG)))


def _lock_events(_compiler: Compiler) -> Select[Any]:
    numbers, modes = bindparam("numbers", type_=ARRAY(BIG)), bindparam("modes", type_=ARRAY(Boolean))
    given = func.unnest(numbers, modes).table_valued("number", "alone").render_derived()
    clock = select(func.pg_advisory_xact_lock_shared(bindparam("clock", type_=BIG)).label("locked")).subquery()
    locked = case(
        (given.c.alone, func.pg_advisory_xact_lock(given.c.number)),
        else_=func.pg_advisory_xact_lock_shared(given.c.number),
    )
    isolation = func.current_setting("transaction_isolation").label("isolation")
    return select(isolation, clock.c.locked, locked).select_from(clock.outerjoin(given, true()))
