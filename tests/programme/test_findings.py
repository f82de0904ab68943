"""Each kind of fault in a programme file: its code and the place that it is reported at."""

from __future__ import annotations

import pytest

from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.programme.loading import loads
from loyalty.programme.nodes import Scalar, Sequence, scalars_in
from loyalty.programme.notes import Notes
from loyalty.programme.yaml_reading import read_yaml

BASE = """\
language: 1
programme: {id: base, starts: 2026-01-01, ends: 2027-12-31, timezone: UTC}
limits: {events_per_holder: 1000}
currencies:
  points: {worth: 0.01 EUR, expires: {after: 60 days, at: exact}}
  status: {spendable: false}
  mdf: {unit: EUR}
exchange:
  USD: [{from: 2026-01-01, rate: 0.92 EUR}]
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000.00}
    seats: {type: int, max: 50}
    level: {one_of: [low, high]}
    region: {type: text, optional: true}
    direct: {type: bool, default: false}
  deal.paid: {follows: deal.won}
  deal.refunded: {refunds: deal.won}
  exam.passed: {track: text}
  exam.expired: {ends: exam.passed, by: [person, track]}
metrics:
  year_status: {earned: status, window: calendar_year}
  deals: {count: deal.won, window: lifetime}
  mine: {earned: points, window: lifetime, holder: person}
campaigns:
  spring: {valid: {from: 2026-03-01}, cap: {points: 100}}
groups:
  pick: {take: best, by: points}
earn:
  - rule: base
    on: deal.won
    when: event.amount > money("5 EUR")
    of: event.amount
    give: {partner: {points: 1 per 10 EUR, mdf: 3 %}}
    multiply: {points: tier.multiplier}
    cap: {points: 50, per: [month]}
    pending: {points: 30 days}
    campaign: spring
    group: pick
  - rule: exam
    on: exam.passed
    give: {partner: {status: 10}, person: {points: 5}}
tiers:
  ladder:
    - tier: gold
      multiplier: 1.5
      needs: [year_status >= 100]
  review: {every: calendar_year, grace: 90 days}
badges:
  - {badge: first, needs: [deals >= 1]}
allotments:
  - {allot: yearly, every: year, give: {mdf: 10.00 EUR}}
refunds:
  deal.refunded: {points: arrears}
fairness: {no_cliff: {except: because}}
examples:
  - given: [{on: deal.won, at: 2026-02-01, amount: 10.00 EUR, seats: 1, level: low}]
    expect: [{at: 2026-02-02, mdf: 0.30, badges: [first], tier: base}]
"""

