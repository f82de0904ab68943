"""
What a database says when it fails, told as a StoreError that says what to do.

Every statement of the library and every beginning and end of its transactions passes here, and nothing of the host's:
what the host's own statements raise inside a transaction comes out as it went in. The driver's error is always the
cause of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError, ResourceClosedError, TimeoutError

from loyalty.errors import RetryableConflict, StoreError
from loyalty.ledger.sql.schema import Schema

#: What SQLAlchemy raises when a statement, a connection or the pool fails.
FAULTS: Final = (DBAPIError, TimeoutError, ResourceClosedError)

#: SQLITE_BUSY and SQLITE_LOCKED, the lower byte of their extended codes.
_SQLITE_BUSY: Final = frozenset({5, 6})

#: SQLITE_CANTOPEN, and SQLITE_NOTADB.
_SQLITE_CANNOT_OPEN: Final = 14
_SQLITE_NO_DATABASE: Final = 26

#: PostgreSQL: a lock not given, a serialization failure, a deadlock, and a row that someone else has just written too.
_SQLSTATE_BUSY: Final = frozenset({"55P03", "40001", "40P01", "23505"})

_Opened = TypeVar("_Opened")


def to_store_error(fault: Exception, schema: Schema | None = None) -> StoreError:
    """
    Say in the library's words what the database raised; the caller raises the answer from *fault*.

    Args:
        fault: The driver's error, or one of :data:`FAULTS`.
        schema: The tables, where a statement on them failed.
    """
    driver = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    if _is_busy(driver):
        return RetryableConflict(
            f"another writer is in the way ({_words(driver)}); roll back, keep transactions short and try again"
        )
    if schema is not None and _is_missing_table(driver):
        place = "" if schema.metadata.schema is None else f" in schema {schema.metadata.schema}"
        return StoreError(
            f"the tables {schema.prefix}*{place} cannot be used ({_words(driver)}); create them with "
            f"loyalty.ledger.sql.create_tables(engine, prefix={schema.prefix!r}, schema={schema.metadata.schema!r})"
        )
    if isinstance(driver, ResourceClosedError):
        return StoreError(f"the connection was closed before it was given ({_words(driver)}); give one that is open")
    if getattr(driver, "sqlite_errorcode", None) == _SQLITE_NO_DATABASE:
        return StoreError(f"the file is no SQLite database ({_words(driver)}); give the one that holds the book")
    if _is_unreached(fault, driver):
        return StoreError(
            f"the database cannot be reached ({_words(driver)}); see that it runs, and that host, port, name and user "
            "of its URL are right"
        )
    return StoreError(f"the database refused or failed ({_words(driver)}); roll back, and mend what its words say")


class told(Generic[_Opened]):
    """
    Enter and leave a block of SQLAlchemy's; what that raises is told, what is raised inside stays as it is.

    A class, and no generator, since every transaction passes here several times.

    Args:
        open_block: Gives the block.

    Raises:
        StoreError: the block could not be entered or left.
    """

    __slots__ = ("_block", "_open_block")

    def __init__(self, open_block: Callable[[], AbstractContextManager[_Opened]]) -> None:
        self._open_block = open_block

    def __enter__(self) -> _Opened:
        try:
            self._block = self._open_block()
            return self._block.__enter__()
        except FAULTS as fault:
            raise to_store_error(fault) from fault

    def __exit__(
        self, kind: type[BaseException] | None, inside: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self._block.__exit__(kind, inside, trace)
        except FAULTS as fault:
            if inside is not None:
                # That the block could not be left follows from what failed inside, which says more.
                return False
            raise to_store_error(fault) from fault


def _words(driver: BaseException) -> str:
    """Give the driver's own words, of which PostgreSQL's first line says what happened."""
    return next(iter(str(driver).splitlines()), type(driver).__name__)


def _is_busy(driver: BaseException) -> bool:
    code = getattr(driver, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_BUSY
    return getattr(driver, "sqlstate", None) in _SQLSTATE_BUSY


def _is_unreached(fault: Exception, driver: BaseException) -> bool:
    """Tell whether there was no connection at all: no server answered or took the user, or no file could be opened."""
    if not isinstance(fault, OperationalError) or fault.statement is not None or fault.connection_invalidated:
        return False
    code = getattr(driver, "sqlite_errorcode", None)
    return code & 0xFF == _SQLITE_CANNOT_OPEN if code is not None else getattr(driver, "sqlstate", None) is None


def _is_missing_table(driver: BaseException) -> bool:
    return "no such table" in str(driver) or getattr(driver, "sqlstate", None) == "42P01"
