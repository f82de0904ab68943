"""
The report of a comparison: what differs in words, what it costs, who wins and who loses, and where partners stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from loyalty.explaining.differences import LANGUAGES
from loyalty.explaining.said import Value
from loyalty.simulation.comparison import Change, Comparison, Estimate, Fairness, Group, Variant
from loyalty.simulation.report import parts
from loyalty.simulation.report.comparing_charts import variant_charts
from loyalty.simulation.report.figures import (
    MAIN,
    counts,
    estimate_table,
    figure_name,
    quantity,
    relative,
    shown,
    signed,
    unit_of,
    within,
)
from loyalty.simulation.report.page import render_page
from loyalty.simulation.report.parts import Card, Grid, Section, Shown, section
from loyalty.simulation.report.single import parameters_told
from loyalty.simulation.report.texts import ENGLISH, Texts
from loyalty.simulation.tables import Column, Kind

#: The groupings that have a heading of their own; others are labels of the scenario.
_GROUPINGS = ("decile", "segment", "tier")


def render_comparison(
    comparison: Comparison,
    *,
    title: Value,
    parameters: Mapping[str, Value] | None = None,
    texts: Texts = ENGLISH,
) -> str:
    """
    Write the report of a comparison.

    Args:
        title: The heading.
        parameters: What the run was given, in this order.

    Returns:
        A whole HTML document.
    """
    names = ", ".join(each.scheme.name for each in comparison.variants)
    subject = texts.say("compare.subject", base=comparison.base.name, variants=names)
    several = len(comparison.variants) > 1
    sections = [_differences(comparison, texts), _summary(comparison, texts)]
    if comparison.notes:
        sections.append(section("notes", texts.say("notes"), parts.listing(map(texts.tell, comparison.notes), "notes")))
    for number, variant in enumerate(comparison.variants, start=1):
        sections.extend(_variant(comparison, variant, number if several else 0, texts))
    sections.append(_facts(comparison, parameters or {}, texts))
    return render_page(texts.tell(title), subject, sections, texts)


def _differences(comparison: Comparison, texts: Texts) -> Section:
    """Say what differs between the declarations, section by section."""
    language = LANGUAGES[texts.code]
    pieces: list[str] = []
    for variant in comparison.variants:
        if len(comparison.variants) > 1:
            pieces.append(parts.heading(variant.scheme.name))
        told = []
        for one in variant.told:
            thing = f"{language.tell(one.thing)}: " if one.thing is not None else ""
            details = "".join(f" {language.tell(text)}" for text in one.details)
            told.append(thing + language.tell(one.text) + details)
        pieces.append(parts.listing(told or [texts.say("compare.same")], "card assumed"))
    return section("differences", texts.say("compare.differences"), pieces)


def _summary(comparison: Comparison, texts: Texts) -> Section:
    pieces: list[str] = []
    for variant in comparison.variants:
        if len(comparison.variants) > 1:
            pieces.append(parts.heading(variant.scheme.name))
        main = [each for each in variant.estimates if each.name.partition(".")[0] in MAIN]
        pieces.append(parts.cards(_card(each, texts) for each in main))
        pieces.append(parts.listing(_sentences(comparison, variant, texts)))
    return section("summary", texts.say("summary"), pieces)


def _card(estimate: Estimate, texts: Texts) -> Card:
    unit = unit_of(estimate)
    remark = texts.say(
        "compare.card", base=quantity(estimate.base, unit, texts), difference=signed(estimate.difference, unit, texts)
    )
    ends = within(estimate.interval, unit, texts)
    return Card(
        figure_name(estimate.name, texts),
        quantity(estimate.variant, unit, texts),
        f"{remark} ({ends})" if ends else remark,
    )


def _sentences(comparison: Comparison, variant: Variant, texts: Texts) -> Iterator[str]:
    """Say in words what the variant does."""
    found = {each.name: each for each in variant.estimates}
    for name in ("cost", "liability"):
        each = found.get(name)
        if each is not None:
            yield texts.say(
                f"compare.{name}", base=quantity(each.base, each.unit, texts),
                variant=quantity(each.variant, each.unit, texts), difference=signed(each.difference, each.unit, texts),
                relative=relative(each, texts) or signed(each.difference, each.unit, texts),
                certain=_certainty(each, texts),
            )  # fmt: skip
    shifts = variant.shifts
    if comparison.unit:
        yield texts.say(
            "compare.shifts",
            winners=texts.mean_count("partner", shifts.winners), losers=texts.mean_count("partner", shifts.losers),
            unchanged=texts.mean_count("partner", shifts.unchanged), gained=texts.money(shifts.gained, comparison.unit),
            lost=texts.money(shifts.lost, comparison.unit),
        )  # fmt: skip
    persons = _persons_told(comparison, variant, texts)
    if persons:
        yield persons
    up, down = _ups_and_downs(variant)
    yield texts.say("compare.moves", up=texts.mean_count("partner", up), down=texts.mean_count("partner", down))
    gini, before = variant.fairness.gini.get("worth"), comparison.base_fairness.gini.get("worth")
    if gini is not None and before is not None:
        yield texts.say("compare.gini", base=texts.rounded(before), variant=texts.rounded(gini))


def _persons_told(comparison: Comparison, variant: Variant, texts: Texts) -> str:
    """Say what persons cost, whom no group and no winner has; nothing where they cost nothing."""
    base, other = variant.persons
    if not base and not other:
        return ""
    unit = comparison.unit
    return texts.say("compare.persons", base=quantity(base, unit, texts), variant=quantity(other, unit, texts),
                     difference=signed(other - base, unit, texts))  # fmt: skip


def _certainty(estimate: Estimate, texts: Texts) -> str:
    """Say whether the difference can be told from none."""
    ends = within(estimate.interval, estimate.unit, texts)
    if estimate.interval is None or not ends:
        return texts.say("compare.certain.same" if ends == "" and estimate.interval else "compare.certain.unknown")
    return texts.say(f"compare.certain.{'yes' if estimate.interval.excludes_zero else 'no'}", interval=ends)


def _ups_and_downs(variant: Variant) -> tuple[Fraction, Fraction]:
    """Count the partners that end in a higher and in a lower tier."""
    deciles = [group for group in variant.groups if group.grouping == "decile"]
    if deciles:
        return sum((group.up for group in deciles), Fraction(0)), sum((group.down for group in deciles), Fraction(0))
    base, ladder = variant.migration.base_ladder, variant.migration.variant_ladder
    up = down = Fraction(0)
    for row, standing in zip(base, variant.migration.final, strict=True):
        for column, count in zip(ladder, standing, strict=True):
            if row in ladder and column != row:
                higher = ladder.index(column) > ladder.index(row)
                up, down = up + count * higher, down + count * (not higher)
    return up, down


def _variant(comparison: Comparison, variant: Variant, number: int, texts: Texts) -> Iterator[Section]:
    """The pictures and the tables of one variant."""
    name = variant.scheme.name
    mark = f"-{number}" if number else ""
    behind = f": {name}" if number else ""
    charts = variant_charts(comparison, variant, texts, key=str(number) if number else "")
    yield section(f"charts{mark}", texts.say("charts") + behind, parts.figures(charts, texts))
    hints = [texts.say("sort_hint")]
    if comparison.replicates > 1:
        hints.append(texts.say("compare.means", replicates=comparison.replicates))
    persons = _persons_told(comparison, variant, texts)
    if persons:
        hints.append(persons)
    yield section(f"tables{mark}", texts.say("tables") + behind, map(parts.hint, hints),
                  _tables(comparison, variant, texts))  # fmt: skip


def _tables(comparison: Comparison, variant: Variant, texts: Texts) -> Iterator[str]:
    yield parts.table(texts.say("compare.table.figures"), estimate_table(variant.estimates, texts), texts)
    migration = variant.migration
    if migration.matrices:
        yield parts.matrix(
            texts.say("compare.table.migration"),
            texts.say("compare.corner", base=comparison.base.name, variant=variant.scheme.name),
            [texts.tier(tier) for tier in migration.base_ladder],
            [texts.tier(tier) for tier in migration.variant_ladder],
            migration.final,
            texts,
        )
    groupings = dict.fromkeys(group.grouping for group in variant.groups)
    for grouping in groupings:
        chosen = [group for group in variant.groups if group.grouping == grouping]
        heading = (
            texts.say(f"compare.table.{grouping}")
            if grouping in _GROUPINGS
            else texts.say("compare.table.label", label=grouping)
        )
        yield parts.table(heading, _groups(chosen, comparison.unit, texts), texts)
    for kind, changes in (("winners", variant.shifts.most), ("losers", variant.shifts.least)):
        if changes:
            heading = texts.say(f"compare.table.{kind}", partners=texts.count("partner", len(changes)))
            if comparison.replicates > 1:
                heading += texts.say("compare.of_first", replicates=comparison.replicates)
            yield parts.table(heading, _changes(changes, comparison.unit, texts), texts)
    evenness = _evenness(comparison, variant, texts)
    if evenness.rows:
        yield parts.table(texts.say("compare.table.fairness"), evenness, texts)
    cliffs = _cliffs(comparison, variant, texts)
    if cliffs.rows:
        yield parts.table(texts.say("compare.table.cliffs"), cliffs, texts) + parts.hint(
            texts.say("compare.cliff.hint")
        )


def _groups(groups: list[Group], unit: str, texts: Texts) -> Grid:
    names = ("partners", "revenue", "base_cost", "variant_cost", "difference", "winners", "losers", "up", "down")
    columns = (Column("group"), *(Column(name, Kind.AMOUNT) for name in names))
    columns_of = ("partners", "winners", "losers", "up", "down")
    counted = {name: counts([getattr(group, name) for group in groups], texts) for name in columns_of}
    rows = tuple(
        (
            Shown(group.name, Fraction(int(group.name))) if group.name.isdigit() else texts.tier(group.name),
            counted["partners"][place],
            shown(group.revenue, unit, texts),
            shown(group.base_cost, unit, texts),
            shown(group.variant_cost, unit, texts),
            Shown(signed(group.variant_cost - group.base_cost, unit, texts), group.variant_cost - group.base_cost),
            *(counted[name][place] for name in columns_of[1:]),
        )
        for place, group in enumerate(groups)
    )
    return Grid(columns, rows)


def _changes(changes: tuple[Change, ...], unit: str, texts: Texts) -> Grid:
    with_segment = any(change.segment for change in changes)
    heads = ("partner", *(("segment",) if with_segment else ()), "base_tier", "variant_tier")
    names = ("revenue", "base_worth", "variant_worth", "difference")
    columns = (*(Column(name) for name in heads), *(Column(name, Kind.AMOUNT) for name in names))
    rows = tuple(
        (
            change.partner, *((change.segment or "",) if with_segment else ()), texts.tier(change.base_tier),
            texts.tier(change.variant_tier), *(shown(each, unit, texts) for each in
                                               (change.revenue, change.base, change.variant)),
            Shown(signed(change.difference, unit, texts), change.difference),
        )
        for change in changes
    )  # fmt: skip
    return Grid(columns, rows)


def _evenness(comparison: Comparison, variant: Variant, texts: Texts) -> Grid:
    """Lay the figures of evenness side by side."""
    rows: list[tuple[str | Shown, ...]] = []
    base, other = comparison.base_fairness, variant.fairness
    for name in dict.fromkeys((*base.gini, *other.gini)):
        of = texts.say("compare.worth") if name == "worth" else texts.named(name)
        rows.append((texts.say("lorenz.gini.of", currency=of), *(_hundredths(each.gini.get(name), texts)
                                                                  for each in (base, other))))  # fmt: skip
    rows.append((texts.say("compare.reversals"), *(_share(each, texts) for each in (base, other))))
    return Grid((Column("figure"), Column("base", Kind.AMOUNT), Column("with_variant", Kind.AMOUNT)), tuple(rows))


def _hundredths(value: Fraction | None, texts: Texts) -> Shown:
    return Shown("" if value is None else texts.rounded(value), value or Fraction(0))


def _share(fairness: Fairness, texts: Texts) -> Shown:
    return shown(fairness.reversals, "share", texts)


def _cliffs(comparison: Comparison, variant: Variant, texts: Texts) -> Grid:
    rows: list[tuple[str | Shown, ...]] = []
    for name, fairness in ((comparison.base.name, comparison.base_fairness), (variant.scheme.name, variant.fairness)):
        for cliff in fairness.cliffs:
            rates = (cliff.rate_below, cliff.rate_above)
            rows.append((name, texts.tier(cliff.tier), *(shown(rate, "share", texts) for rate in rates),
                         Shown(signed(cliff.jump, "share", texts), cliff.jump)))  # fmt: skip
    columns = (Column("programme"), Column("tier"), Column("rate_below", Kind.AMOUNT),
               Column("rate_above", Kind.AMOUNT), Column("jump", Kind.AMOUNT))  # fmt: skip
    return Grid(columns, tuple(rows))


def _facts(comparison: Comparison, parameters: Mapping[str, Value], texts: Texts) -> Section:
    """Say what the comparison rests on."""
    schemes = [comparison.base, *(each.scheme for each in comparison.variants)]
    told = {
        **{f"{texts.say('programme')} {scheme.name}": f"{scheme.programme.id}, {scheme.programme.revision}"
           for scheme in schemes},
        texts.say("parameter.partners"): texts.number(comparison.partners),
        texts.say("parameter.events"): texts.number(comparison.events),
        texts.say("parameter.through"): texts.day(comparison.until_day),
        texts.say("parameter.seeds"): ", ".join(map(str, comparison.seeds)) or texts.say("compare.recorded"),
        texts.say("parameter.intervals"): interval_told(comparison.confidence, comparison.method, texts),
        **parameters_told(parameters, texts),
    }  # fmt: skip
    return section(
        "assumptions", texts.say("assumptions"),
        parts.listing(map(texts.tell, comparison.assumptions), "card assumed"), parts.facts(told),
    )  # fmt: skip


def interval_told(confidence: Fraction, method: Value, texts: Texts) -> str:
    """Say how intervals were made, and with what confidence."""
    if not method:
        return texts.say("interval.none")
    return texts.say("interval.method", confidence=texts.percent(confidence, 0), method=texts.tell(method))
