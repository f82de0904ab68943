"""
Unfair programmes of many shapes, each with the law that it breaks, and sound ones that look like them.

Each is written as the parts in which it differs from one frame.
"""

from __future__ import annotations

from textwrap import dedent, indent

from attrs import frozen

_FRAME = """\
language: 1
programme: {{id: variant, starts: 2026-01-01, timezone: Europe/Berlin}}
currencies:
  points: {{worth: 0.01 EUR}}
  status: {{spendable: false}}
  mdf: {{unit: EUR}}
events:
{events}
{more}
earn:
{earn}
"""

_DEAL = """
deal.won:
  amount: {type: money, unit: EUR, max: 1000000.00}
"""

_REFUNDED = "deal.refunded: {refunds: deal.won}"

_TIERS = """
metrics:
  sold: {sum: event.amount, of: deal.won, window: lifetime}
tiers:
  ladder:
    - {tier: silver, multiplier: 1.25, needs: 'sold >= money("20000 EUR")'}
    - {tier: gold, multiplier: 1.75, needs: 'sold >= money("50000 EUR")'}
"""


@frozen
class Variant:
    """A programme and the law that it breaks; "" where it is sound."""

    name: str
    law: str
    earn: str
    events: str = _DEAL
    more: str = ""

    @property
    def text(self) -> str:
        """The programme file."""
        events, earn = (indent(dedent(part).strip(), "  ") for part in (self.events, self.earn))
        return _FRAME.format(events=events, earn=earn, more=dedent(self.more).strip())


def _rule(give: str, of: str = "event.amount", more: str = "", on: str = "deal.won", name: str = "rule") -> str:
    lines = [f"- rule: {name}", f"  on: {on}", *([f"  of: {of}"] if of else []), f"  give: {give}"]
    return "\n".join([*lines, *(f"  {line}" for line in more.splitlines())]) + "\n"


def _bands(mode: str, *steps: tuple[str, str], currency: str = "points", layer: str = "partner") -> str:
    written = ", ".join(f"{{from: {start}, give: {award}}}" for start, award in steps)
    return f"{{{layer}: {{{currency}: {{bands: {mode}, steps: [{written}]}}}}}}"


_FALLING = (("0 EUR", "2 per 100 EUR"), ("10000 EUR", "1 per 100 EUR"))
_RATE = "{partner: {points: 1 per 100 EUR}}"

