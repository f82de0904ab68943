"""What importing the package pulls in: an application that embeds it pays for nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What belongs to one surrounding each: a database, the simulation, the command line, tests, files.
HEAVY = (
    "sqlalchemy", "sqlmodel", "alembic", "psycopg", "numba", "numpy", "pyarrow", "matplotlib", "click", "rich",
    "hypothesis", "pytest", "ruamel", "openpyxl",
)  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    """Give those of HEAVY that are loaded in an interpreter that ran *statement*."""
    script = f"import sys; {statement}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    )


def test_importing_the_package_pulls_in_nothing_heavy() -> None:
    """``import loyalty`` alone loads none of them."""
    assert loaded_after("import loyalty") == set()


def test_an_engine_in_memory_needs_the_loader_of_yaml_and_nothing_else() -> None:
    """A host that loads a programme and settles in memory has no database, no numpy and no command line."""
    statement = (
        "import loyalty; from loyalty.settlement.settle import EXAMPLE; "
        "loyalty.Engine(loyalty.loads(EXAMPLE), loyalty.MemoryStore())"
    )
    assert loaded_after(statement) == {"ruamel"}


@pytest.mark.parametrize("command", [
    "check", "backtest", "simulate", "explain", "schema", "init", "ledger", "ledger.export", "ledger.trial_balance",
    "ledger.liability", "ledger.init", "ledger.migrate", "ledger.rights",
])  # fmt: skip
def test_commands_load_what_they_need_when_they_need_it(command: str) -> None:
    """No command's module pulls in a database, numbers or tests before it runs."""
    assert loaded_after(f"import loyalty.cli.{command}") <= {"click", "rich", "ruamel"}


def test_a_store_needs_no_migrations() -> None:
    """A host pays for Alembic when it migrates, and not when it posts."""
    statement = (
        "from sqlalchemy import create_engine; from loyalty.ledger.sql import SqlStore, create_tables; "
        "engine = create_engine('sqlite://'); create_tables(engine); SqlStore(engine).transaction().__enter__()"
    )
    assert "alembic" not in loaded_after(statement)
