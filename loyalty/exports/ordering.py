"""
Entries in effective order, in bounded memory.

A book gives its entries in the order in which they were posted, and the corrections of a late event count from instants
long past. What reads a journal by date needs them sorted. Sorted runs wait in a temporary file and are merged when they
are read, so that a run and a block of each other one are all that is in memory. Explanations are left behind.

>>> from loyalty.ledger.entries import EntryKind
>>> def posted(key, at):
...     legs = (Posting(Account(None, "issued"), "status", -1), Posting(Account(None, "expired"), "status", 1))
...     return Entry(key=key, kind=EntryKind.EVENT, cause=key, effective_at=at, recorded_at=9, revision="r",
...         postings=legs)
>>> with EffectiveOrder() as order:
...     for entry in (posted("a", 7), posted("late", 3), posted("b", 7)):
...         order.add(entry)
...     [entry.key for entry in order]
['late', 'a', 'b']
"""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Final, TypeAlias

from attrs import define, field

from loyalty.ledger.entries import Account, Entry, EntryKind, Posting

#: Entries that are sorted at a time.
RUN_ENTRIES: Final = 20_000

#: Entries of each run that are in memory while runs are merged.
BLOCK_ENTRIES: Final = 64

#: The sort key, which is unique, and what the entry is rebuilt from.
_Record: TypeAlias = tuple[int, int, tuple[Any, ...]]


@define(eq=False)
class EffectiveOrder:
    """
    Takes entries in any order and gives them by effective instant; those of one instant in the order they were taken.

    Args:
        run_entries: How many entries may be in memory.
    """

    run_entries: int = RUN_ENTRIES
    _run: list[_Record] = field(factory=list, init=False)
    _runs: list[list[int]] = field(factory=list, init=False)
    _file: IO[bytes] | None = field(default=None, init=False)
    _accounts: dict[str, Account] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def __enter__(self) -> EffectiveOrder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, entry: Entry, at: int | None = None) -> None:
        """
        Take one entry.

        Args:
            at: UTC microseconds: where it stands, if that is not its effective instant.
        """
        legs = tuple(
            (posting.account.path, posting.asset, posting.amount, posting.lot_day, posting.rule, posting.cause)
            for posting in entry.postings
        )
        head = (entry.key, entry.kind.value, entry.cause, entry.recorded_at, entry.revision, entry.corrects)
        self._run.append(
            (entry.effective_at if at is None else at, self._count, (entry.effective_at, entry.booked_day, *head, legs))
        )
        self._count += 1
        if len(self._run) >= self.run_entries:
            self._put_aside()

    def __iter__(self) -> Iterator[Entry]:
        """Give what was taken, in order; nothing may be added before the last one was given."""
        self._run.sort()
        runs = [self._read(blocks) for blocks in self._runs]
        for _, _, record in heapq.merge(*runs, self._run):
            yield self._entry(record)

    def _put_aside(self) -> None:
        if self._file is None:
            self._file = TemporaryFile(prefix="loyalty-export-")  # noqa: SIM115 (closed with the ordering)
        self._run.sort()
        blocks = []
        for start in range(0, len(self._run), BLOCK_ENTRIES):
            blocks.append(self._file.tell())
            pickle.dump(self._run[start : start + BLOCK_ENTRIES], self._file, pickle.HIGHEST_PROTOCOL)
        self._runs.append(blocks)
        self._run = []

    def _read(self, blocks: list[int]) -> Iterator[_Record]:
        assert self._file is not None
        for start in blocks:
            # Runs take turns in one file, so that a large book does not ask for hundreds of open files.
            self._file.seek(start)
            yield from pickle.load(self._file)

    def _entry(self, record: tuple[Any, ...]) -> Entry:
        effective_at, booked_day, key, kind, cause, recorded_at, revision, corrects, legs = record
        return Entry(
            key=key,
            kind=EntryKind(kind),
            cause=cause,
            effective_at=effective_at,
            recorded_at=recorded_at,
            revision=revision,
            corrects=corrects,
            booked_day=booked_day,
            postings=tuple([Posting(self._account(path), *rest) for path, *rest in legs]),
        )

    def _account(self, path: str) -> Account:
        return self._accounts.get(path) or self._accounts.setdefault(path, Account.parse(path))