# Each row is one fault and has one finding: nothing else is said about what could not be read.
# A text of the base, what stands there instead with » before the place of the finding, and the code.
FAULTS = [
    # The file as a whole.
    ("language: 1", "language: »2", "unknown-language"),
    ("language: 1", "language: »1.0", "not-whole"),
    ("language: 1\n", "", "missing-key"),
    ("limits: {", "»limit: {", "unknown-key"),
    ("limits: {", "»<<: {", "unknown-key"),
    ("fairness: {", "»limits: {events_per_holder: 5}\nfairness: {", "duplicate-key"),
    ("{events_per_holder: 1000}", "{events_per_holder: »0}", "out-of-range"),
    ("limits: {events_per_holder: 1000}", "limits: »7", "wrong-type"),
    # The programme.
    ("{id: base,", "»{", "missing-key"),
    ("id: base", "id: »a b", "bad-name"),
    ("starts: 2026-01-01", "starts: »2026-02-30", "bad-value"),
    ("starts: 2026-01-01", "starts: »01.02.2026", "bad-value"),
    ("ends: 2027-12-31", "ends: »2025-12-31", "dates-reversed"),
    ("timezone: UTC", "timezone: »Europe/Belrin", "unknown-timezone"),
    ("timezone: UTC", "timezone: UTC, year_starts: »13", "out-of-range"),
    # Currencies and exchange.
    ("  status: {spendable: false}", "  status: {spendable: »no}", "bad-value"),
    ("  status: {", "  »tier: {", "reserved-name"),
    ("  status: {", "  »my-status: {", "bad-name"),
    ("  status: {spendable: false}", "  status: »[1]", "wrong-type"),
    ("mdf: {unit: EUR}", "mdf: {unit: »eur}", "bad-value"),
    ("mdf: {unit: EUR}", "mdf: {unit: EUR, scale: »4}", "wrong-scale"),
    ("worth: 0.01 EUR", "worth: »0.01", "bad-value"),
    ("worth: 0.01 EUR", "worth: »1e-2 EUR", "bad-value"),
    ("after: 60 days", "after: »60", "bad-value"),
    ("after: 60 days", "after: »48 hours", "bad-value"),
    ("after: 60 days", "after»: ", "missing-value"),
    ("at: exact", "at: »end_of_moth", "unknown-word"),
    ("rate: 0.92 EUR", "rate: »0.92 USD", "bad-rate"),
    ("rate: 0.92 EUR", "rate: »0 EUR", "bad-rate"),
    ("rate: 0.92 EUR", "rate: »0.92 CHF", "bad-rate"),
    ("rate: 0.92 EUR}", "rate: 0.92 EUR}, {from: »2026-01-01, rate: 0.9 EUR}", "duplicate-name"),
    ("USD: [{", "»usd: [{", "bad-value"),
    # Events.
    ("unit: EUR, max: 1000.00", "unit: EUR, max: »1000.001", "bad-amount"),
    ("unit: EUR, max: 1000.00", "unit: EUR, max: »1e3", "bad-value"),
    ("unit: EUR, max: 1000.00", "unit: EUR, max: 10, min: 11", "bad-range"),
    ("unit: EUR, max: 1000.00", "unit: EUR, max: »91000000000000.00", "too-large"),
    ("amount: {type: money, unit: EUR, max: 1000.00}", "amount: »{type: money, unit: EUR}", "missing-key"),
    ("amount: {type: money, unit: EUR, max: 1000.00}", "amount: »{type: money, max: 10}", "missing-key"),
    ("amount: {type: money, unit: EUR, max: 1000.00}", "amount: »money", "missing-key"),
    ("seats: {type: int, max: 50}", "seats: {type: »integer, max: 50}", "unknown-word"),
    ("seats: {type: int, max: 50}", "seats: {type: int, max: 50, »unit: EUR}", "conflicting-keys"),
    ("seats: {type: int, max: 50}", "seats: {type: int, max: »50.5}", "bad-amount"),
    ("seats: {type: int, max: 50}", "seats: {type: int, max: 50, default: »51}", "bad-default"),
    ("seats: {type: int, max: 50}", "seats: {type: int, max: 50, »optional: true, default: 1}", "conflicting-keys"),
    ("seats: {type: int, max: 50}", "seats: »{max: 50}", "missing-key"),
    ("seats: {type", "»in: {type", "reserved-name"),
    ("level: {one_of: [low, high]}", "level: {one_of: [low, high, »low]}", "duplicate-name"),
    ("level: {one_of: [low, high]}", "level: {one_of: »[]}", "wrong-type"),
    ("level: {one_of: [low, high]}", "level: {one_of: [low, »else]}", "reserved-name"),
    ("level: {one_of: [low, high]}", "level: {one_of: [low, high], default: »hgh}", "bad-default"),
    ("direct: {type: bool, default: false}", "direct: {type: bool, default: »off}", "bad-default"),
    ("deal.paid: {follows: deal.won}", "deal.paid: {follows: »deal.one}", "unknown-kind"),
    ("deal.paid: {follows: deal.won}", "deal.paid: {follows: »deal.refunded}", "wrong-origin"),
    ("deal.paid: {follows: deal.won}", "deal.paid: {follows: deal.won, »ends: deal.won}", "conflicting-keys"),
    ("deal.paid: {follows: deal.won}", "deal.paid: {follows: deal.won, »by: [person]}", "conflicting-keys"),
    ("deal.paid: {", "»void: {", "reserved-name"),
    ("deal.refunded: {refunds: deal.won}", "deal.refunded: {refunds: deal.won, part: »region}", "wrong-part"),
    ("unit: EUR, max: 1000.00}", "unit: EUR, max: 1000.00, min: -5}", "wrong-part"),
    ("{refunds: deal.won}", "{refunds: deal.won, »amount: {type: int, max: 5}}", "field-differs"),
    ("by: [person, track]", "by: [person, »trak]", "unknown-field"),
    ("{ends: exam.passed, by: [person, track]}", "{ends: »exam.passed}", "missing-key"),
    ("by: [person, track]}", "by: [person, track], »track: bool}", "field-differs"),
    (
        "deal.refunded: {refunds: deal.won}",
        "deal.refunded: {refunds: deal.won}\n  deal.returned: {refunds: deal.won, part: »seats}",
        "differing-parts",
    ),
    (
        "by: [person, track]}",
        "by: [person, track]}\n  exam.revoked: {ends: exam.passed, by: »[person]}",
        "differing-keys",
    ),
    ("deal.refunded: {refunds: deal.won}", "deal.refunded: {»refnds: deal.won}", "unknown-key"),
    ("by: [person, track]}", "»bys: [person, track]}", "unknown-key"),
    ("by: [person, track]}", "by: [person, »a b]}", "bad-name"),
    ("seats: {type: int, max: 50}", "seats: {type: int, max: 50, »defalt: 0}", "unknown-key"),
    ("direct: {type: bool, default: false}", "direct: {type: bool, optional: »maybe}", "bad-value"),
    # Metrics.
    ("{earned: status, window: calendar_year}", "{earned: »statsu, window: calendar_year}", "unknown-currency"),
    ("{earned: status, window: calendar_year}", "{earned: status, window: »calendar_yer}", "unknown-word"),
    ("{earned: status, window: calendar_year}", "»{earned: status}", "missing-key"),
    ("{earned: status, window: calendar_year}", "»{window: calendar_year}", "missing-key"),
    (
        "{earned: status, window: calendar_year}",
        "{earned: status, »count: deal.won, window: lifetime}",
        "conflicting-keys",
    ),
    ("{earned: status, window: calendar_year}", "{earned: status, window: »now}", "wrong-window"),
    ("{earned: status, window: calendar_year}", "{balance: points, window: »lifetime}", "wrong-window"),
    (
        "{earned: status, window: calendar_year}",
        "{earned: status, »of: deal.won, window: lifetime}",
        "conflicting-keys",
    ),
    ("{earned: status, window", "{earned: status, holder: »partners, window", "unknown-word"),
    ("{count: deal.won, window: lifetime}", "»{sum: event.amount, window: lifetime}", "missing-key"),
    ("{count: deal.won, window: lifetime}", "{count: deal.won, while: »not_ended}", "never-ends"),
    (
        "{count: deal.won, window: lifetime}",
        "{distinct: »partner, of: exam.passed, while: not_ended}",
        "not-in-key",
    ),
    ("{count: deal.won, window: lifetime}", "{count: deal.won, widnow: lifetime}", "unknown-key"),
    (
        "metrics:\n",
        "metrics:\n" + "".join(f"  m{n}: {{balance: points}}\n" for n in range(61)),
        "too-many-metrics",
    ),
    (
        "{count: deal.won, window: lifetime}",
        "{count: exam.passed, while: not_ended, window: »lifetime}",
        "wrong-window",
    ),
    ("{count: deal.won, window: lifetime}", "{distinct: »regoin, of: deal.won, window: lifetime}", "unknown-field"),
    ("{count: deal.won, window: lifetime}", "{distinct: »amount, of: deal.won, window: lifetime}", "wrong-type"),
    (
        "{count: deal.won, window: lifetime}",
        "{sum: »event.direct, of: deal.won, window: lifetime}",
        "wrong-result-type",
    ),
    (
        "{count: deal.won, window: lifetime}",
        "{sum: »event.seats * 100000000000000000, of: deal.won, window: lifetime}",
        "possible-overflow",
    ),
    ("{count: deal.won, window: lifetime}", "{count: deal.won, window: {trailing: »3 hours}}", "bad-value"),
    ("{count: deal.won, window", "{count: deal.won, when: »year_status > 1, window", "unknown-name"),
    # Campaigns and groups.
    ("{valid: {from: 2026-03-01}", "{valid: »{from: 2028-03-01}", "never-valid"),
    ("{valid: {from: 2026-03-01}", "{valid: {from: 2026-03-01, through: »2026-02-01}", "dates-reversed"),
    ("{valid: {from: 2026-03-01}", "{valid: »{}", "missing-key"),
    ("cap: {points: 100}}", "cap: {»status: 100}}", "not-given"),
    ("cap: {points: 100}}", "cap: {»points: 100, per: [event.sets]}}", "unknown-field"),
    ("pick: {take: best, by: points}", "pick: »worst", "unknown-word"),
    ("pick: {take: best, by: points}", "pick: {take: »bset}", "unknown-word"),
    ("pick: {take: best, by: points}", "»pick: best", "missing-key"),
    ("pick: {take: best, by: points}", "pick: {take: first, »by: points}", "conflicting-keys"),
    ("by: points}", "by: status}", "not-given"),
    # Rules.
    ("on: deal.won\n    when", "on: »deal.wonn\n    when", "unknown-kind"),
    ("rule: exam", "rule: »base", "duplicate-name"),
    ("rule: exam\n", "»ruel: exam\n", "unknown-key"),
    ('event.amount > money("5 EUR")', '»event.amont > money("5 EUR")', "unknown-name"),
    ('event.amount > money("5 EUR")', 'event.amount > money(»"5 USD")', "unknown-unit"),
    ('event.amount > money("5 EUR")', '»event.region == "x"', "unguarded-optional"),
    ('event.amount > money("5 EUR")', '»event.amount > money("1000 EUR")', "never-true"),
    ('event.amount > money("5 EUR")', "»mine > 5", "wrong-layer"),
    ('event.amount > money("5 EUR")', 'event.level == »"hgih"', "unknown-value"),
    ('event.amount > money("5 EUR")', 'tier.name == »"glod"', "unknown-value"),
    ('event.amount > money("5 EUR")', "»event.seats", "wrong-result-type"),
    ("of: event.amount\n", "of: »event.level\n", "wrong-result-type"),
    ("of: event.amount\n", "of: event.seats / »event.seats\n", "possible-zero-division"),
    ("    of: event.amount\n", "", "missing-measure"),
    ("points: 1 per 10 EUR", "points: »1 per 10 USD", "wrong-unit"),
    ("points: 1 per 10 EUR", "points: »1 per 10", "wrong-unit"),
    ("points: 1 per 10 EUR", "points: »1 per 0 EUR", "zero-divisor"),
    ("points: 1 per 10 EUR", "points: »1.5.2 per 10 EUR", "bad-amount"),
    ("points: 1 per 10 EUR", "points: »0.5", "bad-amount"),
    ("points: 1 per 10 EUR", "points: »5 EUR", "wrong-unit"),
    ("points: 1 per 10 EUR", "points: »-5", "out-of-range"),
    ("points: 1 per 10 EUR", "points: »ten", "bad-amount"),
    ("points: 1 per 10 EUR", "points: »3 %", "wrong-unit"),
    ("points: 1 per 10 EUR", "points: »10000000000 per 1 EUR", "possible-overflow"),
    ("points: 1 per 10 EUR", "points: »100000000000000 per 1 EUR", "possible-overflow"),
    ("points: 1 per 10 EUR", "»pionts: 1 per 10 EUR", "unknown-currency"),
    ("mdf: 3 %", "mdf: »30 USD", "wrong-unit"),
    ("mdf: 3 %", "mdf: {rate: 3 %, at_least: 5, at_most: »4}", "bad-range"),
    ("mdf: 3 %", "mdf: {rate: »5 EUR, at_least: 5}", "bad-rate"),
    ("mdf: 3 %", "mdf: {»rat: 5 EUR, at_least: 5}", "unknown-key"),
    ("mdf: 3 %", "mdf: {by_tier: {base: 1, »golden: 2}}", "unknown-tier"),
    ("mdf: 3 %", "mdf: {by: event.level, »hihg: 1, else: 2}", "unknown-value"),
    ("mdf: 3 %", "mdf: »{by: event.level, high: 1}", "missing-key"),
    ("mdf: 3 %", "mdf: {by: »event.levle, high: 1, else: 1}", "unknown-field"),
    ("mdf: 3 %", "mdf: {by: »event.seats, high: 1, else: 1}", "wrong-type"),
    ("mdf: 3 %", "mdf: {bands: »marginl, steps: [{from: 0, give: 1 %}]}", "unknown-word"),
    ("mdf: 3 %", "mdf: {bands: marginal, steps: [{from: 0, give: »1.00}]}", "marginal-fixed"),
    ("mdf: 3 %", "mdf: {bands: whole_slab, steps: [{from: »5 EUR, give: 1 %}]}", "bands-order"),
    (
        "mdf: 3 %",
        "mdf: {bands: whole_slab, steps: [{from: 0, give: 1 %}, {from: 9 EUR, give: 2 %}, {from: »8 EUR, give: 3 %}]}",
        "bands-order",
    ),
    (
        "mdf: 3 %",
        "mdf: {bands: whole_slab, steps: [{from: 0, give: 1 %}, {from: »1001 EUR, give: 2 %}]}",
        "unreachable-band",
    ),
    ("mdf: 3 %", "mdf: {bands: whole_slab, steps: [{from: 0, give: 1 %}, {from: »9, give: 2 %}]}", "wrong-unit"),
    ("{partner: {points: 1 per 10 EUR, mdf: 3 %}}", "»{}", "missing-key"),
    ("{partner: {points: 1 per 10 EUR", "{»parnter: {points: 1 per 10 EUR", "unknown-key"),
    ("multiply: {points: tier.multiplier}", "multiply: {»status: 2}", "not-given"),
    ("multiply: {points: tier.multiplier}", "multiply: {points: »tier.multiplyer}", "bad-value"),
    ("multiply: {points: tier.multiplier}", "multiply: {points: {by: »event.region, x: 2}}", "wrong-type"),
    ("multiply: {points: tier.multiplier}", "multiply: {points: {by: event.level, high: »-2}}", "out-of-range"),
    ("multiply: {points: tier.multiplier}", "round: »downn", "unknown-word"),
    ("cap: {points: 50, per: [month]}", "cap: {»status: 50, per: [month]}", "not-given"),
    ("cap: {points: 50, per: [month]}", "cap: »{per: [month]}", "missing-key"),
    ("cap: {points: 50, per: [month]}", "cap: {points: 50, per: [month, »year]}", "bad-key"),
    ("cap: {points: 50, per: [month]}", "cap: {points: 50, per: »[event, year]}", "bad-key"),
    ("cap: {points: 50, per: [month]}", "cap: {points: 50, per: [»event.levl]}", "unknown-field"),
    ("cap: {points: 50, per: [month]}", "cap: {points: 50, per: [»moth]}", "bad-name"),
    ("cap: {points: 50, per: [month]}", "cap: {points: »-50}", "out-of-range"),
    ("cap: {points: 50, per: [month]}", "once_per: [»event]", "bad-key"),
    ("cap: {points: 50, per: [month]}", "once_per: [person, »person]", "duplicate-name"),
    ("cap: {points: 50, per: [month]}", "cooldown: {for: 3 days, per: [»week]}", "bad-key"),
    ("cap: {points: 50, per: [month]}", "cooldown: »three days", "bad-value"),
    ("cap: {points: 50, per: [month]}", "streak: {every: month, length: »1}", "out-of-range"),
    ("cap: {points: 50, per: [month]}", "on_end: »reverse", "never-ends"),
    ("pending: {points: 30 days}", "pending: {»points: 60 days}", "expires-pending"),
    ("pending: {points: 30 days}", "pending: {points: {until: »deal.refunded}}", "wrong-follow"),
    ("pending: {points: 30 days}", "pending: {»status: 30 days}", "not-given"),
    ("campaign: spring", "campaign: »sprng", "unknown-campaign"),
    ("group: pick", "group: »pik", "unknown-group"),
    ("group: pick", "phase: »one", "not-whole"),
    # Tiers, badges, allotments.
    ("tier: gold", "tier: »base", "reserved-name"),
    ("  ladder:\n", "  ladder:\n    - {tier: gold, needs: [deals > 1]}\n", "duplicate-name"),
    ("multiplier: 1.5", "multiplier: »0.5", "multiplier-falls"),
    ("multiplier: 1.5", "multiplier: »1.5x", "bad-value"),
    ("tiers:\n", "tiers:\n  base: {multiplier: »2x}\n", "bad-value"),
    ("tiers:\n", "tiers:\n  base: »2\n", "wrong-type"),
    ("  ladder:\n", "  »lader:\n", "unknown-key"),
    ("badge: first", "»bagde: first", "unknown-key"),
    ("campaign: spring", "»campain: spring", "unknown-key"),
    ("cap: {points: 50, per: [month]}", "cap: {points: 50, »pre: [month]}", "unknown-key"),
    ("{take: best, by: points}", "{take: best, by: »pionts}", "unknown-currency"),
    ("{partner: {status: 10}", "{»partners: {status: 10}", "unknown-key"),
    ("{partner: {status: 10}", "{partner: {»at: 10}", "reserved-name"),
    ("[year_status >= 100]", "[»deals > 1000]", "unreachable-tier"),
    ("[year_status >= 100]", "[»mine > 10]", "wrong-layer"),
    ("[year_status >= 100]", "[»yaer_status >= 100]", "unknown-name"),
    ("[year_status >= 100]", "[»tier.level > 0]", "unknown-name"),
    ("[year_status >= 100]", "»[]", "wrong-type"),
    ("multiplier: 1.5", "gift: {»pionts: 5}", "unknown-currency"),
    ("multiplier: 1.5", "gift: {points: »0.5}", "bad-amount"),
    ("multiplier: 1.5", "gift: {points: »-5}", "out-of-range"),
    ("multiplier: 1.5", "gift: »5", "wrong-type"),
    ("      needs: [year_status >= 100]", "      needs: [false]\n      gift: »{points: 5}", "no-effect"),
    ("multiplier: 1.5", "»gfit: {points: 5}", "unknown-key"),
    ("[year_status >= 100]", "{al: [deals > 1]}", "unknown-key"),
    ("every: calendar_year", "every: »yearly", "unknown-word"),
    ("grace: 90 days", "grace: »365 days", "grace-too-long"),
    ("grace: 90 days", "landing: {floor: »glod}", "unknown-tier"),
    ("grace: 90 days", "landing: {floor: base}, floor: »gold", "conflicting-keys"),
    ("  review: {every: calendar_year, grace: 90 days}", "  promote: »at_review", "missing-key"),
    ("[deals >= 1]", "[»mine >= 1]", "wrong-layer"),
    ("needs: [deals >= 1]}", "needs: [deals >= 1]}\n  - {badge: »first, needs: [deals > 1]}", "duplicate-name"),
    ("needs: [deals >= 1]}", "needs: [deals >= 1], give: {points: »0.5}}", "bad-amount"),
    ("give: {mdf: 10.00 EUR}", "give: »{mdf: 10.00 EUR, points: 1}", "one-currency"),
    ("give: {mdf: 10.00 EUR}", "give: {mdf: {by_tier: {»golden: 1}}}", "unknown-tier"),
    ("give: {mdf: 10.00 EUR}", "give: {mdf: »-1}", "out-of-range"),
    ("every: year,", "every: »fortnight,", "unknown-word"),
    # Refunds, fairness.
    ("  deal.refunded: {points", "  »deal.paid: {points", "not-a-refund"),
    ("  deal.refunded: {points", "  »deal.refnded: {points", "unknown-kind"),
    ("{points: arrears}", "{points: »arears}", "unknown-word"),
    ("{points: arrears}", "{»pionts: arrears}", "unknown-currency"),
    ("{points: arrears}", "{points: keep, tier: »keep}", "unknown-word"),
    ("{points: arrears}", "{points: keep, badges: »revoke}", "unknown-word"),
    ("{points: arrears}", "{points: keep, caps: »re_evaluate}", "unknown-word"),
    ("{points: arrears}", "{points: keep, badges: »re_evaluate_and_take_back}", "no-effect"),
    ("deal.refunded: {points: arrears}", "exam.expired: {»points: arrears}", "not-a-refund"),
    ("deal.refunded: {points: arrears}", "exam.expired: {tier: re_evaluate, »within: 30 days}", "not-a-refund"),
    ("deal.refunded: {points: arrears}", "exam.expired: {tier: re_evaluate, »caps: keep}", "not-a-refund"),
    (
        "allotments:\n  - {allot: yearly, every: year, give: {mdf: 10.00 EUR}}\nrefunds:\n  deal.refunded: {",
        "refunds:\n  deal.refunded: {tier: »re_evaluate_and_take_back, ",
        "no-effect",
    ),
    ("{no_cliff: {except", "{»no_clif: {except", "unknown-word"),
    ("{except: because}", "»{}", "missing-key"),
    ("{except: because}", "{except: »' '}", "missing-value"),
    # Examples.
    ("on: deal.won, at: 2026-02-01", "on: »deal.wn, at: 2026-02-01", "unknown-kind"),
    ("at: 2026-02-01", "»at: 2026-02-31", "bad-event"),
    ("amount: 10.00 EUR", "»amount: 10.00 CHF", "bad-event"),
    ("amount: 10.00 EUR", "»amount: 1001.00 EUR", "bad-event"),
    ("amount: 10.00 EUR, ", "", "bad-event"),
    ("level: low}", "»levle: low}", "bad-event"),
    ("given: [{on", "given: [{redeem: {»status: 5}, at: 2026-02-01}, {on", "not-spendable"),
    ("given: [{on", "given: [{redeem: {points: »0}, at: 2026-02-01}, {on", "out-of-range"),
    ("given: [{on", "given: [{redeem: {points: 5}, at: »tomorrow}, {on", "bad-value"),
    ("mdf: 0.30", "mdf: »0.301", "bad-amount"),
    ("mdf: 0.30", "»mfd: 0.30", "unknown-currency"),
    ("badges: [first]", "badges: [»frist]", "unknown-badge"),
    ("tier: base}", "tier: »bass}", "unknown-tier"),
    ("tier: base}", "partner: p1, »person: ann}", "conflicting-keys"),
]


