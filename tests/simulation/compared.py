"""A comparison made by hand: plain values, as the report takes them."""

from __future__ import annotations

from fractions import Fraction

from attrs import evolve

from loyalty.programme.model import Programme
from loyalty.simulation.comparison import (
    Change,
    Cliff,
    Comparison,
    Counts,
    Estimate,
    Fairness,
    Group,
    Interval,
    Migration,
    Scheme,
    Shifts,
    Variant,
)


def comparison(programme: Programme, *, names: tuple[str, ...] = ("generous",), partner: str = "P-001") -> Comparison:
    """Give a comparison of a programme with variants of these names."""
    return Comparison(
        base=Scheme(name="now", programme=programme),
        base_fairness=Fairness(
            gini={"points": Fraction(6, 10), "worth": Fraction(7, 10)},
            reversals=Fraction(1, 8),
            cliffs=(Cliff(tier="silver", partners_below=Fraction(4), partners_above=Fraction(4),
                          rate_below=Fraction(1, 100), rate_above=Fraction(3, 200)),),
        ),
        variants=tuple(_variant(programme, name, partner) for name in names),
        unit="EUR",
        partners=60,
        events=1_234,
        until_day=20_818,
        seeds=(7, 8, 9),
        replicates=3,
        method="paired differences",
        assumptions=("August is quiet.",),
        notes=("The core ran it.",),
    )  # fmt: skip


def _variant(programme: Programme, name: str, partner: str) -> Variant:
    groups = [
        Group(grouping=grouping, name=each, partners=Fraction(6), revenue=Fraction(1000 * place), base={}, variant={},
              base_cost=Fraction(10 * place), variant_cost=Fraction(12 * place), winners=Fraction(4),
              losers=Fraction(1), up=Fraction(1), down=Fraction(0))
        for grouping, names in (("decile", tuple(map(str, range(1, 11)))), ("segment", ("small", "large")),
                                ("region", ("north", "south")))
        for place, each in enumerate(names, start=1)
    ]  # fmt: skip
    change = Change(partner=partner, segment="small", base_tier="base", variant_tier="silver", revenue=Fraction(12_345),
                    base=Fraction(100), variant=Fraction(150))  # fmt: skip
    return Variant(
        scheme=Scheme(name=name, programme=evolve(programme, revision="77" * 32)),
        told=(),
        estimates=(
            Estimate(name="cost", unit="EUR", base=Fraction(100_000), variant=Fraction(112_500),
                     interval=Interval(low=10_000.5, high=15_000.25)),
            Estimate(name="cost_per_revenue", unit="share", base=Fraction(1, 50), variant=Fraction(9, 400),
                     interval=Interval(low=-0.001, high=0.006)),
            Estimate(name="liability", unit="EUR", base=Fraction(50_000), variant=Fraction(50_100),
                     interval=Interval(low=-20.0, high=220.0)),
            Estimate(name="gini", unit="share", base=Fraction(7, 10), variant=Fraction(68, 100)),
            Estimate(name="tiers.gold", unit="partners", base=Fraction(10, 3), variant=Fraction(4)),
            Estimate(name="points.issued", unit="points", base=Fraction(5_000), variant=Fraction(6_000)),
        ),
        groups=tuple(groups),
        shifts=Shifts(
            winners=Fraction(40), losers=Fraction(10), unchanged=Fraction(10), gained=Fraction(13_000),
            lost=Fraction(500), most=(change,),
            least=(evolve(change, partner="P-009", variant=Fraction(20)),),
            bins=tuple((Fraction(low * 50), Fraction(low * 50 + 50), Fraction(5 + abs(low))) for low in range(-3, 6)),
        ),
        migration=Migration(
            base_ladder=("base", "silver", "gold"), variant_ladder=("base", "silver", "gold"),
            matrices={24_324: _counts((30, 8, 0), (1, 17, 0), (0, 0, 4))}, months=(24_323, 24_324),
            base=_counts((40, 16, 4), (38, 18, 4)), variant=_counts((35, 21, 4), (31, 25, 4)),
            base_moves=_counts((1, 0), (2, 0)), variant_moves=_counts((3, 1), (4, 0)),
        ),
        fairness=Fairness(gini={"points": Fraction(59, 100), "worth": Fraction(68, 100)}, reversals=Fraction(1, 9),
                          cliffs=()),
    )  # fmt: skip


def _counts(*rows: tuple[int, ...]) -> tuple[Counts, ...]:
    return tuple(tuple(map(Fraction, row)) for row in rows)
