"""
The journal of Beancount: opened accounts, commodities, transactions with metadata, and balance directives.

Beancount forgives small differences where amounts have digits after the point. Ours are exact, so every balance is
asserted with a tolerance of 0. A balance directive holds at the start of a day, which is why that of a month's end
stands on the first of the next.

>>> string_text('say "no"')
'"say \\\\"no\\\\""'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TextIO

from attrs import define, field

from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import format_day
from loyalty.exports.journals import Balance, Contents, entry_facts, posting_facts
from loyalty.exports.names import account_name, commodity_name
from loyalty.ledger.entries import Entry

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def string_text(text: str) -> str:
    """Give a text as a string of Beancount's."""
    return f'"{text.translate(_ESCAPES)}"'


@define
class BeancountDialect:
    """Writes a journal for Beancount 3."""

    _scales: dict[str, int] = field(factory=dict, init=False)
    _symbols: dict[str, str] = field(factory=dict, init=False)

    def begin(self, file: TextIO, contents: Contents) -> None:
        """Write the commodities and the accounts, each from the day on which it is first used."""
        programme = contents.programme
        self._scales = dict(contents.scales)
        self._symbols = {asset: commodity_name(asset) for asset in contents.scales}
        title = f"{programme.title or programme.id}, revision {programme.revision}"
        file.write(f'option "title" {string_text(title)}\n\n')
        first = format_day(min(contents.opened.values(), default=programme.first_day))
        for asset, symbol in self._symbols.items():
            file.write(f"{first} commodity {symbol}\n  asset: {string_text(asset)}\n")
        file.write("\n")
        for account, day in contents.opened.items():
            file.write(f"{format_day(day)} open {account_name(account)}\n  path: {string_text(account.path)}\n")

    def transaction(self, file: TextIO, entry: Entry, day: int) -> None:
        """Write one entry of a day."""
        lines = [f"\n{format_day(day)} * {string_text(entry.kind.value)} {string_text(entry.key)}\n"]
        lines += [f"  {name}: {string_text(text)}\n" for name, text in entry_facts(entry)]
        for posting in entry.postings:
            amount = format_minor_units(posting.amount, self._scales[posting.asset])
            lines.append(f"  {account_name(posting.account)}  {amount} {self._symbols[posting.asset]}\n")
            facts = posting_facts(posting.lot_day, posting.rule, posting.cause)
            lines += [f"    {name}: {string_text(text)}\n" for name, text in facts]
        file.writelines(lines)

    def balances(self, file: TextIO, day: int, balances: Iterable[Balance]) -> None:
        """Assert balances as they are before the next day begins."""
        file.write("\n")
        next_day = format_day(day + 1)
        for account, asset, amount in balances:
            text = format_minor_units(amount, self._scales[asset])
            file.write(f"{next_day} balance {account_name(account)}  {text} ~ 0 {self._symbols[asset]}\n")
