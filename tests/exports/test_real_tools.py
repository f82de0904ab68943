"""hledger and Beancount accept our journals, come to our totals, and refuse a journal that was altered."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from loyalty import Programme
from loyalty.exports import Format, export_file
from loyalty.ledger.entries import Entry
from tests.exports import tools
from tests.exports.books import (
    PIPELINE,
    acme,
    commanded,
    commanded_entries,
    crm,
    late_entries,
    locked_entries,
    simulated,
)
from tests.exports.tools import bean_check, hledger_check, needs_beancount, needs_hledger, our_totals

Book = tuple[Programme, tuple[Entry, ...]]

BOOKS = [
    pytest.param(lambda: (acme(), simulated()), id="demo"),
    pytest.param(lambda: (acme(), late_entries()), id="late"),
    pytest.param(lambda: (commanded()[0], commanded_entries()), id="commands"),
    pytest.param(lambda: (commanded()[0], locked_entries()), id="locked"),
    pytest.param(
        crm, id="crm", marks=pytest.mark.skipif(not PIPELINE.exists(), reason="the CRM data is not kept here")
    ),
]


@needs_hledger
@pytest.mark.parametrize("book", BOOKS)
def test_hledger_accepts_a_book_and_comes_to_our_totals(book: Callable[[], Book], tmp_path: Path) -> None:
    """Strict checks and the order of dates hold, and each account has our balance in each commodity."""
    programme, entries = book()
    path = tmp_path / "book.journal"
    exported = export_file(entries, programme, Format.HLEDGER, path)
    checked = hledger_check(path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert tools.hledger_totals(path) == our_totals(entries, programme)
    assert exported.entries == len(entries)


@needs_beancount
@pytest.mark.parametrize("book", BOOKS)
def test_beancount_accepts_a_book_and_comes_to_our_totals(book: Callable[[], Book], tmp_path: Path) -> None:
    """bean-check says nothing, and each account has our balance in each commodity."""
    programme, entries = book()
    path = tmp_path / "book.beancount"
    export_file(entries, programme, Format.BEANCOUNT, path)
    checked = bean_check(path)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert tools.beancount_totals(path) == our_totals(entries, programme)


@needs_hledger
@needs_beancount
def test_without_standing_both_agree_on_the_rest(tmp_path: Path) -> None:
    """Tiers and badges can be left out; what is left has the totals that it had before."""
    expected = {
        (path, asset): amount
        for (path, asset), amount in our_totals(simulated(), acme()).items()
        if not path.endswith("/standing")
    }
    assert expected != our_totals(simulated(), acme())
    export_file(simulated(), acme(), Format.HLEDGER, tmp_path / "book.journal", standing=False)
    export_file(simulated(), acme(), Format.BEANCOUNT, tmp_path / "book.beancount", standing=False)
    assert hledger_check(tmp_path / "book.journal").returncode == 0
    assert bean_check(tmp_path / "book.beancount").returncode == 0
    assert tools.hledger_totals(tmp_path / "book.journal") == expected
    assert tools.beancount_totals(tmp_path / "book.beancount") == expected
    assert "TIER." not in (tmp_path / "book.journal").read_text(encoding="utf-8")


def one_amount(text: str) -> str:
    """Alter one leg by one hundredth, so that its transaction is out of balance."""
    return re.sub(r"(\s{2}\d+\.\d)(\d)( \"?MDF)", lambda m: f"{m[1]}{(int(m[2]) + 1) % 10}{m[3]}", text, count=1)


def both_legs(text: str) -> str:
    """Alter the two legs of one movement by the same hundredth: it balances, and the balances asserted do not hold."""
    debit = re.search(r"^ +Income:Issued +-(\d+\.\d\d) \"?MDF", text, re.MULTILINE)
    assert debit is not None
    start, end = debit.start(), text.index("\n\n", debit.start())
    altered = str(Decimal(debit[1]) + Decimal("0.01"))
    return text[:start] + text[start:end].replace(debit[1], altered) + text[end:]


def whole_transaction(text: str) -> str:
    """Take out the last transaction that moves something."""
    blocks = text.split("\n\n")
    place = max(number for number, block in enumerate(blocks) if "key: " in block)
    return "\n\n".join(blocks[:place] + blocks[place + 1 :])


ALTERATIONS = [one_amount, both_legs, whole_transaction]


@needs_hledger
@pytest.mark.parametrize("alter", ALTERATIONS)
def test_hledger_refuses_an_altered_journal(alter: Callable[[str], str], tmp_path: Path) -> None:
    """An amount, a movement or a whole transaction that is not ours is found: the check can fail."""
    path = tmp_path / "book.journal"
    export_file(simulated(), acme(), Format.HLEDGER, path)
    text = path.read_text(encoding="utf-8")
    assert alter(text) != text
    path.write_text(alter(text), encoding="utf-8")
    checked = hledger_check(path)
    assert checked.returncode != 0
    assert re.search("balance", checked.stderr)


@needs_beancount
@pytest.mark.parametrize("alter", ALTERATIONS)
def test_beancount_refuses_an_altered_journal(alter: Callable[[str], str], tmp_path: Path) -> None:
    """An amount, a movement or a whole transaction that is not ours is found: no tolerance hides one hundredth."""
    path = tmp_path / "book.beancount"
    export_file(simulated(), acme(), Format.BEANCOUNT, path)
    text = path.read_text(encoding="utf-8")
    assert alter(text) != text
    path.write_text(alter(text), encoding="utf-8")
    checked = bean_check(path)
    assert checked.returncode != 0
    assert re.search(r"[Bb]alance", checked.stdout + checked.stderr)


def test_months_with_movements_end_with_assertions_of_what_moved(tmp_path: Path) -> None:
    """Each month in which something moved is closed by the balances of just that; the end by all that ever moved."""
    path = tmp_path / "book.journal"
    programme, entries = acme(), simulated()
    export_file(entries, programme, Format.HLEDGER, path)
    moved: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        month = f"{programme.calendar.local(entry.effective_at):%Y-%m}"
        moved.setdefault(month, set()).update((posting.account.path, posting.asset) for posting in entry.postings)
    last = max(moved)
    moved[last] = set().union(*moved.values())
    found: dict[str, int] = {}
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        if block.splitlines()[0].endswith(" balance assertion"):
            found[block[:7]] = len(block.splitlines()) - 1
    assert found == {month: len(keys) for month, keys in moved.items()}


@pytest.mark.parametrize("format", list(Format), ids=lambda format: format.value)
def test_the_same_book_gives_the_same_bytes(format: Format, tmp_path: Path) -> None:
    """Nothing depends on the clock or the folder."""
    if format is Format.PARQUET:
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, of the extra [sim]")
    for name in ("one", "two"):
        export_file(late_entries(), acme(), format, tmp_path / name / "book")
    assert (tmp_path / "one" / "book").read_bytes() == (tmp_path / "two" / "book").read_bytes()