CLIFFS = [
    Variant("a slab that pays a lower rate", "no_cliff", _rule(_bands("whole_slab", *_FALLING))),
    Variant(
        "a slab at an odd start", "no_cliff",
        _rule(_bands("whole_slab", ("0 EUR", "3 per 100 EUR"), ("7777.77 EUR", "2 per 100 EUR"))),
    ),
    Variant(
        "a slab of fixed amounts by seats", "no_cliff",
        _rule(_bands("whole_slab", ("0", "10"), ("25", "90"), ("60", "80")), of="event.seats"),
        events="deal.won: {seats: {type: int, max: 500}}",
    ),
    Variant(
        "two conditions that meet", "no_cliff",
        _rule("{partner: {mdf: 5 %}}", more='when: event.amount < money("5000 EUR")', name="small")
        + _rule("{partner: {mdf: 3 %}}", more='when: event.amount >= money("5000 EUR")', name="large"),
    ),
    Variant(
        "only small deals count", "no_cliff", _rule(_RATE, more='when: event.amount <= money("2500.50 EUR")'),
    ),
    Variant(
        "a cliff for one product at one tier", "no_cliff",
        _rule("{partner: {points: {by_tier: {base: 1 per 100 EUR, gold: 2 per 100 EUR}}}}",
              more='when: event.product == "cloud" || event.amount < money("30000 EUR") || tier.level < 2'),
        events="deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}, product: {one_of: [core, cloud]}}",
        more=_TIERS,
    ),
    Variant(
        "a measure that is halved", "no_cliff",
        _rule(_RATE, of="'event.amount > money(\"12345 EUR\") ? event.amount / 2 : event.amount'"),
    ),
    Variant("persons have the cliff", "no_cliff", _rule(_bands("whole_slab", *_FALLING, layer="person"))),
    Variant(
        "the first of a group is poor", "no_cliff",
        _rule("{partner: {points: 10}}", of="", more='when: event.amount >= money("5000 EUR")\ngroup: g\npriority: 1',
              name="poor") + _rule(_RATE, more="group: g\npriority: 2", name="rich"),
        more="groups: {g: first}",
    ),
    Variant("the condition is on another number too", "no_cliff",
            _rule(_RATE)
            + _rule(_RATE, more='when: event.seats < 10 && event.amount < money("10000 EUR")', name="small"),
            events="deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}, seats: {type: int, max: 5000}}"),
    Variant("only who is trained has the cliff", "no_cliff",
            _rule(_RATE) + _rule(_RATE, more='when: trained >= 2 && event.amount < money("10000 EUR")', name="trained"),
            events="training.passed: {track: text}\ndeal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}",
            more="metrics: {trained: {distinct: person, of: training.passed, window: lifetime}}"),
    Variant("a cliff in a far corner", "no_cliff", _rule(
        _bands("whole_slab", *_FALLING),
        more='when: event.country == "fi" && event.field == "bank" && event.deal == "upsell"',
    ), events="""
        deal.won:
          amount: {type: money, unit: EUR, max: 1000000.00}
          country: {one_of: [se, no, dk, fi]}
          field: {one_of: [public, retail, health, energy, bank]}
          deal: {one_of: [new, renewal, upsell]}
        """),
    Variant("more seats, less bonus", "no_cliff",
            _rule("{partner: {points: 100}}", of="", more="when: event.seats < 50", name="small")
            + _rule("{partner: {points: 80}}", of="", more="when: event.seats >= 50", name="large"),
            events="deal.won: {seats: {type: int, max: 500}}"),
    Variant("slabs that rise", "",
            _rule(_bands("whole_slab", ("0 EUR", "1 per 100 EUR"), ("10000 EUR", "2 per 100 EUR"))),
            more='fairness: {no_merge_gain: {except: "large deals are wanted"}}'),
    Variant("a late payment costs", "", _rule(_RATE, more="when: event.days_late <= 10"),
            events="deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}, days_late: {type: int, max: 90}}"),
]  # fmt: skip

