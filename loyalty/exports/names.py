"""
Names that hledger and Beancount both take, whatever partners, tiers and currencies are called.

Both escapings can be undone, so that two names never become one. Accounts are ``ROOT:KIND:HOLDER``, and a holder's part
is its layer, ``-`` and its id, in which letters and the digits 0 to 9 stand as they are, ``--`` is a hyphen, and every
other character is its code point between hyphens, in hexadecimal. Letters of commodities are capitals, since Beancount
knows no others: ``'A`` is what was a capital before, and ``'00002F`` the character of that code point.

>>> account_name(Account(Holder.partner("acme"), "available")), commodity_name("points")
('Assets:Available:Partner-acme', 'POINTS')
>>> account_name(Account(Holder.partner("O'Neil & Co-op"), "arrears"))
'Liabilities:Arrears:Partner-O-27-Neil-20--26--20-Co--op'
>>> commodity_name("tier.gold"), commodity_name("Points"), commodity_name("true")
('TIER.GOLD', "X'-'POINTS", "X'-TRUE")
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from loyalty.core.holders import Holder, Layer
from loyalty.errors import LedgerError, UsageError
from loyalty.ledger.entries import HOLDER_ACCOUNTS, Account
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of, currency_of

#: The roots of the programme's accounts: what comes out of ``issued`` is the holders' income, as both tools sign it.
_PROGRAMME_ROOTS: Final = {"issued": "Income", "redeemed": "Expenses", "expired": "Expenses", "forfeited": "Expenses"}

#: Assets that are standing, one unit each.
STANDING: Final = ("tier.", "badge.")

#: Begins a commodity whose name would not be one otherwise; no other name begins so.
_MARK: Final = "X'-"

#: What Beancount reads as values.
_RESERVED: Final = frozenset({"TRUE", "FALSE", "NULL"})

#: Stands behind the mark for a name without characters.
_EMPTY: Final = "EMPTY"

_ID_TOKEN: Final = re.compile(r"--|-([0-9a-f]{1,5}|10[0-9a-f]{4})-")
_COMMODITY_TOKEN: Final = re.compile(r"'([A-Z])|'(0[0-9A-F]{5}|10[0-9A-F]{4})|([A-Z])")


@lru_cache(maxsize=4096)
def account_name(account: Account) -> str:
    """
    Give the name of an account in both tools.

    Assets are what holders have, liabilities what they owe; income and expenses are what came from the programme and
    went back to it. Signs are those of the ledger.
    """
    if account.owner is None:
        return f"{_PROGRAMME_ROOTS.get(account.name, 'Equity')}:{_kind(account.name)}"
    root = "Liabilities" if HOLDER_ACCOUNTS[account.name] < 0 else "Assets"
    return f"{root}:{_kind(account.name)}:{account.owner.layer.name.capitalize()}-{_escaped(account.owner.id)}"


def parse_account(name: str) -> Account:
    """
    Read what :func:`account_name` wrote.

    Raises:
        UsageError: it wrote no such name.
    """
    _, _, rest = name.partition(":")
    kind, _, holder = rest.partition(":")
    layer, hyphen, id = holder.partition("-")
    try:
        owner = Holder(Layer[layer.upper()], _unescaped(id)) if hyphen else None
        account = Account(owner, kind.lower().replace("-", "_"))
    except (KeyError, LedgerError) as error:
        raise UsageError(f"{name!r} is no account of an export: {error}") from error
    if account_name(account) != name:
        raise UsageError(f"{name!r} is no account of an export; {account.path} is {account_name(account)!r}")
    return account


@lru_cache(maxsize=4096)
def commodity_name(asset: str) -> str:
    """Give the name of a currency, a tier or a badge as a commodity of both tools."""
    last = len(asset) - 1
    name = "".join(_commodity_character(character, place == last) for place, character in enumerate(asset))
    if not name:
        return _MARK + _EMPTY
    return name if "A" <= name[0] <= "Z" and name not in _RESERVED else _MARK + name


def parse_commodity(name: str) -> str:
    """
    Read what :func:`commodity_name` wrote.

    Raises:
        UsageError: it wrote no such name.

    >>> parse_commodity("X'-'POINTS")
    'Points'
    """
    bare = name.removeprefix(_MARK)
    asset = "" if name == _MARK + _EMPTY else _COMMODITY_TOKEN.sub(_commodity_token, bare)
    if commodity_name(asset) != name:
        raise UsageError(f"{name!r} is no commodity of an export")
    return asset


def scale_of(programme: Programme, asset: str) -> int:
    """
    Give the digits after the point that an asset has.

    Raises:
        UsageError: the programme declares no such currency, so that nobody knows.
    """
    currency = currency_of(programme, asset)
    if currency is not None:
        return currency.scale
    if asset.startswith(STANDING):
        return 0
    raise UsageError(
        f"the book has amounts of {asset!r}, which {programme.file} does not declare (it has "
        f"{', '.join(currencies_of(programme))}), so that their digits after the point are unknown; "
        "take the file that the book was settled under"
    )


def _kind(name: str) -> str:
    return name.replace("_", "-").capitalize()


def _escaped(text: str) -> str:
    return "".join(
        character
        if character.isalpha() or "0" <= character <= "9"
        else "--"
        if character == "-"
        else f"-{ord(character):x}-"
        for character in text
    )


def _unescaped(text: str) -> str:
    return _ID_TOKEN.sub(lambda token: chr(int(token[1], 16)) if token[1] else "-", text)


def _commodity_character(character: str, is_last: bool) -> str:
    if "a" <= character <= "z":
        return character.upper()
    # Beancount's names end with a letter or a digit.
    if "0" <= character <= "9" or (character in "._-" and not is_last):
        return character
    return f"'{character}" if "A" <= character <= "Z" else f"'{ord(character):06X}"


def _commodity_token(token: re.Match[str]) -> str:
    capital, code, letter = token.groups()
    return capital or (chr(int(code, 16)) if code else letter.lower())