def findings_of(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ProgrammeError) as caught:
        loads(text)
    return caught.value.findings


def test_the_base_is_good() -> None:
    """The programme that the faults are planted in has none."""
    assert loads(BASE).id == "base"


@pytest.mark.parametrize(("old", "new", "code"), FAULTS, ids=[f"{code}-{new[:30]}" for _, new, code in FAULTS])
def test_each_fault_is_found_at_its_place(old: str, new: str, code: str) -> None:
    """A planted fault is reported with its code, at its line and column, with what to do."""
    assert BASE.count(old) == 1, f"{old!r} is not unique in the base"
    text = BASE.replace(old, new)
    offset = text.find("»")
    findings = findings_of(text.replace("»", ""))
    assert [finding.code for finding in findings] == [code], [str(finding) for finding in findings]
    if offset >= 0:
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        assert (line, column) == (findings[0].place.line, findings[0].place.column)
    for finding in findings:
        assert finding.got
        assert finding.why
        assert finding.fix, str(finding)
        assert finding.excerpt or not finding.place.line


#: All values but those that may say anything.
VALUES = [
    value
    for value in scalars_in(read_yaml(BASE, Notes(BASE, "base.yaml")) or Sequence((), Place()))
    if value.text not in ("because", "high")
]


@pytest.mark.parametrize("value", VALUES, ids=[f"{value.place.line}:{value.place.column}" for value in VALUES])
def test_whatever_cannot_be_read_is_reported_once(value: Scalar) -> None:
    """A value that says nothing readable has one finding, and what uses it has none."""
    lines = BASE.split("\n")
    line = lines[value.place.line - 1]
    lines[value.place.line - 1] = f"{line[: value.place.column - 1]}zq zq{line[value.end_column - 1 :]}"
    (finding,) = findings_of("\n".join(lines))
    assert finding.got