SPLITS = [
    Variant("a minimum", "no_split_gain", _rule("{partner: {points: {rate: 1 per 100 EUR, at_least: 25}}}")),
    Variant("a bonus for each deal", "no_split_gain",
            _rule(_RATE) + _rule("{partner: {points: 50}}", of="", name="bonus")),
    Variant("a bonus above a threshold", "no_split_gain",
            _rule(_RATE)
            + _rule("{partner: {points: 30}}", of="", name="bonus", more='when: event.amount >= money("900 EUR")')),
    Variant("a bonus for the person", "no_split_gain",
            _rule(_RATE) + _rule("{person: {points: 40}}", of="", name="bonus")),
    Variant("a bonus in one region", "no_split_gain",
            _rule(_RATE) + _rule("{partner: {points: 50}}", of="", name="bonus", more='when: event.region == "north"'),
            events="deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}, region: text}"),
    Variant("a bonus where no region is named", "no_split_gain",
            _rule(_RATE) + _rule("{partner: {points: 50}}", of="", name="bonus", more='when: "!has(event.region)"'),
            events="deal.won: {amount: {type: money, unit: EUR, max: 10000.00}, region: {type: text, optional: true}}"),
    Variant("a bonus at the highest tier", "no_split_gain",
            _rule(_RATE) + _rule("{partner: {points: {by_tier: {base: 0, gold: 50}}}}", of="", name="bonus"),
            more=_TIERS),
    Variant("seats with a minimum", "no_split_gain",
            _rule("{partner: {points: {rate: 3 per 1, at_least: 40}}}", of="event.seats"),
            events="deal.won: {seats: {type: int, min: 1, max: 500}}"),
    Variant("a bonus, whatever the amount", "no_split_gain", _rule("{partner: {points: 250}}", of="")),
    Variant("a bonus from ten seats", "no_split_gain",
            _rule("{partner: {points: 100}}", of="", more="when: event.seats >= 10"),
            events="deal.won: {seats: {type: int, min: 1, max: 500}}"),
    Variant("a minimum in a far corner, at the highest tier", "no_split_gain",
            _rule(_RATE) + _rule("{partner: {points: {rate: 2 per 1, at_least: 25}}}", of="event.seats", name="seats",
                                 more='when: event.renewal && event.product == "e" && tier.name == "gold"'),
            events="""
        deal.won:
          amount: {type: money, unit: EUR, max: 1000000.00}
          seats: {type: int, max: 500}
          country: {one_of: [se, no, dk, fi]}
          product: {one_of: [a, b, c, d, e]}
          renewal: bool
        """, more=_TIERS),
    Variant("a fund for each deal", "no_split_gain",
            _rule("{partner: {mdf: 1 %}}") + _rule("{partner: {mdf: 20.00}}", of="", name="bonus")),
    Variant("a maximum", "no_split_gain", _rule("{partner: {points: {rate: 1 per 100 EUR, at_most: 90}}}")),
    Variant("a cap for each deal", "no_split_gain", _rule(_RATE, more="cap: {points: 200, per: event}")),
    Variant("slices that fall", "no_split_gain", _rule(_bands("marginal", *_FALLING))),
    Variant("fixed steps", "no_split_gain",
            _rule(_bands("whole_slab", ("0 EUR", "10"), ("1000 EUR", "100"), ("5000 EUR", "150")))),
    Variant("a badge for two deals", "no_split_gain", _rule(_RATE),
            more='metrics: {deals: {count: deal.won, window: lifetime}}\n'
                 'badges: [{badge: busy, needs: deals >= 2, give: {points: 100}}]'),
    Variant("small deals do not count", "no_merge_gain", _rule(_RATE, more='when: event.amount >= money("1000 EUR")')),
    Variant("slices that rise", "no_merge_gain",
            _rule(_bands("marginal", ("0 EUR", "1 per 100 EUR"), ("10000 EUR", "3 per 100 EUR")))),
    Variant("an attendance is no sale", "", _rule("{person: {points: 25}}", of="", on="training.attended"),
            events="training.attended: {fee: {type: money, unit: EUR, max: 5000.00}}"),
    Variant("the rate alone", "", _rule(_RATE)),
    Variant("the rate, rounded up and by tier", "",
            _rule(_RATE, more="multiply: {points: tier.multiplier}\nround: up"), more=_TIERS),
    Variant("the rate, by tier, with a cap for each month", "",
            _rule(_RATE, more="multiply: {points: tier.multiplier}\ncap: {points: 500, per: month}"), more=_TIERS),
]  # fmt: skip

_GIFTS = _TIERS.replace("'}\n", "', gift: {points: 300}}\n")
_BIG_BADGE = """
metrics: {sold: {sum: event.amount, of: deal.won, window: lifetime}}
badges: [{badge: big, needs: 'sold >= money("900 EUR")', give: {points: 100}}]
"""


def _refund(policy: str) -> str:
    return f"refunds: {{deal.refunded: {{{policy}}}}}\n"


_REGISTERED = "deal.registered: {customer: text}\n"
_BONUS = _rule("{partner: {points: 100}}", of="", on="deal.registered", name="bonus")

