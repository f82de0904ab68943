"""
The chain of seals against the entries: each entry is in one seal at its place, each seal follows from the one before.

Within an epoch entries lie in the order in which they were sealed, by (transaction number, id). What a restore left
over, since transactions were numbered from anew, begins the next epoch: see :mod:`loyalty.ledger.sql.epochs`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from attrs import Factory, define
from sqlalchemy import Select, bindparam, func, literal_column, select

from loyalty.ledger.sealing import HASH_SIZE, NO_ROOT, Head, root_of
from loyalty.ledger.sql.auditing.reading import PAGE, Findings, Reader
from loyalty.ledger.sql.seals import ADOPTED_XID, Link
from loyalty.ledger.sql.statements import Compiler

#: How many seals are read at a time; each has up to 10,000 leaves.
_SEALS: Final = 20

#: Every id lies between this below 0 and this above.
_FAR: Final = 1 << 62

#: Sorts behind every content hash.
_BEHIND: Final = b"\xff" * (HASH_SIZE + 1)


@define(eq=False)
class ChainAudit:
    """
    What following the chain came to.

    Attributes:
        findings: What is wrong, in order of the chain.
        head: The last seal, or None.
        sealed: How many entries are in a seal.
        unsealed: How many come after the last seal.
        first_unsealed: The id of the first of them.
    """

    findings: Findings = Factory(Findings)
    head: Head | None = None
    sealed: int = 0
    unsealed: int = 0
    first_unsealed: int | None = None


def audit_chain(reader: Reader, heads: Sequence[Head] = ()) -> ChainAudit:
    """
    Follow the chain from its first seal.

    Args:
        heads: What was kept outside, to compare the chain with.
    """
    return _Following(reader, heads).follow()


class _Following:
    def __init__(self, reader: Reader, heads: Sequence[Head]) -> None:
        self._reader = reader
        self._kept: dict[int, list[bytes]] = {}
        for head in heads:
            self._kept.setdefault(head.number, []).append(head.root_hash)
        self._audit = ChainAudit()
        self._find = self._audit.findings.add
        #: Entries in the range of an epoch's seals that are in none of them.
        self._left_over: list[Link] = []
        self._before: int | None = None

    def follow(self) -> ChainAudit:
        reader, audit = self._reader, self._audit
        ends = dict(reader.runner.plain(_epoch_ends, book=reader.book_id))
        epoch, last = 1, (-_FAR, -_FAR)
        links = _Links(reader, -_FAR, self._end_of(ends, epoch))
        number, root = 0, NO_ROOT
        for page in reader.runner.stream(_seals, _SEALS, book=reader.book_id):
            for seal_number, seal_epoch, xid, entry_id, leaves, seal_root, sealed_at in page:
                is_behind_gap = seal_number > number + 1
                self._follows(seal_number, number, seal_epoch, epoch)
                if root_of(root, seal_number, seal_epoch, (xid, entry_id), leaves, sealed_at) != seal_root:
                    self._find(
                        f"seal {seal_number} is not what follows seal {number}: its root is not that of what it holds"
                        if number
                        else f"seal {seal_number} is not what begins the chain: its root is not that of what it holds"
                    )
                number, root = seal_number, seal_root
                self._compare_kept(number, root)
                if seal_epoch > epoch:
                    self._left_over += links.take(None)
                    self._left_over.sort(key=lambda link: link[1])
                    links = _Links(reader, ends.get(seal_epoch, -_FAR), self._end_of(ends, seal_epoch))
                    epoch = seal_epoch
                    last = (-_FAR, -_FAR)
                if (xid, entry_id) < last:
                    self._find(f"seal {seal_number} ends before the seal before it")
                last = (xid, entry_id)
                if xid == ADOPTED_XID and epoch > 1:
                    held = [link for link in self._left_over if link[1] <= entry_id]
                    self._left_over = self._left_over[len(held) :]
                else:
                    held = self._without_gap(links.take(last), leaves) if is_behind_gap else links.take(last)
                self._compare(seal_number, leaves, held, is_last_epoch=epoch >= max(ends, default=1))
        for link in self._left_over:
            self._find(self._unknown(link, "in none of the seals around it"))
        if number:
            audit.head = Head(number, root)
        self._count_unsealed(links)
        for kept in sorted(number for number in self._kept if number > (audit.head.number if audit.head else 0)):
            self._find(
                f"the chain ends at seal {audit.head.number if audit.head else 0}, but seal {kept} was kept outside: "
                "what was sealed after that was taken out"
            )
        return audit

    def _end_of(self, ends: dict[int, int], epoch: int) -> int | None:
        return min((end for number, end in ends.items() if number > epoch), default=None)

    def _follows(self, number: int, before: int, epoch: int, epoch_before: int) -> None:
        if number <= before:
            self._find(f"seal {number} stands behind seal {before}")
        elif number != before + 1:
            missing = f"seal {before + 1} is" if number == before + 2 else f"seals {before + 1} to {number - 1} are"
            self._find(f"{missing} missing: after seal {before} comes seal {number}")
        if epoch not in (epoch_before, epoch_before + 1):
            self._find(f"seal {number} is of epoch {epoch}, and the one before it of epoch {epoch_before}")

    def _without_gap(self, held: list[Link], leaves: bytes) -> list[Link]:
        """Tell the entries that a missing seal held apart from those of the one behind it."""
        gap = len(held) - len(leaves) // HASH_SIZE
        if gap <= 0:
            return held
        which = "1 entry" if gap == 1 else f"{gap} entries from"
        to = "" if gap == 1 else f" to {self._name(held[gap - 1])}"
        self._find(f"{which} {self._name(held[0])}{to} can be in no seal but the missing one")
        return held[gap:]

    def _compare_kept(self, number: int, root: bytes) -> None:
        for kept in self._kept.get(number, ()):
            if kept != root:
                self._find(
                    f"the root of seal {number} is {root.hex()}, but {kept.hex()} was kept outside: "
                    "the chain was made anew, up to that seal or before it"
                )

    def _compare(self, number: int, leaves: bytes, held: list[Link], *, is_last_epoch: bool) -> None:
        """Compare a seal's leaves with the entries at its place, and name each that differs."""
        self._audit.sealed += len(leaves) // HASH_SIZE
        if leaves == b"".join([link[2] for link in held]):
            self._before = held[-1][1] if held else self._before
            return
        wanted = [leaves[start : start + HASH_SIZE] for start in range(0, len(leaves), HASH_SIZE)]
        there = [link[2] for link in held]
        matcher = SequenceMatcher(None, wanted, there, autojunk=False)
        for what, first, end, first_there, end_there in matcher.get_opcodes():
            if what == "equal":
                continue
            both = min(end - first, end_there - first_there)
            for link in held[first_there : first_there + both]:
                self._find(f"entry {self._name(link)} is not what seal {number} holds at its place")
            if missing := end - first - both:
                place = self._gap(held, first_there + both)
                which = "1 entry is" if missing == 1 else f"{missing} entries are"
                self._find(f"{which} missing {place}: seal {number} holds the digest")
            for link in held[first_there + both : end_there]:
                if is_last_epoch:
                    self._find(self._unknown(link, f"not in seal {number}, in whose range it stands"))
                else:
                    self._left_over.append(link)
        self._before = held[-1][1] if held else self._before

    def _gap(self, held: list[Link], place: int) -> str:
        before = held[place - 1][1] if place else self._before
        behind = held[place][1] if place < len(held) else None
        if before is None:
            return "at the beginning" if behind is None else f"before entry {self._reader.entry_name(behind)}"
        if behind is None:
            return f"after entry {self._reader.entry_name(before)}"
        return f"between entries {self._reader.entry_name(before)} and {self._reader.entry_name(behind)}"

    def _count_unsealed(self, links: _Links) -> None:
        audit = self._audit
        while left := links.some():
            if audit.first_unsealed is None:
                audit.first_unsealed = left[0][1]
            audit.unsealed += len(left)

    def _unknown(self, link: Link, why: str) -> str:
        return f"entry {self._name(link)} is {why}: it was put in, or moved there"

    def _name(self, link: Link) -> str:
        return self._reader.entry_name(link[1])


