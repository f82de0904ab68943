"""What a currency says of wallets: points that come back, who may transfer, and how much may be owed."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from loyalty.programme.building.draft import Draft
from loyalty.programme.model import Currency, Returns
from loyalty.programme.sections import Item, Section


def build_wallets(draft: Draft) -> None:
    """Complete the currencies, now that the tiers are known."""
    for key, section in draft.root.get("currencies") or ():
        currency = draft.currencies.get(key.text)
        if section is None or currency is None:
            continue
        if section.has("transfer") and not currency.spendable:
            draft.notes.add(
                "not-spendable", section.names["transfer"], f"{key.text} is only measured and stays where it is",
                "leave `transfer` out, or make the currency spendable",
            )  # fmt: skip
        returns, grace = _returns(section)
        draft.currencies[key.text] = evolve(
            currency,
            returns=returns,
            returns_grace=grace,
            transfer=section.value("transfer"),
            arrears_limits=_limits(section.get("arrears"), currency, draft),
        )


def _returns(section: Section) -> tuple[Returns, Any]:
    read: Item[Returns] | Section | None = section.get("returns")
    if isinstance(read, Section):
        return Returns.GRACE, read.value("grace")
    return (read.value if read is not None else Returns.EXPIRED), None


def _limits(section: Section | None, currency: Currency, draft: Draft) -> dict[str, int]:
    read: Any = section.get("limit") if section is not None else None
    if section is None or read is None:
        return {}
    if isinstance(read, Item):
        amount = _amount(read, currency, draft)
        return {} if amount is None else {"base": amount}
    limits: dict[str, int] = {}
    for key, item in read:
        tier = draft.tier(key)
        amount = _amount(item, currency, draft) if item is not None else None
        if tier is not None and amount is not None:
            limits[tier] = amount
    if not any(key.text == "base" for key, _ in read):
        draft.notes.add(
            "missing-key", section.at("limit"), "a limit by tier needs one for `base`, which the tiers above it share",
            "add `base:` with an amount",
        )  # fmt: skip
    return limits


def _amount(item: Item[str], currency: Currency, draft: Draft) -> int | None:
    amount = draft.amount(item, currency)
    if amount is not None and amount < 0:
        draft.notes.add("out-of-range", item.node, "what may be owed is never below 0", "write 0 or more")
        return None
    return amount