PUMPS = [
    Variant("points are kept", "no_refund_gain", _BONUS, _REGISTERED + "deal.cancelled: {refunds: deal.registered}",
            "refunds: {deal.cancelled: {points: keep}}"),
    Variant("only pending points are taken", "no_refund_gain", _rule(_RATE, more="pending: {points: 30 days}"),
            _DEAL + _REFUNDED, "refunds: {deal.refunded: {points: pending_only}}"),
    Variant("only what is in the wallet is taken", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            "refunds: {deal.refunded: {points: within_balance}}"),
    Variant("the fund is kept", "no_refund_gain", _rule("{partner: {points: 1 per 100 EUR, mdf: 1 %}}"),
            _DEAL + _REFUNDED, "refunds: {deal.refunded: {mdf: keep}}"),
    Variant("status is kept", "no_refund_gain", _rule("{partner: {status: 1 per 100 EUR}}"),
            _DEAL + _REFUNDED, "refunds: {deal.refunded: {status: keep}}"),
    Variant("the registration only ends", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.withdrawn: {ends: deal.registered, by: [partner, customer], customer: text}"),
    Variant("the cancellation only follows", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.cancelled: {follows: deal.registered}"),
    Variant("the cancellation is a fact of its own", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.cancelled: {customer: text}"),
    Variant("a chain of which the end is refunded", "no_refund_gain", _BONUS + _rule(_RATE),
            "lead.opened: {customer: text}\ndeal.registered: {follows: lead.opened}\n"
            "deal.won: {follows: deal.registered, amount: {type: money, unit: EUR, max: 1000000.00}}\n" + _REFUNDED),
    Variant("registered and won side by side", "no_refund_gain", _BONUS + _rule(_RATE),
            _REGISTERED + _DEAL + _REFUNDED),
    Variant("a badge's gift stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            'metrics: {deals: {count: deal.won, window: lifetime}}\n'
            'badges: [{badge: first, needs: deals >= 1, give: {points: 100}}]'),
    Variant("names without a dot", "no_refund_gain",
            _rule("{partner: {points: 25}}", of="", on="deal_registered"),
            "deal_registered: {customer: text}\ndeal_cancelled: {customer: text}"),
    Variant("a registration has another first name", "no_refund_gain", _BONUS,
            _REGISTERED + "registration.cancelled: {customer: text}"),
    Variant("the cancellation has a long name", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.registration_cancelled: {follows: deal.registered}"),
    Variant("a badge for two registrations stays", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.cancelled: {refunds: deal.registered}",
            'metrics: {registered: {count: deal.registered, window: lifetime}}\n'
            'badges: [{badge: hunter, needs: registered >= 2, give: {points: 200}}]'),
    Variant("a rhythm of registrations", "no_refund_gain",
            _rule("{partner: {points: 100}}", of="", on="deal.registered",
                  more="streak: {every: month, length: 2, repeat: true}"),
            _REGISTERED + "deal.withdrawn: {customer: text}"),
    Variant("the bonus for a payment that was given back", "no_refund_gain",
            _rule(_RATE) + _rule("{partner: {points: 100}}", of="", on="deal.paid", name="bonus"),
            _DEAL + _REFUNDED + "\ndeal.paid: {follows: deal.won}"),
    Variant("what has matured by another event is kept", "no_refund_gain",
            _rule("{partner: {points: 10}}", of="", on="deal.registered",
                  more="pending: {points: {until: deal.approved}}"),
            _REGISTERED + "deal.approved: {follows: deal.registered}\ndeal.cancelled: {refunds: deal.registered}",
            "refunds: {deal.cancelled: {points: pending_only}}"),
    Variant("a registration pays when it is approved", "",
            _rule("{partner: {points: 10}}", of="", on="deal.registered",
                  more="pending: {points: {until: deal.approved}}"),
            _REGISTERED + "deal.approved: {follows: deal.registered}\ndeal.cancelled: {follows: deal.registered}"),
    Variant("what follows and is used for nothing", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.zastaral: {follows: deal.registered}"),
    Variant("the registration expires", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.expired: {follows: deal.registered}"),
    Variant("the registered deal is lost, and losses are counted", "no_refund_gain", _BONUS,
            _REGISTERED + "deal.closed_lost: {follows: deal.registered}",
            "metrics: {lost: {count: deal.closed_lost, window: lifetime}}"),
    Variant("the second kind of refund keeps points", "no_refund_gain", _rule(_RATE),
            _DEAL + _REFUNDED + "\ndeal.cancelled: {refunds: deal.won}", "refunds: {deal.cancelled: {points: keep}}"),
    Variant("a rhythm of refunded deals", "no_refund_gain",
            _rule("{partner: {points: 100}}", of="", more="streak: {every: month, length: 2}"),
            _DEAL + _REFUNDED, "refunds: {deal.refunded: {points: keep}}"),
    Variant("a tier that a refund leaves for good brings funds", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            _TIERS + "allotments: [{allot: fund, every: month, give: {mdf: {by_tier: {base: 0, gold: 500.00}}}}]"),
    Variant("a tier that a refund looks at again brings funds", "", _rule(_RATE), _DEAL + _REFUNDED,
            _TIERS + "allotments: [{allot: fund, every: month, give: {mdf: {by_tier: {base: 0, gold: 500.00}}}}]\n"
            "refunds: {deal.refunded: {tier: re_evaluate}}"),
    Variant("the gift of a tier stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED, _GIFTS),
    Variant("the gift of a tier that is lost at once stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS + _refund("tier: re_evaluate")),
    Variant("the gift of a tier that a review gives stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS + "  promote: at_review\n  review: {every: calendar_month}\n" + _refund("tier: re_evaluate")),
    Variant("a gift of status stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS.replace("points: 300", "status: 3") + _refund("tier: re_evaluate")),
    Variant("a review takes the tier, and a later refund finds no gift to take", "no_refund_gain", _rule(_RATE),
            _DEAL + _REFUNDED, _GIFTS.replace("lifetime", "calendar_year")
            + "  review: {every: calendar_year}\n" + _refund("tier: re_evaluate_and_take_back")),
    Variant("the gift goes with the tier", "", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS + _refund("tier: re_evaluate_and_take_back")),
    Variant("the gift goes with the tier that a review gave", "", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS + "  promote: at_review\n  review: {every: calendar_month}\n"
            + _refund("tier: re_evaluate_and_take_back")),
    Variant("no refund comes after the review that takes the tier", "", _rule(_RATE), _DEAL + _REFUNDED,
            _GIFTS.replace("lifetime", "{trailing: 12 months}") + "  review: {every: calendar_year}\n"
            + _refund("tier: re_evaluate_and_take_back, within: 30 days")),
    Variant("a badge is revoked and its gift stays", "no_refund_gain", _rule(_RATE), _DEAL + _REFUNDED,
            _BIG_BADGE + _refund("badges: re_evaluate")),
    Variant("the gift goes with the badge", "", _rule(_RATE), _DEAL + _REFUNDED,
            _BIG_BADGE + _refund("badges: re_evaluate_and_take_back")),
    Variant("headroom that is kept is no gain", "", _rule(_RATE, more="cap: {points: 500, per: month}"),
            _DEAL + _REFUNDED, _refund("caps: keep")),
    Variant("a deal goes on", "", _rule(_RATE), _DEAL + "deal.delivered: {follows: deal.won}"),
    Variant("a certificate that follows ran out", "",
            _rule("{partner: {points: 500}}", of="", on="certification.passed"),
            "certification.passed: {track: text}\ncertification.expired: {follows: certification.passed}"),
    Variant("everything is taken back", "", _rule(_RATE, more="pending: {points: 30 days}"), _DEAL + _REFUNDED),
    Variant("the registration is taken back", "", _BONUS, _REGISTERED + "deal.cancelled: {refunds: deal.registered}"),
    Variant("a certificate that ran out is worth what it was", "",
            _rule("{partner: {points: 500}}", of="", on="certification.passed", more="once_per: [person, event.track]"),
            "certification.passed: {track: text}\n"
            "certification.expired: {ends: certification.passed, by: [person, track], track: text}"),
    Variant("a certificate is paid once, even when it is revoked", "",
            _rule("{partner: {points: 500}}", of="", on="certification.passed", more="once_per: [person, event.track]"),
            "certification.passed: {track: text}\n"
            "certification.revoked: {ends: certification.passed, by: [person, track], track: text}"),
    Variant("a payment follows the deal", "", _rule(_RATE, more="pending: {points: {until: deal.paid}}"),
            _DEAL + _REFUNDED + "\ndeal.paid: {follows: deal.won}"),
]  # fmt: skip

_BY_COUNT = """
metrics: {deals: {count: deal.won, window: lifetime}}
tiers: {ladder: [{tier: gold, multiplier: 2, needs: deals >= 3}]}
"""

TIERS = [
    Variant("a tier by the number of deals", "no_split_gain", _rule(_RATE, more="multiply: {points: tier.multiplier}"),
            more=_BY_COUNT.replace("3", "2")),
    Variant("a higher tier is paid less", "monotonicity",
            _rule("{partner: {points: {by_tier: {base: 2 per 100 EUR, gold: 1 per 100 EUR}}}}"), more=_TIERS),
    Variant("three deals, and the next is paid less", "monotonicity",
            _rule("{partner: {points: {by_tier: {base: 2 per 100 EUR, gold: 1 per 100 EUR}}}}"), more=_BY_COUNT),
    Variant("a higher tier is paid more", "",
            _rule("{partner: {points: {by_tier: {base: 1 per 100 EUR, gold: 2 per 100 EUR}}}}"), more=_TIERS),
]  # fmt: skip

VARIANTS = [*CLIFFS, *SPLITS, *PUMPS, *TIERS]
