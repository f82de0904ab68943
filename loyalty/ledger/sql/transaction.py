"""
One transaction on a book in a database: what is recorded and posted waits, and is written and sealed as one batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.errors import StoreError
from loyalty.ledger.entries import Entry
from loyalty.ledger.sql.audit import Audit
from loyalty.ledger.sql.clocks import Clocks
from loyalty.ledger.sql.declarations import Declarations
from loyalty.ledger.sql.epochs import begin_epoch
from loyalty.ledger.sql.facts import Waiting
from loyalty.ledger.sql.faults import told
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.journal import Journal
from loyalty.ledger.sql.keeping import Keeping
from loyalty.ledger.sql.lines import WalletLines
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.outbox import Outbox
from loyalty.ledger.sql.posting import Batch
from loyalty.ledger.sql.seals import Seals, seal_settled, seal_written
from loyalty.ledger.sql.statements import Runner


class SqlTransaction(Clocks, Journal, Declarations, WalletLines, Seals, Audit, Keeping, Outbox):
    """
    Reads and writes of a :class:`SqlStore`, on one connection inside one transaction.

    After :meth:`expect` what is recorded and posted waits in memory, and is written as one batch when the transaction
    ends or when something is asked that only the tables know.

    Attributes:
        has_told: Whether it put messages into the outbox.
    """

    def __init__(self, runner: Runner, names: Names, ids: Ids) -> None:
        self.runner = runner
        self.names = names
        self.ids = ids
        self.waiting = Waiting()
        self.batch = Batch(runner, names, ids)
        self.has_told = False
        self._waits = False

    def expect(self, events: Sequence[Event] = (), holders: Collection[Holder] = (), *, clock: bool = False) -> None:
        """
        Make ready for events and commands that come next: others are kept from the same holders and identities.

        Args:
            events: What is about to be accepted.
            holders: Whose commands are about to be decided.
            clock: Whether the clock of the whole book is about to move.

        Raises:
            RetryableConflict: another writer was in the way.
        """
        self.runner.require_writable()
        self.write()
        if clock:
            self.lock_clock()
        concerned = self.expect_facts(events, holders)
        self.batch.expect(concerned)
        self._waits = True

    def entries(self, *, holder: Holder | None = None, cause: str | None = None) -> Iterator[Entry]:
        """Give entries in order of posting: all, those with a posting of *holder*, or those of one cause."""
        if cause is not None and holder is None and cause in self.waiting.recorded:
            # What caused them was recorded in this transaction, and so everything that it caused was posted here.
            return iter(tuple(self.batch.caused_by(cause)))
        return super().entries(holder=holder, cause=cause)

    def post(self, entries: Sequence[Entry]) -> None:
        """
        Post entries as one batch: lots of the whole batch are created before any is consumed, floors come last.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; nothing of the batch is kept.
            StoreError: the database refused what was written; the transaction cannot end well any more.
        """
        self.runner.require_writable()
        self.check()
        if entries:
            self.batch.post(entries, keys_are_new=self._waits)
            if not self._waits:
                self.write()

    def write(self) -> None:
        """Write everything that waits to be written."""
        self.write_facts()
        self.batch.write()
        if self.waiting.messages:
            self.write_messages()
            self.has_told = True

    def end(self, sealed_at: int) -> None:
        """
        Write what waits and seal it.

        Raises:
            StoreError: something that was written is not whole.
        """
        self.check()
        self.write()
        if self.batch.hashes and self.runner.compiler.on_sqlite:
            seal_written(self.runner, self.names, self.ids, self.batch.hashes, sealed_at)
            self.batch.hashes.clear()
        self.check()

    def seal(self, sealed_at: int, *, new_epoch: bool = False) -> int:
        """
        Seal the entries that no transaction can come before any more; on SQLite every transaction does it as it ends.

        Args:
            sealed_at: UTC microseconds, kept with the seals.
            new_epoch: Seal all there are and begin a new epoch, as is due when a dump was restored; writers wait.

        Returns:
            How many entries were sealed.

        Raises:
            StoreError: the book was restored and waits for a new epoch, or it is SQLite's, where there is but one.
        """
        self.runner.require_writable()
        self.write()
        if new_epoch:
            return begin_epoch(self.runner, self.names, self.ids, sealed_at)
        return 0 if self.runner.compiler.on_sqlite else seal_settled(self.runner, self.names, self.ids, sealed_at)

    def check(self) -> None:
        """
        Make sure that everything that was written is whole.

        Raises:
            StoreError: an earlier write failed and the error was swallowed.
        """
        failure = self.runner.failure
        if failure is not None:
            raise StoreError(
                f"an earlier write failed and what belongs to it is not whole; roll back: {failure}"
            ) from failure

    def inside(self, read_only: bool) -> AbstractContextManager[None]:
        """Open a transaction inside this one: a savepoint, or a block that only reads."""
        return self.reading() if read_only or self.runner.read_only else self.savepoint()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Have an error inside undo what was done inside, and nothing else."""
        self.write()
        waits, hashes, book_id = self._waits, list(self.batch.hashes), self.names.book_id
        try:
            with told(self.runner.connection.begin_nested):
                yield
                self.check()
                self.write()
        except BaseException:
            # What failed is undone, and so are ids that were given inside and what was read or waited there. The book
            # was there before; asking for it again would fail where the connection is what failed.
            self.runner.failure = None
            self.names.forget()
            self.names.book_id = book_id
            self.ids.forget()
            self.waiting = Waiting()
            self.batch = Batch(self.runner, self.names, self.ids, hashes)
            self._waits = waits
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Refuse whatever writes inside; there is nothing to undo then."""
        self.write()
        before = self.runner.read_only
        self.runner.read_only = True
        try:
            yield
        finally:
            self.runner.read_only = before
