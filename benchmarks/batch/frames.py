"""
The ten easy rules in data frames, as a user would write them otherwise: for what Polars and DuckDB can express.

A cap by month is a running sum that is clipped, ``once_per`` the first row of its key, a streak of months the classic
of gaps and islands. What no window says, since each row depends on what the rows before it were *paid*:

- tiers, and the multiplier by the tier: both rates are taken at the base tier's 1;
- the better of two rules, of which the loser uses up no cap: the push for the cloud stands alone;
- the cooldown of ``attended``;
- lots that expire, what is pending, redemption of a share of what is available, arrears, balances.

So they give less than :func:`loyalty.batch.running.run` does. The rules that no tier touches must give the same points;
:data:`EXACT` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: The rules whose awards are those of the programme, to the point.
EXACT = ("attended-on-site", "certified", "deal-registered", "deal-rhythm", "deal-size")
ZONE = "Europe/Berlin"

#: What a frame gives: by rule how many awards and how many points.
Given = Mapping[str, tuple[int, int]]


def scan(path: Path) -> int:
    """Scan the file with Polars and sum by partner: the least that any answer costs. Give their number."""
    import polars as pl

    partners: int = pl.scan_parquet(path).group_by("partner").agg(pl.col("amount").sum()).collect().height
    return partners


def by_polars(path: Path) -> Given:
    """Give what each rule gives, by window expressions of Polars."""
    import polars as pl

    deal = pl.col("kind") == "deal.won"
    exam = pl.col("kind") == "certification.passed"
    meeting = pl.col("kind") == "event.attended"
    amount = pl.col("amount")

    def capped(points: pl.Expr, cap: int) -> pl.Expr:
        used = points.cum_sum().over("partner", "month")
        return pl.min_horizontal(used, pl.lit(cap)) - pl.min_horizontal(used - points, pl.lit(cap))

    def when(condition: pl.Expr, points: pl.Expr | int) -> pl.Expr:
        return pl.when(condition.fill_null(False)).then(points).otherwise(0).cast(pl.Int64)

    local = pl.col("occurred_at").dt.convert_time_zone(ZONE)
    rows = pl.scan_parquet(path).with_columns(
        kind=pl.col("kind").cast(pl.String),
        month=local.dt.year().cast(pl.Int32) * 12 + local.dt.month() - 1,
    )
    bands = pl.when(amount >= 100_000_00).then(750).when(amount >= 50_000_00).then(300)
    awards = rows.select(
        "partner",
        "month",
        **{
            "deal-base": capped(when(deal & (amount >= 1_000_00), amount // 100_00), 3_000),
            "deal-registered": capped(when(deal & pl.col("registered"), amount // 400_00), 500),
            "deal-size": when(deal, bands.when(amount >= 10_000_00).then(50).otherwise(0)),
            "push-cloud": when(deal & (pl.col("product").cast(pl.String) == "cloud"), amount // 250_00),
            "certified": when(
                exam & pl.int_range(pl.len()).over("partner", "kind", "person", "track", "level").eq(0),
                pl.when(pl.col("level").cast(pl.String) == "expert").then(300).otherwise(100),
            ),
            "certified-expert": capped(when(exam & (pl.col("level").cast(pl.String) == "expert"), 200), 600),
            "attended-on-site": capped(when(meeting & (pl.col("format").cast(pl.String) == "on_site"), 40), 120),
        },
    )
    months = rows.filter(deal).select("partner", "month").unique().sort("partner", "month")
    island = pl.col("month") - pl.int_range(pl.len()).over("partner")
    streaks = months.with_columns(island=island).group_by("partner", "island").len()
    names = [name for name in awards.collect_schema().names() if name not in ("partner", "month")]
    given = awards.select(
        *(pl.col(name).sum().alias(f"{name}/points") for name in names),
        *((pl.col(name) > 0).sum().alias(f"{name}/awards") for name in names),
    )
    one, rhythm = pl.collect_all([given, streaks.select((pl.col("len") // 3).sum())])
    result = {name: (int(one[f"{name}/awards"][0]), int(one[f"{name}/points"][0])) for name in names}
    times = int(rhythm.item())
    return {**result, "deal-rhythm": (times, 150 * times)}


def by_duckdb(path: Path) -> Given:
    """Give what each rule gives, by window functions of DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{ZONE}'")
        found = connection.execute(_SQL, {"path": str(path)}).fetchall()
    return {rule: (int(awards), int(points)) for rule, awards, points in found}


_SQL = """
WITH events AS (
    SELECT partner, kind, person, track, level, amount, file_row_number AS place,
        year(occurred_at) * 12 + month(occurred_at) - 1 AS month,
        CASE WHEN kind = 'deal.won' AND amount >= 100000 THEN amount // 10000 ELSE 0 END AS base,
        CASE WHEN kind = 'deal.won' AND registered THEN amount // 40000 ELSE 0 END AS registered,
        CASE WHEN kind <> 'deal.won' OR amount < 1000000 THEN 0 WHEN amount < 5000000 THEN 50
             WHEN amount < 10000000 THEN 300 ELSE 750 END AS size,
        CASE WHEN kind = 'deal.won' AND product = 'cloud' THEN amount // 25000 ELSE 0 END AS cloud,
        CASE WHEN kind = 'certification.passed' AND level = 'expert' THEN 200 ELSE 0 END AS expert,
        CASE WHEN kind = 'event.attended' AND format = 'on_site' THEN 40 ELSE 0 END AS on_site
    FROM read_parquet($path, file_row_number = true)
), used AS (
    SELECT *, sum(base) OVER so_far AS base_used, sum(registered) OVER so_far AS registered_used,
        sum(expert) OVER so_far AS expert_used, sum(on_site) OVER so_far AS on_site_used
    FROM events WINDOW so_far AS (PARTITION BY partner, month ORDER BY place ROWS UNBOUNDED PRECEDING)
), awards AS (
    SELECT least(base_used, 3000) - least(base_used - base, 3000) AS "deal-base",
        least(registered_used, 500) - least(registered_used - registered, 500) AS "deal-registered",
        size AS "deal-size", cloud AS "push-cloud",
        least(expert_used, 600) - least(expert_used - expert, 600) AS "certified-expert",
        least(on_site_used, 120) - least(on_site_used - on_site, 120) AS "attended-on-site"
    FROM used
), by_rule AS (
    UNPIVOT awards ON COLUMNS(*) INTO NAME rule VALUE points
), exams AS (
    SELECT DISTINCT partner, person, track, level FROM events WHERE kind = 'certification.passed'
), islands AS (
    SELECT partner, month - row_number() OVER (PARTITION BY partner ORDER BY month) AS island
    FROM (SELECT DISTINCT partner, month FROM events WHERE kind = 'deal.won')
), streaks AS (
    SELECT count(*) // 3 AS times FROM islands GROUP BY partner, island
)
SELECT rule, count(*) FILTER (points > 0), sum(points) FROM by_rule GROUP BY rule
UNION ALL SELECT 'certified', count(*), sum(CASE level WHEN 'expert' THEN 300 ELSE 100 END) FROM exams
UNION ALL SELECT 'deal-rhythm', sum(times), 150 * sum(times) FROM streaks
"""