REFUNDED = """\
language: 1
programme: {id: refunded, starts: 2026-01-01, timezone: UTC}
limits: {events_per_holder: 1000}
currencies: {points: {}}
events:
  deal.won: {}
  deal.refunded: {refunds: deal.won}
metrics: {earned: {earned: points, window: lifetime}}
earn: [{rule: r, on: deal.won, give: {partner: {points: 1}}}]
tiers: {ladder: [{tier: gold, needs: earned >= 10, gift: {points: 9_000_000_000_000}}]}
badges: [{badge: first, needs: earned >= 1, give: {points: 9_000_000_000_000}}]
refunds: {deal.refunded: {POLICY}}
"""


@pytest.mark.parametrize("policy", ["tier: re_evaluate_and_take_back", "badges: re_evaluate_and_take_back"])
def test_a_gift_that_can_come_again_is_bounded_by_the_events(policy: str) -> None:
    """What comes once fits; a thousand times as much could leave what is counted in."""
    assert loads(REFUNDED.replace("POLICY", policy.removesuffix("_and_take_back")))
    (finding,) = findings_of(REFUNDED.replace("POLICY", policy))
    assert finding.code == "possible-overflow"


def test_a_policy_of_what_is_not_there() -> None:
    """Caps without a cap, badges without a badge: the policy is found where it stands, with what to do."""
    text = REFUNDED.replace("POLICY", "caps: keep, badges: re_evaluate")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("badges"))
    assert [(f.code, f.got, f.fix) for f in findings_of(text)] == [
        ("no-effect", "`keep`", "leave `caps` out, or add a cap"),
        ("no-effect", "`re_evaluate`", "leave `badges` out, or declare a badge"),
    ]


