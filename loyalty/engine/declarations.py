"""
The declarations that a book keeps, read again: what its entries were settled under, whatever has become of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from loyalty.errors import ProgrammeError, StoreError
from loyalty.ledger.store import Declaration, Transaction
from loyalty.programme.model import Programme
from loyalty.programme.revisions import revisions_of


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
            StoreError: neither is there.
        """
        if revision not in self._known:
            kept = {one.digest: one for one in tx.declarations()}
            if revision not in kept:
                others = ", ".join(sorted({*kept, *self._known})) or "none"
                raise StoreError(
                    f"the declaration of revision {revision} is neither at hand nor kept in the book (there are: "
                    f"{others}); a programme that was built without a file is not kept: give it"
                )
            self._known[revision] = read_declaration(kept[revision])
        return self._known[revision]


def read_declaration(declaration: Declaration) -> Programme:
    """
    Load the programme whose text a book keeps.

    Raises:
        StoreError: this library cannot read the text.
    """
    # A host that never asks about an older revision pays for no reader of YAML.
    from loyalty.programme.loading import loads

    try:
        return loads(declaration.text, file=f"<revision {declaration.digest} of the book>")
    except ProgrammeError as error:
        raise StoreError(f"the declaration of revision {declaration.digest} cannot be read again: {error}") from error


def check_declarations(tx: Transaction) -> Iterator[str]:
    """Look for texts that are not what they are kept as: the digest of each is its name."""
    for declaration in tx.declarations():
        try:
            programme = read_declaration(declaration)
        except StoreError as error:
            yield str(error)
            continue
        if programme.revision != declaration.digest:
            yield (
                f"the text of revision {declaration.digest} is that of revision {programme.revision}: it was changed, "
                "or a later library reads it otherwise"
            )
