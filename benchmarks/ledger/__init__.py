"""
The ledger against a floor of hand-written SQL and against other ledgers, on the same database in one run.

Rates here are by the clock on the wall, since the database and the disk do most of the work. A figure whose peer,
server or file is missing is skipped and says what is missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from benchmarks.harness import Figure, chosen, skipped
from benchmarks.ledger.databases import Databases, Missing

#: Figures in the order in which they are taken, each with the module that has a function of its name.
FIGURES = {
    "sqlite_batch": "posting",
    "sqlite_batch_lean": "posting",
    "sqlite_single": "posting",
    "pg_batch": "posting",
    "pg_batch_lean": "posting",
    "pg_batch_4_hot": "posting",
    "pg_single": "posting",
    "engine_sqlite_batch": "whole_way",
    "engine_pg_batch": "whole_way",
    "submit_many_memory": "many",
    "verify": "audits",
    "verify_replay": "audits",
    "statement_page": "paging",
    "vs_hordak": "others",
    "vs_python_accounting": "others",
    "vs_pgledger": "others",
}


def run(only: Sequence[str] | None = None, pgledger: str | None = None) -> Iterator[Figure]:
    """
    Take the figures, each as it is asked for.

    Args:
        only: Their names; all by default.
        pgledger: A checkout of pgledger or its file; the environment's LOYALTY_PGLEDGER_SQL by default.

    Raises:
        UnknownFigureError: there is no figure of a name.
    """
    return _take(chosen("ledger", FIGURES, only), pgledger)


def _take(names: Sequence[str], pgledger: str | None) -> Iterator[Figure]:
    with Databases(pgledger) as databases:
        for name in names:
            try:
                take = getattr(importlib.import_module(f"benchmarks.ledger.{FIGURES[name]}"), name)
                yield take(databases)
            except Missing as missing:
                yield skipped(name, str(missing))
