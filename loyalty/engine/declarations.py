"""
The declarations that a book keeps, read again: what its entries were settled under, whatever has become of the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loyalty.errors import ProgrammeError, StoreError
from loyalty.ledger.store import Declaration, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import digest_of_chain, revisions_of


class Declarations:
    """
    Finds the programme that an entry was settled under.

    Args:
        programme: What is at hand, with its earlier revisions; None for what the book itself keeps, and nothing else.
    """

    def __init__(self, programme: Programme | None = None) -> None:
        self._known = {one.revision: one for one in revisions_of(programme)} if programme is not None else {}

    def at_hand(self, revision: str) -> Programme | None:
        """Give the programme of a revision if it was given or found before."""
        return self._known.get(revision)

    def find(self, tx: Transaction, revision: str) -> Programme:
        """
        Give the programme of a revision: the one at hand, or that of the text that the book keeps.

        Raises:
            StoreError: neither is there, or this library cannot read the text.
        """
        if revision not in self._known:
            kept = {one.digest: one for one in tx.declarations()}
            if revision not in kept:
                others = ", ".join(sorted({*kept, *self._known})) or "none"
                raise StoreError(
                    f"the declaration of revision {revision} is neither at hand nor kept in the book (there are: "
                    f"{others}); a programme that was built without a file is not kept: give it"
                )
            self._known[revision] = _read(kept, revision)
        return self._known[revision]


def check_declarations(tx: Transaction) -> Iterator[str]:
    """
    Compare the texts that a book keeps with what names them: their digests, the chains that it took up, its entries.

    A text is found that is not what it is kept as, one that stands elsewhere in the order of revisions, and one that is
    missing although there are entries under it; a programme that was built without a file leaves none.
    """
    kept = {one.digest: one for one in tx.declarations()}
    for digest, declaration in kept.items():
        if declaration.after is not None and declaration.after not in kept:
            yield f"the text of revision {digest} is kept as following revision {declaration.after}, which is not kept"
        try:
            programme = _read(kept, digest)
        except StoreError as error:
            yield str(error)
            continue
        if programme.revision != digest:
            yield (
                f"the text of revision {digest} is that of revision {programme.revision}: it was changed, or a later "
                "library reads it otherwise"
            )
        elif programme.from_day != declaration.first_day:
            yield (
                f"the text of revision {digest} is kept as in force from day {declaration.first_day} on, and says "
                f"day {programme.from_day} (days since 1970-01-01)"
            )
    places: dict[str, set[str | None]] = {}
    for adoption in tx.adoptions():
        if digest_of_chain(adoption.revisions) != adoption.chain:
            yield (
                f"the chain {adoption.chain} that the book took up is not that of its revisions "
                f"{', '.join(digest for _, digest in adoption.revisions)}: they were changed"
            )
        chain = [digest for _, digest in adoption.revisions]
        for place, digest in enumerate(chain):
            places.setdefault(digest, set()).add(chain[place - 1] if place else None)
    for digest in kept.keys() & places.keys():
        after = kept[digest].after
        if after not in places[digest]:
            expected = " or ".join(sorted(one or "none" for one in places[digest]))
            yield f"the text of revision {digest} is kept as following {after or 'none'}, but by its chain {expected}"
    yield from _missing(tx, {digest for digest in places if digest not in kept})


def _missing(tx: Transaction, digests: set[str]) -> Iterator[str]:
    """Name each revision of which there is no text and under which there are entries."""
    for entry in tx.entries() if digests else ():
        if entry.revision in digests:
            digests.discard(entry.revision)
            yield (
                f"the text of revision {entry.revision}, under which there are entries from {entry.key} on, is not in "
                "the book: it was taken out, or the programme was built without a file"
            )
            if not digests:
                return


def _read(kept: Mapping[str, Declaration], digest: str) -> Programme:
    """Load a programme from the text that a book keeps, behind the revisions before it."""
    # A host that never asks about an older revision pays for no reader of YAML.
    from loyalty.programme.loading import loads

    chain = [kept[digest]]
    while (after := kept.get(chain[-1].after or "")) is not None and after not in chain:
        chain.append(after)
    before: Programme | None = None
    for declaration in reversed(chain):
        try:
            before = loads(declaration.text, file=f"<revision {declaration.digest} of the book>", before=before)
        except ProgrammeError as error:
            raise StoreError(f"the text of revision {declaration.digest} cannot be read again: {error}") from error
    assert before is not None
    return before
