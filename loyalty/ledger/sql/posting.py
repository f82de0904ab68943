"""
Posting into tables: load what is touched, decide in memory, write what came of it.

The decision is :class:`~loyalty.ledger.book.Book`'s, as for the store in memory, and it is taken before the first row
is written: a refused batch leaves no trace and its keys stay usable. What a transaction has loaded it keeps, since
nobody else can change it until the end, and what it posts can wait to be written with what comes after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from attrs import Factory, define

from loyalty.core.amounts import INT64_MAX
from loyalty.core.events import canonical_json
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError
from loyalty.ledger.book import Book
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account, Entry, Posting
from loyalty.ledger.hashing import hash_fields, version_for
from loyalty.ledger.lots import Allocation, OpenLot
from loyalty.ledger.sql import posting_statements as ask
from loyalty.ledger.sql.bulk import COPY_FROM_ROWS
from loyalty.ledger.sql.ids import Ids
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.statements import FEW, Runner

#: Gives the text of a kind, without the detour that ``Enum.value`` takes.
kind_code: Final = attrgetter("_value_")

#: A lot's id is that of its entry, shifted by so many bits, and its place among the lots that the entry made.
LOT_BITS: Final = 20

#: How many lots of an account, an asset and an expiry day are read at first.
_LOTS_AT_FIRST: Final = 64


class _Balance:
    """A balance while its postings are numbered; version 0 has no row yet."""

    __slots__ = ("kept_version", "posted", "version")

    def __init__(self, posted: int, version: int) -> None:
        self.posted, self.version, self.kept_version = posted, version, version


class _Wallet:
    """An account that the transaction touches: its id, 0 while it has none, and its balances by asset."""

    __slots__ = ("account", "account_id", "balances", "is_dirty", "path", "sign")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.path = account.path
        self.account_id = 0
        #: Whether there are postings to it that are not written yet.
        self.is_dirty = False
        #: 1 where the balance never falls below 0, -1 where it never rises above, 0 for the programme's accounts.
        self.sign = 0 if account.owner is None else HOLDER_ACCOUNTS[account.name]
        self.balances: dict[str, _Balance] = {}


@define(eq=False)
class _Read:
    """
    What was read of the open lots of an account, an asset and an expiry day.

    Lots are consumed in the order in which they are read. As long as those that were read come to what all debits
    want, none that was not read can be consumed.

    Attributes:
        wanted: What debits take in all.
        found: What was left of the lots that were read.
        after: They were earned at this instant or before.
        is_whole: Whether there are no others.
    """

    wanted: int = 0
    found: int = 0
    after: int = -INT64_MAX
    is_whole: bool = False

    @property
    def lacks(self) -> bool:
        """Whether more has to be read."""
        return not self.is_whole and self.found < self.wanted

    def taken_in(self, rows: Sequence[Any], limit: int) -> Sequence[Any]:
        """Give those of the next *limit* lots of which no other one of the same instant can be missing."""
        if len(rows) < limit:
            self.is_whole = True
        else:
            last = rows[-1].earned_at
            rows = [row for row in rows if row.earned_at < last]
        if rows:
            self.after = rows[-1].earned_at
        return rows


@define(eq=False)
class Batch:
    """
    What one transaction posts.

    Entries that take nothing from any holder can always be posted. As long as a transaction has no others, there is
    nothing to decide and no lot to look for; from the first other entry on, a :class:`~loyalty.ledger.book.Book`
    decides.

    Attributes:
        hashes: The ids and content hashes of what was written, in order, for the seal.
    """

    runner: Runner
    names: Names
    ids: Ids
    hashes: list[tuple[int, bytes]] = Factory(list)
    _keys: set[str] = Factory(set)
    _by_cause: dict[str | None, list[Entry]] = Factory(dict)
    _unindexed: list[Entry] = Factory(list)
    _unwritten: list[Entry] = Factory(list)
    _legs: list[list[_Wallet]] = Factory(list)
    _dirty: list[_Wallet] = Factory(list)
    _wallets: dict[str, _Wallet] = Factory(dict)
    _book: Book | None = None
    _written_lots: int = 0
    _read: dict[tuple[Account, str, int], _Read] = Factory(dict)
    _made: set[int] = Factory(set)
    _ready_ids: list[int] = Factory(list)
    _unread: dict[int, _Wallet] = Factory(dict)
    _expected: set[Holder] = Factory(set)

    def post(self, entries: Sequence[Entry], *, keys_are_new: bool = False) -> None:
        """
        Decide whether entries can be posted; :meth:`write` writes them.

        Args:
            keys_are_new: Whether the writer knows that no other transaction used them; the database refuses others.

        Raises:
            LedgerError: a key is known, or a balance or lot would break its bound; nothing of the batch is kept.
        """
        legs, gives = self._legs_of(entries)
        gives = gives and self._book is None
        # What is written by COPY and needs no decision locks balances as late as it can, so that others wait less.
        late = gives and len(entries) >= COPY_FROM_ROWS
        if not late:
            self._open_expected()
        self._look_ahead(() if keys_are_new else entries, with_balances=not late)
        keys = self._new_keys(entries)
        if not gives:
            self._decide(entries)
        self._keys |= keys
        dirty = self._dirty
        for of_entry in legs:
            for wallet in of_entry:
                if not wallet.is_dirty:
                    wallet.is_dirty = True
                    dirty.append(wallet)
        self._unindexed += entries
        self._unwritten += entries
        self._legs += legs

    def caused_by(self, cause: str) -> Sequence[Entry]:
        """Give the entries of one cause that this transaction posted."""
        for entry in self._unindexed:
            self._by_cause.setdefault(entry.cause, []).append(entry)
        self._unindexed.clear()
        return self._by_cause.get(cause, ())

    def expect(self, holders: Iterable[Holder]) -> None:
        """Load the balances of holders at once where the first one is needed, so that none is asked for alone."""
        self._expected.update(holders)

    def write(self) -> None:
        """Write what was posted and not written yet."""
        entries, self._unwritten = self._unwritten, []
        legs, self._legs = self._legs, []
        wallets, self._dirty = self._dirty, []
        if not entries:
            return
        self.names.add_assets(self.runner, {posting.asset for entry in entries for posting in entry.postings})
        new = [wallet for wallet in wallets if not wallet.account_id]
        if new:
            self.names.add_accounts(self.runner, [wallet.account for wallet in new])
            for wallet in new:
                wallet.account_id = self.names.accounts[wallet.account.path]
        count, schema = len(entries), self.runner.schema
        ids = self._take_ids(count)
        with self.runner.together(count):
            lots: list[tuple[Any, ...]] = []
            self.runner.insert(schema.entry, self._entry_rows(entries, legs, ids, lots), count)
            if self._book is None:
                self.runner.insert(schema.lot, lots)
                self._look_ahead((), with_balances=True)
            else:
                journal, self._written_lots = self._book.lot_journal[self._written_lots :], self._book.mark()[1]
                self._write_lots(journal, {entry.key: id for id, entry in zip(ids, entries, strict=True)})
            self.runner.insert(schema.posting, self._posting_rows(entries, legs, ids), count)
            self._write_balances(wallets)

    def _take_ids(self, count: int) -> Sequence[int]:
        """Give ids for entries: those that came with the balances, or new ones."""
        ready, self._ready_ids = self._ready_ids, []
        return ready if len(ready) == count else self.ids.take(self.runner, self.runner.schema.entry, count)

    def _new_keys(self, entries: Sequence[Entry]) -> set[str]:
        keys = {entry.key for entry in entries}
        if len(keys) < len(entries) or not keys.isdisjoint(self._keys):
            counts = Counter(entry.key for entry in entries)
            repeated = next(key for key, count in counts.items() if count > 1 or key in self._keys)
            raise LedgerError(f"entry {repeated} is posted already; a key is used once in a book")
        return keys

    def _decide(self, entries: Sequence[Entry]) -> None:
        book = self._book
        if book is None:
            book = Book()
            for wallet in self._wallets.values():
                _tell_balances(book, wallet)
            # What is written has its lots in the tables; what is not yet has them in the book.
            book.post(self._unwritten)
            self._book = book
        self._load_lots(book, [posting for entry in entries for posting in entry.postings])
        book.post(entries)

    def _legs_of(self, entries: Sequence[Entry]) -> tuple[list[list[_Wallet]], bool]:
        """
        Give the accounts that the postings of entries go to, each with what the transaction knows of it.

        Returns:
            Those of each entry, and whether no posting takes anything from a holder, so that no floor and no lot is in
            question.
        """
        wallets = self._wallets
        new: list[_Wallet] = []
        legs, gives = [], True
        for entry in entries:
            of_entry = []
            for posting in entry.postings:
                account = posting.account
                wallet = wallets.get(account.path)
                if wallet is None:
                    wallet = wallets[account.path] = _Wallet(account)
                    new.append(wallet)
                if wallet.sign and (posting.amount > 0) != (wallet.sign > 0):
                    gives = False
                of_entry.append(wallet)
            legs.append(of_entry)
        self._find_wallets(new)
        return legs, gives

    def _open_expected(self) -> None:
        """Begin with all accounts of the holders that were told of."""
        if self._expected:
            accounts = self.names.find_accounts_of(self.runner, self._expected)
            self._expected.clear()
            new = [_Wallet(account) for account in accounts if account.path not in self._wallets]
            self._wallets.update({wallet.path: wallet for wallet in new})
            self._find_wallets(new)

    def _find_wallets(self, new: Sequence[_Wallet]) -> None:
        """Begin with accounts; their balances are read before anything depends on them."""
        self.names.find_accounts(self.runner, [wallet.path for wallet in new])
        known, unread = self.names.accounts, self._unread
        for wallet in new:
            wallet.account_id = known.get(wallet.path, 0)
            if wallet.account_id and wallet.sign:
                unread[wallet.account_id] = wallet

    def _look_ahead(self, entries: Sequence[Entry], *, with_balances: bool) -> None:
        """Lock and read the balances that were not read yet; refuse *entries* of known keys, get ids for the others."""
        unread: dict[int, _Wallet] = {}
        if with_balances:
            unread, self._unread = self._unread, {}
        if not unread and not entries:
            return
        compiler, keys, count = self.runner.compiler, [entry.key for entry in entries], len(entries)
        if count <= FEW and len(unread) <= FEW:
            ahead, given = ask.ahead_of_few, compiler.few("accounts", unread) | compiler.few("keys", keys)
        else:
            ahead, given = ask.ahead, {"accounts": compiler.listed(unread), "keys": compiler.listed(keys)}
        asset_name = self.names.asset_name
        for what, first, asset_id, posted, version, key in self.runner.plain(
            ahead, book=self.names.book_id, count=count, **given
        ):
            if what == ask.BALANCE:
                unread[first].balances[asset_name(self.runner, asset_id)] = _Balance(posted, version)
            elif what == ask.ID:
                self._ready_ids.append(first)
            elif what == ask.LAST_ID:
                self.ids.know_last(self.runner.schema.entry, first)
            else:
                raise LedgerError(f"entry {key} is posted already; a key is used once in a book")
        if self._book is not None:
            for wallet in unread.values():
                _tell_balances(self._book, wallet)

    def _load_lots(self, book: Book, postings: Iterable[Posting]) -> None:
        """Read the lots that debits come to, soonest earned first: as many as cover all debits of the batch so far."""
        lacking = set()
        for posting in postings:
            if posting.amount < 0 and posting.lot_day is not None:
                place = (posting.account, posting.asset, posting.lot_day)
                read = self._read.get(place) or self._read.setdefault(place, _Read())
                read.wanted -= posting.amount
                if read.lacks:
                    lacking.add(place)
        limit = _LOTS_AT_FIRST
        while lacking:
            self._load_first_lots(book, lacking, limit)
            lacking = {place for place in lacking if self._read[place].lacks}
            limit *= 4

    def _load_first_lots(self, book: Book, places: Iterable[tuple[Account, str, int]], limit: int) -> None:
        """Read the next *limit* lots of each place."""
        known, wanted = self.names.accounts, {}
        for account, asset, day in places:
            read = self._read[account, asset, day]
            asset_id = self.names.find_asset(self.runner, asset)
            if account.path not in known or asset_id is None:
                read.is_whole = True
                continue
            wanted[known[account.path], asset_id, day] = (account, asset, read)
        if not wanted:
            return
        found: dict[tuple[int, int, int], list[Any]] = {key: [] for key in wanted}
        listed = [(*key, read.after) for key, (_, _, read) in wanted.items()]
        given = ask.listed_places(self.runner.compiler, listed)
        for row in self.runner.rows(ask.first_open_lots, **given, limit=limit):
            found[row.account_id, row.asset_id, row.expires_day].append(row)
        lots = []
        for key, rows in found.items():
            account, asset, read = wanted[key]
            for row in read.taken_in(rows, limit):
                # What the book made and wrote is in the book already.
                if row.id not in self._made:
                    amount, left = row.amount, row.remaining
                    read.found += left
                    lots.append(OpenLot(row.id, account, asset, key[2], row.earned_at, "", row.seq, amount, left))
        book.load_lots(lots)

    def _entry_rows(
        self,
        entries: Sequence[Entry],
        legs: Sequence[Sequence[_Wallet]],
        ids: Sequence[int],
        lots: list[tuple[Any, ...]],
    ) -> Iterator[tuple[Any, ...]]:
        """Make rows of entries, and add to *lots* those that they make which take nothing: one for each day named."""
        book_id, assets, hashes = self.names.book_id, self.names.assets, self.hashes
        for entry_id, entry, wallets in zip(ids, entries, legs, strict=True):
            booked_day, explanation, effective_at = entry.booked_day, entry.explanation, entry.effective_at
            own = (
                entry.key, kind_code(entry.kind), entry.cause, effective_at, entry.recorded_at, entry.revision,
                entry.corrects, canonical_json(dict(explanation)) if explanation else "{}",
            )  # fmt: skip
            fields = [*own]
            lot_id = entry_id << LOT_BITS
            for seq, posting in enumerate(entry.postings):
                wallet, amount, lot_day = wallets[seq], posting.amount, posting.lot_day
                fields += (wallet.path, posting.asset, amount, lot_day, posting.rule, posting.cause)
                if lot_day is not None:
                    asset_id = assets[posting.asset]
                    lots.append((lot_id, wallet.account_id, asset_id, lot_day, effective_at, seq, amount, amount))
                    lot_id += 1
            digest = hash_fields(fields, booked_day)
            hashes.append((entry_id, digest))
            yield entry_id, book_id, *own, digest, version_for(booked_day), booked_day

    def _posting_rows(
        self, entries: Sequence[Entry], legs: Sequence[Sequence[_Wallet]], ids: Sequence[int]
    ) -> Iterator[tuple[Any, ...]]:
        """Make rows of postings, and number those of each balance."""
        assets = self.names.assets
        for entry_id, entry, wallets in zip(ids, entries, legs, strict=True):
            for seq, posting in enumerate(entry.postings):
                wallet, asset, amount = wallets[seq], posting.asset, posting.amount
                after = version = None
                if wallet.sign:
                    balance = wallet.balances.get(asset)
                    if balance is None:
                        balance = wallet.balances[asset] = _Balance(0, 0)
                    after = balance.posted = balance.posted + amount
                    version = balance.version = balance.version + 1
                yield (
                    entry_id, seq, wallet.account_id, assets[asset], amount, posting.lot_day, posting.rule,
                    posting.cause, after, version,
                )  # fmt: skip

    def _write_balances(self, wallets: Iterable[_Wallet]) -> None:
        assets = self.names.assets
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[int, int, int, int]] = []
        for wallet in wallets:
            wallet.is_dirty = False
            if not wallet.sign:
                continue
            for asset, balance in wallet.balances.items():
                if balance.version == balance.kept_version:
                    continue
                row = (wallet.account_id, assets[asset], balance.posted, balance.version)
                if balance.kept_version:
                    changed.append(row)
                else:
                    new.append((*row, 0, None) if wallet.sign > 0 else (*row, None, 0))
                balance.kept_version = balance.version
        # Rows are written in the order of their keys, so that two writers never wait for each other crosswise.
        self.runner.insert(self.runner.schema.balance, sorted(new, key=_key))
        self.runner.update(self.runner.schema.balance, ("posted", "version"), sorted(changed))

    def _write_lots(self, journal: Iterable[OpenLot | Allocation], ids: Mapping[str, int]) -> None:
        schema, accounts, assets = self.runner.schema, self.names.accounts, self.names.assets
        places: dict[int, int] = {}
        created: list[OpenLot] = []
        allocations: list[Allocation] = []
        for item in journal:
            if isinstance(item, OpenLot):
                entry_id = ids[item.entry_key]
                place = places[entry_id] = places.get(entry_id, -1) + 1
                item.sequence = (entry_id << LOT_BITS) + place
                created.append(item)
                self._made.add(item.sequence)
            else:
                allocations.append(item)
        self.runner.insert(
            schema.lot,
            [
                (
                    lot.sequence, accounts[lot.account.path], assets[lot.asset], lot.expires_day, lot.earned_at,
                    lot.posting, lot.amount, lot.remaining,
                )
                for lot in created
            ],
        )  # fmt: skip
        if allocations:
            new = {lot.sequence for lot in created}
            used = {item.lot.sequence: item.lot.remaining for item in allocations if item.lot.sequence not in new}
            self.runner.update(schema.lot, ("remaining",), sorted(used.items()))
            self.runner.insert(
                schema.lot_allocation,
                [(ids[item.entry_key], item.posting, item.lot.sequence, item.amount) for item in allocations],
            )


def _tell_balances(book: Book, wallet: _Wallet) -> None:
    """Let a book know what the tables say of an account."""
    if wallet.sign:
        name, balances = wallet.account.name, book.wallet(wallet.account.owner).balances
        balances.update({(name, asset): balance.posted for asset, balance in wallet.balances.items()})


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]
