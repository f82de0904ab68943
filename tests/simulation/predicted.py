"""A forecast and a fit made by hand: plain values, as their reports take them."""

from __future__ import annotations

from fractions import Fraction

from loyalty.programme.model import Programme
from loyalty.simulation.comparison import Interval
from loyalty.simulation.forecasting import Forecast, Series, Total
from loyalty.simulation.goodness import Bars, Curve, Distance, Goodness, Quantity

FIRST = 2027 * 12


def forecast(programme: Programme, *, months: int = 12, name: str = "mdf.issued") -> Forecast:
    """Give a forecast over so many months."""

    def series(name: str, unit: str, start: int, step: int) -> Series:
        mean = tuple(Fraction(start + step * place) for place in range(1, months + 1))
        return Series(name=name, unit=unit, mean=mean, intervals=tuple(_around(each) for each in mean),
                      is_whole=unit == "points")  # fmt: skip

    def total(name: str, unit: str, mean: int, today: int | None = None) -> Total:
        return Total(name=name, unit=unit, mean=Fraction(mean), interval=_around(Fraction(mean)),
                     today=None if today is None else Fraction(today))  # fmt: skip

    nothing = (Fraction(0),) * months
    return Forecast(
        programme=programme,
        today=20_818,
        until_day=21_183,
        months=tuple(range(FIRST, FIRST + months)),
        partners=60,
        arriving=12,
        series=(
            series("liability", "EUR", 50_000, 900),
            series("points.expired", "points", 400, 10),
            series("tiers.gold", "partners", 10, 1),
            series(name, "EUR", 900, 5),
            Series(name="mdf.reversed", unit="EUR", mean=nothing, intervals=(Interval(low=0.0, high=0.0),) * months),
        ),
        totals=(total("cost", "EUR", 12_000), total("liability", "EUR", 60_800, 50_000),
                total("tiers.gold", "partners", 22, 10)),
        expiring={"points": (Fraction(300),) * months, "status": nothing},
        seeds=(1, 2, 3),
        assumptions=("Partners go on as they did.",),
        notes=("The core ran it.",),
    )  # fmt: skip


def _around(value: Fraction) -> Interval:
    return Interval(low=float(value) * 0.95, high=float(value) * 1.1)


def goodness(programme: Programme, *, name: str = "deal.won: amount") -> Goodness:
    """Give a scenario that was estimated, with a picture of each form."""
    return Goodness(
        programme=programme, scenario="fitted", partners=60, events=4_321, first_day=20_454, last_day=20_818,
        quantities=(
            Quantity(
                name=name, unit="EUR", estimated=("median 8,200.00 EUR", "sigma 1.08"), fits=True, observations=812,
                distances=(Distance(name="kolmogorov_smirnov", statistic=0.0312, p_value=0.41),),
                picture=Bars(edges=(100.0, 1000.0, 10_000.0, 100_000.0), observed=(0.2, 0.5, 0.3), is_log=True,
                             drawn=(0.22, 0.49, 0.29)),
            ),
            Quantity(name="deal.won", observations=812, fits=False, estimated=("rate 0.91",),
                     distances=(Distance(name="share_apart", statistic=0.31, p_value=0.01),),
                     picture=Curve(months=tuple(range(FIRST - 12, FIRST)), observed=tuple(map(float, range(50, 62))),
                                   drawn=(56.0,) * 12, low=(45.0,) * 12, high=(67.0,) * 12)),
            Quantity(name="deal.won: product", observations=812,
                     picture=Bars(labels=("core", "cloud", "services"), observed=(0.5, 0.3, 0.2),
                                  drawn=(0.48, 0.33, 0.19))),
        ),
        text="scenario: fitted\n# <as estimated>\n", seeds=(1,), assumptions=("Refunds follow within 90 days.",),
    )  # fmt: skip