class _Links:
    """The entries of an epoch in the order of the chain, taken from the front."""

    def __init__(self, reader: Reader, after: int, until: int | None) -> None:
        on_sqlite = reader.on_sqlite
        self._pages: Iterator[Sequence[Any]] = reader.runner.stream(
            _links_by_id if on_sqlite else _links,
            PAGE,
            book=reader.book_id,
            after=after,
            until=_FAR if until is None else until,
        )
        self._page: list[Link] = []
        self._next = 0

    def take(self, last: tuple[int, int] | None) -> list[Link]:
        """Take the entries up to a place, that one included; all for None."""
        taken: list[Link] = []
        while self._fill():
            page = self._page
            if last is None or page[-1][:2] <= last:
                taken += page[self._next :]
                self._next = len(page)
                continue
            end = bisect_right(page, (*last, _BEHIND), lo=self._next)
            taken += page[self._next : end]
            self._next = end
            break
        return taken

    def some(self) -> list[Link]:
        """Take what can be had at once; nothing at the end."""
        if not self._fill():
            return []
        taken, self._next = self._page[self._next :], len(self._page)
        return taken

    def _fill(self) -> bool:
        if self._next == len(self._page):
            self._page, self._next = list(next(self._pages, ())), 0
        return bool(self._page)


def _seals(compiler: Compiler) -> Select[Any]:
    seal = compiler.schema.seal
    columns = (
        seal.c.number, seal.c.epoch, seal.c.last_xid, seal.c.last_entry_id, seal.c.leaves, seal.c.root_hash,
        seal.c.sealed_at,
    )  # fmt: skip
    return select(*columns).where(seal.c.book_id == bindparam("book")).order_by(seal.c.number)


def _epoch_ends(compiler: Compiler) -> Select[Any]:
    """Give, for each epoch but the first, the id up to which entries belong to earlier ones."""
    seal = compiler.schema.seal
    return (
        select(seal.c.epoch, func.max(seal.c.last_entry_id))
        .where(
            seal.c.book_id == bindparam("book"),
            seal.c.epoch > literal_column("1"),
            seal.c.last_xid == literal_column(str(ADOPTED_XID)),
        )
        .group_by(seal.c.epoch)
    )


def _links(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return _of_epoch(compiler).order_by(entry.c.xid, entry.c.id)


def _links_by_id(compiler: Compiler) -> Select[Any]:
    return _of_epoch(compiler).order_by(compiler.schema.entry.c.id)


def _of_epoch(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    return select(entry.c.xid, entry.c.id, entry.c.content_hash).where(
        # Adding 0 keeps the planner from an index of the book, for which it would have to sort.
        entry.c.book_id + literal_column("0") == bindparam("book"),
        entry.c.id > bindparam("after"),
        entry.c.id <= bindparam("until"),
    )
