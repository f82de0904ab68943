"""A transaction looks through the book that it stands in."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.ledger.sealing import Head
from loyalty.ledger.sql.auditing.book import conclude, do_task, list_tasks
from loyalty.ledger.sql.auditing.reading import Reader
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.part import Part
from loyalty.ledger.sql.posting import Batch
from loyalty.ledger.sql.statements import Runner
from loyalty.ledger.verify import Verification


class Audit(Part):
    """The part of a transaction that looks for rows that were changed behind the library's back."""

    runner: Runner
    names: Names
    batch: Batch

    def verify(self, heads: Sequence[Head] = ()) -> Verification:
        """
        Look through the whole book, as :func:`loyalty.ledger.verify.inspect` says.

        On PostgreSQL the transaction has to be one of REPEATABLE READ where others post meanwhile;
        :meth:`~loyalty.ledger.sql.SqlStore.verify` opens such a one.
        """
        self.write()
        reader = Reader(self.runner, self.names)
        results = [do_task(reader, task) for task in list_tasks(reader, heads)]
        return conclude(reader, results, waiting=len(self.batch.hashes))
