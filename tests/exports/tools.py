"""The real hledger and Beancount, called as users call them."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from loyalty.core.amounts import format_minor_units
from loyalty.exports.names import parse_account, parse_commodity, scale_of
from loyalty.ledger.entries import Entry
from loyalty.programme.model import Programme

HLEDGER = shutil.which("hledger")
BEAN_CHECK = shutil.which("bean-check", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

needs_hledger = pytest.mark.skipif(
    HLEDGER is None, reason="hledger is not installed; on Debian: apt-get install hledger"
)
needs_beancount = pytest.mark.skipif(BEAN_CHECK is None, reason="Beancount is not installed; it is in the extra [dev]")

#: Amounts by account path and asset, those of 0 left out.
Totals = dict[tuple[str, str], Decimal]


def hledger(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run hledger on a journal."""
    assert HLEDGER is not None
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    words = [HLEDGER, "-f", str(path), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, encoding="utf-8")


def hledger_check(path: Path) -> subprocess.CompletedProcess[str]:
    """Check everything that hledger can check of such a journal: balances, assertions, declarations, order of dates."""
    return hledger(path, "check", "--strict", "ordereddates", "payees")


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    """Run bean-check on a journal."""
    assert BEAN_CHECK is not None
    words = [BEAN_CHECK, "--no-cache", str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def hledger_totals(path: Path) -> Totals:
    """What hledger's balance report says, by our names."""
    done = hledger(path, "balance", "--flat", "--no-total", "--layout=bare", "-O", "csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
    found = {(parse_account(account).path, parse_commodity(name)): Decimal(amount) for account, name, amount in rows}
    return {key: amount for key, amount in found.items() if amount}


def hledger_transactions(path: Path) -> list[dict[str, Any]]:
    """The transactions as hledger reads them, without those that assert balances."""
    done = hledger(path, "print", "-O", "json")
    assert done.returncode == 0, done.stderr
    return [one for one in json.loads(done.stdout) if one["tdescription"] != "balance assertion"]


def hledger_tags(tags: list[list[str]]) -> dict[str, str]:
    """Tags as they were before they were escaped."""
    return {name: unquote(text, errors="strict") for name, text in tags}


def beancount_totals(path: Path) -> Totals:
    """What Beancount's own loader and inventories say, by our names."""
    from beancount import loader
    from beancount.core import data

    entries, errors, _ = loader.load_file(str(path))
    assert not errors
    totals: Totals = defaultdict(Decimal)
    for entry in data.filter_txns(entries):
        for posting in entry.postings:
            totals[parse_account(posting.account).path, parse_commodity(posting.units.currency)] += posting.units.number
    return {key: amount for key, amount in totals.items() if amount}


def our_totals(entries: tuple[Entry, ...], programme: Programme) -> Totals:
    """The sums of postings, in major units."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            sums[posting.account.path, posting.asset] += posting.amount
    return {
        (path, asset): Decimal(format_minor_units(amount, scale_of(programme, asset)))
        for (path, asset), amount in sums.items()
        if amount
    }
