"""What explanations say of ten events, a command and the clock, written by hand in both languages."""

from __future__ import annotations

import pytest
from attrs import evolve

from loyalty import Engine, Holder, MemoryStore, StoreError, loads
from tests.engine.scenes import deal, entries_in, happened, refund

PROGRAMME = loads("""\
language: 1
programme: {id: told, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 6 months}}
  status: {spendable: false}
  mdf: {unit: EUR}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000000.00}
    registered: {type: bool, default: false}
  deal.refunded:
    refunds: deal.won
    amount: {type: money, unit: EUR, max: 1000000.00, optional: true}
  certification.passed: {track: text}
metrics:
  year_status: {earned: status, window: calendar_year}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 100 EUR, status: 1 per 100 EUR, mdf: 2.5 %}}
    multiply: {points: tier.multiplier}
    cap: {points: 900, per: [partner, quarter]}
  - {rule: registered, on: deal.won, when: event.registered, give: {partner: {points: 25}}}
  - rule: certified
    on: certification.passed
    once_per: [person, event.track]
    give: {person: {points: 101}, partner: {points: 2}}
    pending: {points: 30 days}
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: gold, multiplier: 1.25, needs: [year_status >= 480]}
  promote: at_once
  review: {every: calendar_year, landing: by_score}
badges:
  - {badge: starter, needs: year_status >= 100, give: {points: 1}}
refunds:
  deal.refunded: {points: arrears, status: reverse, mdf: arrears, tier: keep_to_period_end}
""")


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Two years of one partner; the first review changes nothing, and so posts nothing."""
    engine = Engine(PROGRAMME, MemoryStore())
    engine.submit_all([
        deal("D-1", "2026-02-03", 48_000, PROGRAMME),
        deal("D-2", "2026-02-10", 60_000, PROGRAMME, registered=True),
        happened("C-1", "certification.passed", "2026-02-11", PROGRAMME, person="ann", track="cloud"),
        happened("C-2", "certification.passed", "2026-02-12", PROGRAMME, person="ann", track="cloud"),
    ])  # fmt: skip
    engine.redeem(Holder.partner("acme"), "points", 901, key="order-7", at="2026-02-20", note="подарок")
    engine.submit(refund("R-1", "2026-03-01", "D-2", 59_900, PROGRAMME))
    engine.advance("2028-01-02")
    return engine


def told(engine: Engine, asked: str, language: str) -> list[str]:
    """Give the lines below the heading, without their indentation, with plain spaces."""
    return [
        line.strip().replace("\N{NO-BREAK SPACE}", " ") for line in engine.why(asked).text(language).splitlines()[1:]
    ]


@pytest.mark.parametrize(
    ("asked", "language", "lines"),
    [
        ("/D-1", "en", [
            "partner:acme",
            "rule deal-base",
            "1 point per 100.00 EUR of 48,000.00 EUR = 480 points, rounded down",
            "multiplier 1 (tier base): 480 points x 1 = 480 points, rounded down",
            "cap of 900 points per partner, quarter: headroom 900 points before, 420 points after; leaves 480 points",
            "1 status per 100.00 EUR of 48,000.00 EUR = 480 status, rounded down",
            "2.5 % of 48,000.00 EUR = 1,200.00 EUR, rounded down",
            "posts 480 points, available at once, last usable day 2026-08-03",
            "posts 480 status, available at once",
            "posts 1,200.00 EUR, available at once",
            "badge starter",
            "credits 1 point, last usable day 2026-08-03",
            "promoted from base to gold (year_status is 480 status)",
            "badge starter",
            "rule registered does not apply: its condition is not met: event.registered",
        ]),
        ("/D-1", "ru", [
            "partner:acme",
            "правило deal-base",
            "1 балл за каждые 100,00 EUR с 48 000,00 EUR = 480 баллов, округлено вниз",
            "множитель 1 (уровень base): 480 баллов × 1 = 480 баллов, округлено вниз",
            "лимит 900 баллов на партнёра в квартал: остаток до: 900 баллов, после: 420 баллов; проходит целиком: "
            "480 баллов",
            "1 status за каждые 100,00 EUR с 48 000,00 EUR = 480 status, округлено вниз",
            "2,5 % с 48 000,00 EUR = 1 200,00 EUR, округлено вниз",
            "начислено: 480 баллов, доступно сразу, последний день использования 03.08.2026",
            "начислено: 480 status, доступно сразу",
            "начислено: 1 200,00 EUR, доступно сразу",
            "значок starter",
            "зачислено: 1 балл, последний день использования 03.08.2026",
            "уровень повышен: base → gold (year_status: 480 status)",
            "значок starter",
            "правило registered не применяется: условие не выполнено: event.registered",
        ]),
        ("/D-2", "en", [
            "partner:acme",
            "rule deal-base",
            "1 point per 100.00 EUR of 60,000.00 EUR = 600 points, rounded down",
            "multiplier 1.25 (tier gold): 600 points x 1.25 = 750 points, rounded down",
            "cap of 900 points per partner, quarter: headroom 420 points before, 0 points after; cuts 750 points to "
            "420 points",
            "1 status per 100.00 EUR of 60,000.00 EUR = 600 status, rounded down",
            "2.5 % of 60,000.00 EUR = 1,500.00 EUR, rounded down",
            "posts 420 points, available at once, last usable day 2026-08-10",
            "posts 600 status, available at once",
            "posts 1,500.00 EUR, available at once",
            "rule registered",
            "a fixed 25 points",
            "posts 25 points, available at once, last usable day 2026-08-10",
        ]),
        ("/D-2", "ru", [
            "partner:acme",
            "правило deal-base",
            "1 балл за каждые 100,00 EUR с 60 000,00 EUR = 600 баллов, округлено вниз",
            "множитель 1,25 (уровень gold): 600 баллов × 1,25 = 750 баллов, округлено вниз",
            "лимит 900 баллов на партнёра в квартал: остаток до: 420 баллов, после: 0 баллов; рассчитано: 750 баллов, "
            "проходит: 420 баллов",
            "1 status за каждые 100,00 EUR с 60 000,00 EUR = 600 status, округлено вниз",
            "2,5 % с 60 000,00 EUR = 1 500,00 EUR, округлено вниз",
            "начислено: 420 баллов, доступно сразу, последний день использования 10.08.2026",
            "начислено: 600 status, доступно сразу",
            "начислено: 1 500,00 EUR, доступно сразу",
            "правило registered",
            "фиксированно 25 баллов",
            "начислено: 25 баллов, доступно сразу, последний день использования 10.08.2026",
        ]),
        ("/C-1", "en", [
            "partner:acme",
            "rule certified",
            "a fixed 2 points",
            "posts 2 points, pending until 2026-03-13, last usable day 2026-08-11",
            "person:ann",
            "rule certified",
            "a fixed 101 points",
            "posts 101 points, pending until 2026-03-13, last usable day 2026-08-11",
        ]),
        ("/C-1", "ru", [
            "partner:acme",
            "правило certified",
            "фиксированно 2 балла",
            "начислено: 2 балла, отложено до 13.03.2026, последний день использования 11.08.2026",
            "person:ann",
            "правило certified",
            "фиксированно 101 балл",
            "начислено: 101 балл, отложено до 13.03.2026, последний день использования 11.08.2026",
        ]),
        ("/C-2", "en", [
            "partner:acme",
            "rule certified does not apply: it has paid for this key already: once per person, track",
            "person:ann",
            "rule certified does not apply: it has paid for this key already: once per person, track",
        ]),
        ("/C-2", "ru", [
            "partner:acme",
            "правило certified не применяется: по этому ключу оно уже заплатило (один раз на сотрудника по полю "
            "track)",
            "person:ann",
            "правило certified не применяется: по этому ключу оно уже заплатило (один раз на сотрудника по полю "
            "track)",
        ]),
        ("order-7", "en", [
            "partner:acme",
            "redeems 901 points, because: подарок",
            "redemption",
            "takes 481 points, last usable day 2026-08-03",
            "takes 420 points, last usable day 2026-08-10",
        ]),
        ("order-7", "ru", [
            "partner:acme",
            "списание: 901 балл, причина: подарок",
            "списание",
            "снято: 481 балл, последний день использования 03.08.2026",
            "снято: 420 баллов, последний день использования 10.08.2026",
        ]),
        ("/R-1", "en", [
            "partner:acme",
            "refunds 59,900.00 EUR of the original; 100.00 EUR left",
            "rule deal-base",
            "what is left would earn 1 point per 100.00 EUR of 100.00 EUR = 1 point, rounded down",
            "multiplier 1.25 (the original's tier): 1 point x 1.25 = 1 point, rounded down",
            "takes back 419 points; in all 419 points of 420 points granted",
            "what is left would earn 1 status per 100.00 EUR of 100.00 EUR = 1 status, rounded down",
            "takes back 599 status; in all 599 status of 600 status granted",
            "what is left would earn 2.5 % of 100.00 EUR = 2.50 EUR, rounded down",
            "takes back 1,497.50 EUR; in all 1,497.50 EUR of 1,500.00 EUR granted",
            "takes 25 points, last usable day 2026-08-10",
            "394 points were not there and are owed",
            "takes 599 status",
            "takes 1,497.50 EUR",
            "rule registered",
            "what is left would earn a fixed 25 points",
        ]),
        ("/R-1", "ru", [
            "partner:acme",
            "возврат по исходному событию: 59 900,00 EUR; остаётся 100,00 EUR",
            "правило deal-base",
            "за остаток причиталось бы: 1 балл за каждые 100,00 EUR с 100,00 EUR = 1 балл, округлено вниз",
            "множитель 1,25 (уровень исходного события): 1 балл × 1,25 = 1 балл, округлено вниз",
            "сторно: 419 баллов; всего сторнировано: 419 баллов, было начислено: 420 баллов",
            "за остаток причиталось бы: 1 status за каждые 100,00 EUR с 100,00 EUR = 1 status, округлено вниз",
            "сторно: 599 status; всего сторнировано: 599 status, было начислено: 600 status",
            "за остаток причиталось бы: 2,5 % с 100,00 EUR = 2,50 EUR, округлено вниз",
            "сторно: 1 497,50 EUR; всего сторнировано: 1 497,50 EUR, было начислено: 1 500,00 EUR",
            "снято: 25 баллов, последний день использования 10.08.2026",
            "не хватило и записано в долг: 394 балла",
            "снято: 599 status",
            "снято: 1 497,50 EUR",
            "правило registered",
            "за остаток причиталось бы: фиксированно 25 баллов",
        ]),
        ("clock:partner:acme:2026-03-13", "en", [
            "partner:acme",
            "end of pending",
            "2 points that were pending become available, last usable day 2026-08-11",
            "2 points repay what was owed",
        ]),
        ("clock:partner:acme:2026-03-13", "ru", [
            "partner:acme",
            "выход из отложенных",
            "из отложенных стало доступно: 2 балла, последний день использования 11.08.2026",
            "погашение долга: 2 балла",
        ]),
        ("clock:person:ann:2026-08-12", "en", [
            "person:ann",
            "expiry",
            "101 points expire: their last usable day was 2026-08-11",
        ]),
        ("clock:person:ann:2026-08-12", "ru", [
            "person:ann",
            "сгорание",
            "сгорание: 101 балл, последний день использования был 11.08.2026",
        ]),
        ("clock:partner:acme:2028-01-01", "en", [
            "partner:acme",
            "review: stood at gold, qualifies for base (year_status is 0 status)",
            "review of tiers",
            "no longer stands at gold",
        ]),
        ("clock:partner:acme:2028-01-01", "ru", [
            "partner:acme",
            "пересмотр уровня: был gold, по показателям base (year_status: 0 status)",
            "пересмотр уровня",
            "уровень gold больше не действует",
        ]),
    ],
)  # fmt: skip
def test_what_is_told(engine: Engine, asked: str, language: str, lines: list[str]) -> None:
    """Each line is what a person would write, with amounts, days and plurals of the language."""
    assert told(engine, asked, language) == lines


def test_a_later_form_is_refused_by_its_number(engine: Engine) -> None:
    """Whoever reads a book with an older library is told so, and never gets numbers that mean something else."""
    (entry, *_) = entries_in(engine.store)
    assert entry.explanation["v"] == 1
    with pytest.raises(StoreError, match="keeps why in form 2, and this library reads form 1"):
        engine.why(evolve(entry, explanation={"v": 2, "why": {}}))