def test_two_names_for_one_thing_are_said_wherever_they_meet() -> None:
    """A name that was declared otherwise than it is used is reported at each use, with the name that is meant."""
    findings = findings_of(BASE.replace("  status: {spendable", "  staus: {spendable"))
    assert [finding.code for finding in findings] == ["unknown-currency"] * 2
    assert all("`staus`" in finding.fix for finding in findings)


def test_kinds_that_agree_may_share_an_origin() -> None:
    """Several kinds may refund or end one kind, in the same way; the order of the parts of a key says nothing."""
    text = BASE.replace(
        "by: [person, track]}",
        "by: [person, track]}\n  exam.revoked: {ends: exam.passed, by: [track, person]}\n"
        "  deal.returned: {refunds: deal.won, part: amount}",
    )
    assert loads(text).events["exam.revoked"].by[0] == "track"


def test_metrics_of_what_is_never_corrected_may_be_many() -> None:
    """The bound on metrics is one of events that are remembered, and each layer has its own."""
    many = "".join(f"  m{n}: {{balance: points, holder: person}}\n" for n in range(100))
    assert len(loads(BASE.replace("metrics:\n", "metrics:\n" + many)).metrics) == 103


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1 pr 500 EUR", "1 per 500 EUR"),
        ("1 / 500 EUR", "1 per 500 EUR"),
        ("1.5 pro 10.00 EUR", "1.5 per 10.00 EUR"),
    ],
)
def test_a_rate_that_is_nearly_one_stays_the_rule_that_it_is(written: str, meant: str) -> None:
    """What is to be written keeps both amounts, and the programme with it is good."""
    (finding,) = findings_of(BASE.replace("points: 1 per 10 EUR", f"points: {written}"))
    assert (finding.code, finding.fix) == ("bad-amount", f"write {meant}")
    assert loads(BASE.replace("points: 1 per 10 EUR", f"points: {meant}"))


def test_what_is_no_rate_is_not_taken_for_one() -> None:
    """An amount of money and a number beside it have no word between them."""
    (finding,) = findings_of(BASE.replace("points: 1 per 10 EUR", "points: 5 EUR 10"))
    assert " per " not in finding.fix
