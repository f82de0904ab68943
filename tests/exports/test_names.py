"""Names of accounts and commodities: legal in both tools, and never two names for one or one for two."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import Holder, Programme
from loyalty.errors import UsageError
from loyalty.exports import Format, export_file
from loyalty.exports.names import account_name, commodity_name, parse_account, parse_commodity, scale_of
from loyalty.ledger.entries import HOLDER_ACCOUNTS, PROGRAMME_ACCOUNTS, Account, Entry, EntryKind, Posting
from tests.exports import tools
from tests.exports.books import acme
from tests.exports.tools import needs_beancount, needs_hledger

#: What has bitten escapings before: what differs by case or punctuation alone, and what tools read as something else.
NASTY = (
    "", " ", "acme", "Acme", "ACME", "acme ", " acme", "ac me", "ac  me", "ac-me", "ac--me", "ac_me", "ac.me", "-61-",
    "--", "-", "a-2d-b", "a:b", "a;b", "a,b", 'a"b', "a'b", "a|b", "a\\b", "(a)", "[2026-01-01]", "date:2026-02-30",
    "a\nb", "a\tb", "a\u00a0b", "a\u2028b", "Zürich", "Zu\u0308rich", "東京", "ﬀ", "ß", "İ", "١", "1", "²", "🦊",
    "true", "TRUE", "null", "false", "empty", "EMPTY", "'", "x'-true", "X'-", "0", "a.", "a_", "%", "%41", "A",
    "Assets:Cash", "*", "!", "; key: other", "points = 5", "@", "{1}",
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    st.text("aA-2f'._xX0 é", max_size=6),
)


@settings(max_examples=400)
@given(texts, texts, st.sampled_from(sorted(HOLDER_ACCOUNTS)))
def test_accounts_are_injective(one: str, other: str, name: str) -> None:
    """What was written can be read back, so that no two holders share an account."""
    first, second = Account(Holder.partner(one), name), Account(Holder.person(other), name)
    assert (parse_account(account_name(first)), parse_account(account_name(second))) == (first, second)
    assert account_name(first) != account_name(second)


@settings(max_examples=400)
@given(texts)
def test_commodities_are_injective(asset: str) -> None:
    """What was written can be read back, so that no two currencies share a commodity."""
    assert parse_commodity(commodity_name(asset)) == asset


def test_nasty_names_are_all_different() -> None:
    """Also those that differ by case or punctuation alone, whole accounts included."""
    ids = [account_name(Account(Holder.partner(id), "available")) for id in NASTY]
    assert len(set(ids)) == len({commodity_name(asset) for asset in NASTY}) == len(set(NASTY))


def test_every_account_of_a_book_has_a_name_of_its_own() -> None:
    """The programme's and the holders', each under one of the five roots that Beancount knows."""
    accounts = [Account(None, name) for name in PROGRAMME_ACCOUNTS]
    accounts += [Account(Holder.partner("acme"), name) for name in HOLDER_ACCOUNTS]
    names = {account_name(account): account for account in accounts}
    assert len(names) == len(accounts)
    assert all(parse_account(name) == account for name, account in names.items())
    assert {name.partition(":")[0] for name in names} <= {"Assets", "Liabilities", "Equity", "Income", "Expenses"}


@pytest.mark.parametrize(
    "name", ["Assets:Available:Partner-a-61-", "Assets:Nothing:Partner-a", "Assets:Available", "x"]
)
def test_what_was_not_written_here_is_refused(name: str) -> None:
    """An account that somebody else named is not taken for one of ours."""
    with pytest.raises(UsageError):
        parse_account(name)


def test_an_unknown_currency_has_no_digits() -> None:
    """Its amounts could not be written, so that the export stops, and says which file lacks it."""
    with pytest.raises(UsageError, match=r"amounts of 'stars', which .*programme.yaml does not declare"):
        scale_of(acme(), "stars")


@needs_beancount
@settings(max_examples=200)
@given(texts, texts)
def test_beancount_reads_every_name(id: str, asset: str) -> None:
    """Its own parser takes the account and the commodity, and gives back what was written."""
    from beancount.core import data
    from beancount.parser import parser

    account, commodity = account_name(Account(Holder.partner(id), "available")), commodity_name(asset)
    text = f"2026-01-01 open {account} {commodity}\n2026-01-02 balance {account}  1 ~ 0 {commodity}\n"
    entries, errors, _ = parser.parse_string(text)
    assert not errors
    opened, balance = entries
    assert isinstance(opened, data.Open)
    assert (opened.account, opened.currencies) == (account, [commodity])
    assert (balance.account, balance.amount.currency, balance.tolerance) == (account, commodity, 0)


def nasty_entry(number: int, id: str, text: str, programme: Programme) -> Entry:
    """An entry of which every text is hostile."""
    at = programme.calendar.day_start_us(programme.first_day + number)
    owner = Holder.partner(id)
    legs = (
        Posting(Account(None, "issued"), "points", -number - 1, rule=text, cause=text),
        Posting(Account(owner, "available"), "points", number + 1, lot_day=30_000, rule=text, cause=text),
        Posting(Account(None, "standing"), f"tier.{text}", -1, rule=text),
        Posting(Account(owner, "standing"), f"tier.{text}", 1, rule=text),
    )
    return Entry(key=f"{number}{text}", kind=EntryKind.EVENT, cause=text, effective_at=at, recorded_at=at, revision="r",
                 corrects=text, postings=legs)  # fmt: skip


def hostile(chosen: list[tuple[str, str]]) -> tuple[Entry, ...]:
    """A book of hostile texts, an entry each day."""
    return tuple(nasty_entry(number, id, text, acme()) for number, (id, text) in enumerate(chosen))


pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=30)


@needs_hledger
@settings(max_examples=15)
@given(pairs)
def test_hledger_reads_every_text_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[tuple[str, str]]
) -> None:
    """Strict checks hold, no text is read as a date, and tags say what the entry said."""
    entries = hostile(chosen)
    _compare_with_hledger(entries, tmp_path_factory.mktemp("hledger") / "book.journal")


@needs_hledger
def test_hledger_reads_all_nasty_texts(tmp_path: Path) -> None:
    """The collected ones, each as an id and as every other text."""
    _compare_with_hledger(hostile(list(zip(NASTY, reversed(NASTY), strict=True))), tmp_path / "book.journal")


@needs_beancount
@settings(max_examples=30)
@given(pairs)
def test_beancount_reads_every_text_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[tuple[str, str]]
) -> None:
    """No error, our totals, and metadata say what the entry said."""
    _compare_with_beancount(hostile(chosen), tmp_path_factory.mktemp("beancount") / "book.beancount")


@needs_beancount
def test_beancount_reads_all_nasty_texts(tmp_path: Path) -> None:
    """The collected ones, each as an id and as every other text."""
    _compare_with_beancount(hostile(list(zip(NASTY, reversed(NASTY), strict=True))), tmp_path / "book.beancount")


def _compare_with_hledger(entries: tuple[Entry, ...], path: Path) -> None:
    export_file(entries, acme(), Format.HLEDGER, path)
    checked = tools.hledger_check(path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert tools.hledger_totals(path) == tools.our_totals(entries, acme())
    read = tools.hledger_transactions(path)
    assert len(read) == len(entries)
    for transaction, entry in zip(read, entries, strict=True):
        tags = tools.hledger_tags(transaction["ttags"])
        assert (tags["key"], tags["cause"], tags["corrects"]) == (entry.key, entry.cause, entry.corrects)
        assert transaction["tdate"] == f"{acme().calendar.local(entry.effective_at):%Y-%m-%d}"
        for leg, posting in zip(transaction["tpostings"], entry.postings, strict=True):
            assert leg["paccount"] == account_name(posting.account)
            assert tools.hledger_tags(leg["ptags"]).get("rule", "") == posting.rule
            assert leg["pdate"] is None


def _compare_with_beancount(entries: tuple[Entry, ...], path: Path) -> None:
    from beancount import loader
    from beancount.core import data

    export_file(entries, acme(), Format.BEANCOUNT, path)
    read, errors, _ = loader.load_file(str(path))
    assert not errors
    assert tools.beancount_totals(path) == tools.our_totals(entries, acme())
    transactions = list(data.filter_txns(read))
    for transaction, entry in zip(transactions, entries, strict=True):
        assert transaction.meta["key"] == transaction.narration == entry.key
        assert (transaction.meta["cause"], transaction.meta["corrects"]) == (entry.cause, entry.corrects)
        assert transaction.date == acme().calendar.local(entry.effective_at).date()
        for leg, posting in zip(transaction.postings, entry.postings, strict=True):
            assert (leg.account, leg.meta["rule"]) == (account_name(posting.account), posting.rule)
    assert all(isinstance(transaction.date, date) for transaction in transactions)
