"""
The journal of hledger: balanced transactions, tags, declared accounts and commodities, and balance assertions.

What ``hledger check --strict`` asks for is declared. A text stands in a tag with the characters escaped that end a
value or begin something else in a comment: ``%2C`` is a comma, as in a web address.

>>> tag_text("a, b [2026]"), tag_text("50 %")
('a%2C b %5B2026%5D', '50 %25')
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, TextIO

from attrs import define, field

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.exports.journals import Balance, Contents, entry_facts, posting_facts
from loyalty.exports.names import account_name, commodity_name
from loyalty.ledger.entries import Entry, EntryKind

#: What an assertion's transaction is called.
ASSERTION: Final = "balance assertion"

_TAGS: Final = ("key", "kind", "cause", "effective", "recorded", "revision", "corrects", "lot", "rule")

#: What ends a value or a line, begins a comment, a date or a note, or is a space where none would be seen.
_UNSAFE: Final = re.compile(r"[%,;|\[\]]|[^\S ]|[\x00-\x1f\x7f-\x9f]|^ | $|(?<= ) ")


def tag_text(text: str) -> str:
    """Give a text as hledger reads it to the end; every escape is the UTF-8 of one character in hexadecimal."""
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


@define
class HledgerDialect:
    """Writes a journal for hledger 1.25 or later; for its date order nothing is left to be sorted."""

    _scales: dict[str, int] = field(factory=dict, init=False)
    _symbols: dict[str, str] = field(factory=dict, init=False)

    def begin(self, file: TextIO, contents: Contents) -> None:
        """Write the commodities with their digits, the accounts, and what else a strict check wants declared."""
        programme = contents.programme
        self._scales = dict(contents.scales)
        self._symbols = {asset: f'"{commodity_name(asset)}"' for asset in contents.scales}
        file.write(
            f"; {tag_text(programme.id)}, revision {programme.revision}, days of {programme.calendar.timezone}\n\n"
        )
        for asset, scale in contents.scales.items():
            # The point must stand there, even where no digit follows.
            file.write(f"commodity 1000.{'0' * scale} {self._symbols[asset]}  ; asset: {tag_text(asset)}\n")
        file.write("\n")
        for account in contents.opened:
            file.write(f"account {account_name(account)}  ; path: {tag_text(account.path)}\n")
        file.write("\n")
        file.writelines(f"payee {name}\n" for name in (*(kind.value for kind in EntryKind), ASSERTION))
        file.write("\n")
        file.writelines(f"tag {name}\n" for name in ("asset", "path", *_TAGS))

    def transaction(self, file: TextIO, entry: Entry, day: int) -> None:
        """Write one entry of a day."""
        lines = [f"\n{format_day(day)} {entry.kind.value} | {tag_text(entry.key)}\n"]
        lines += [f"    ; {name}: {tag_text(text)}\n" for name, text in entry_facts(entry)]
        for posting in entry.postings:
            facts = posting_facts(posting.lot_day, posting.rule, posting.cause)
            tags = ", ".join(f"{name}: {tag_text(text)}" for name, text in facts)
            amount = format_minor_units(posting.amount, self._scales[posting.asset])
            leg = f"    {account_name(posting.account)}  {amount} {self._symbols[posting.asset]}"
            lines.append(f"{leg}  ; {tags}\n" if tags else f"{leg}\n")
        file.writelines(lines)

    def balances(self, file: TextIO, day: int, balances: Iterable[Balance]) -> None:
        """Assert balances in a transaction that moves nothing; it stands behind those of the day."""
        file.write(f"\n{format_day(day)} {ASSERTION}\n")
        file.writelines(self._assertions(balances))

    def _assertions(self, balances: Iterable[Balance]) -> Iterator[str]:
        for account, group in groupby(balances, key=lambda balance: balance[0]):
            name = account_name(account)
            for _, asset, amount in group:
                scale, symbol = self._scales[asset], self._symbols[asset]
                nothing, text = format_minor_units(0, scale), format_minor_units(amount, scale)
                yield f"    {name}  {nothing} {symbol} = {text} {symbol}\n"
