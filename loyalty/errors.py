"""
Every error that loyalty raises on purpose.

A message says what was got, where, why it fails and what to do. Programmes use :attr:`LoyaltyError.code`, which is
stable; people read the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from attrs import frozen


@frozen
class Place:
    """Where something stands: a file, a line and a column, both counted from 1 (0 where unknown)."""

    file: str = "<text>"
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@frozen(order=False)
class Finding:
    """
    One thing that is wrong with a file, for a person who has to mend it.

    Args:
        code: Stable identifier, for example ``unknown-key``.
        place: Where it stands.
        got: What was found there, in the writer's own words.
        why: Why it cannot be accepted.
        fix: What to write instead.
        excerpt: The line with carets under the part that is meant, or "".
    """

    code: str
    place: Place
    got: str
    why: str
    fix: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.code}: got {self.got}", f"  why: {self.why}"]
        if self.excerpt:
            lines[1:1] = [f"  {line}" for line in self.excerpt.splitlines()]
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class LoyaltyError(Exception):
    """The base of all errors of this library."""

    code: ClassVar[str] = "loyalty"

    def __reduce__(self) -> tuple[Any, ...]:
        # An error of another process arrives as it was raised, whatever its class is made from.
        return _raised_elsewhere, (type(self), self.args, self.__dict__)


def _raised_elsewhere(kind: type[LoyaltyError], args: tuple[Any, ...], details: dict[str, Any]) -> LoyaltyError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(details)
    return error


class ProgrammeError(LoyaltyError):
    """A programme file that cannot be used; carries every finding at once."""

    code = "programme"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class UsageError(LoyaltyError, ValueError):
    """A call with an argument that the function cannot take; nothing was changed."""

    code = "usage"


class NotRecorded(LoyaltyError, KeyError):
    """A question about an event, a command or an entry that the book does not have."""

    code = "not-recorded"

    def __str__(self) -> str:
        return str(self.args[0])


class EventRejected(LoyaltyError):
    """An event that the programme cannot take: an unknown kind, a missing field, a value out of its range."""

    code = "event-rejected"

    def __init__(self, identity: str, reasons: Iterable[str]) -> None:
        self.identity = identity
        self.reasons: tuple[str, ...] = tuple(reasons)
        super().__init__(f"event {identity}: " + "; ".join(self.reasons))


class EventConflict(EventRejected):
    """An event whose identity is known with another body; nothing was changed."""

    code = "event-conflict"


class LedgerError(LoyaltyError):
    """An entry that cannot be built or posted: out of balance, empty, or below a floor."""

    code = "ledger"


class InsufficientPoints(LedgerError):
    """A command for more than what is available."""

    code = "insufficient-points"

    def __init__(self, holder: str, currency: str, wanted: int, available: int, what: str = "redeem") -> None:
        self.holder, self.currency, self.wanted, self.available = holder, currency, wanted, available
        super().__init__(
            f"{holder} asked to {what} {wanted} {currency} (minor units) but has {available} available; "
            f"{what} {available} or less"
        )


class ClaimError(LoyaltyError):
    """A claim on market development funds that its state does not allow."""

    code = "claim"


class StoreError(LoyaltyError):
    """The store cannot be used: a missing table, a lost connection, a foreign version."""

    code = "store"


class RetryableConflict(StoreError):
    """Another writer was in the way: a lock, a deadlock, the same new row; the whole transaction can be tried again."""

    code = "retryable-conflict"


class SourceError(LoyaltyError):
    """Rows of an input file that cannot be read; carries every finding."""

    code = "source"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))
