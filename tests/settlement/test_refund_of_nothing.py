"""A refund that does nothing earns nothing either, though rules give for refunds (27 of the semantics)."""

from __future__ import annotations

import pytest

from loyalty import Event, Holder, loads, read_event, settle

PROGRAMME = loads("""\
language: 1
programme: {id: returns, starts: 2024-01-01, timezone: UTC}
currencies: {points: {}, status: {}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 100000.00}}
  deal.refunded: {refunds: deal.won, amount: {type: money, unit: EUR, max: 100000.00, optional: true}}
metrics:
  returned: {count: deal.refunded, window: lifetime}
earn:
  - {rule: deal, on: deal.won, of: event.amount, give: {partner: {points: 1 per 10 EUR}}}
  - {rule: returned, on: deal.refunded, give: {partner: {status: 3}}}
tiers:
  base: {}
  ladder: [{tier: returner, needs: returned >= 2}]
refunds:
  deal.refunded: {points: arrears, within: 30 days}
""")
ACME = Holder.partner("acme")


def told(id: str, on: str, at: str, amount: int | None = None, of: str | None = None) -> Event:
    """Say what happened to acme."""
    said = {} if amount is None else {"amount": f"{amount}.00 EUR"}
    return read_event(
        PROGRAMME, {"id": id, "on": on, "at": at, "partner": "acme", **said, **({"of": of} if of else {})}
    )


DEAL = told("D", "deal.won", "2024-02-01", 100)


@pytest.mark.parametrize(
    ("refunds", "status"),
    [
        ([("2024-02-02", 40)], 3),
        ([("2024-02-02", 0)], None),
        ([("2024-02-02", None), ("2024-02-03", None)], 3),
        ([("2024-02-02", None), ("2024-02-03", 10)], 3),
        ([("2024-04-02", 40)], None),
    ],
    ids=["a part", "nothing", "twice the whole", "after the whole", "too late"],
)
def test_only_a_refund_of_something_earns(refunds: list[tuple[str, int | None]], status: int | None) -> None:
    """Of nothing, of what was refunded before, and after its horizon: no rule pays and no metric counts it."""
    events = [told(f"R-{n}", "deal.refunded", at, amount, "D") for n, (at, amount) in enumerate(refunds)]
    settled = settle(PROGRAMME, [DEAL, *events])
    assert settled.balances.get((ACME, "available", "status")) == status
    last = told("D-2", "deal.won", "2024-06-01", 10)
    assert settle(PROGRAMME, [DEAL, *events, last]).tier(ACME) == "base"
