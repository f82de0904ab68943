"""``loyalty compare``: several programmes on the same events, and what that means for cost, tiers and partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import click

from loyalty.cli.folder import write_page
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.progress import Meter
from loyalty.cli.replicates import Ground, ground, ground_options
from loyalty.cli.running import FILE, Command, WrongUseError, format_option, json_option, lang_option, print_json
from loyalty.core.calendar import format_day
from loyalty.explaining.differences import LANGUAGES
from loyalty.explaining.said import said
from loyalty.programme.loading import load
from loyalty.simulation.comparison import Comparison, Estimate, Migration, Scheme, Variant
from loyalty.simulation.extras import require_arrays
from loyalty.simulation.report.texts import texts

#: Figures that are shown even where nothing changes.
_ALWAYS: Final = ("cost", "revenue", "cost_per_revenue", "liability", "breakage")


@click.command("compare", cls=Command, short_help="Run programmes on the same events, and say who wins and loses.")
@click.argument("base_path", metavar="BASE", type=FILE)
@click.argument("variant_paths", metavar="VARIANT...", type=FILE, nargs=-1, required=True)
@ground_options
@click.option("--out", "out_dir", metavar="DIR", type=click.Path(file_okay=False, writable=True),
              help="Write all tables here, every partner's too.")  # fmt: skip
@format_option
@lang_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    base_path: str,
    variant_paths: tuple[str, ...],
    out_dir: str | None,
    table_format: str,
    lang: str,
    as_json: bool,
    **_: Any,
) -> None:
    """Run BASE and each VARIANT on identical events, and say what differs.

    The events are a drawn population (--scenario, --partners, --months, --seed), once for each replicate, a file of
    what happened (--events), or what a book recorded (--db). Cost is the worth of what is given and neither taken back
    nor expired. Each interval is that of the difference with 95 % confidence, by paired differences over the
    replicates. Decisions of a population (what it redeems) are taken anew under each programme.

    \b
    Example:
      loyalty compare programme.yaml generous.yaml --scenario scenario.yaml --partners 1000 --out out/compare
    """
    require_arrays("loyalty compare")
    from loyalty.simulation.comparing import compare
    from loyalty.simulation.comparison_tables import comparison_tables, write_partners
    from loyalty.simulation.tables import write_each

    base, *variants = _schemes((base_path, *variant_paths))
    written: list[Path] = []
    with Meter() as meter:
        on = ground(ctx, base.programme, meter)

        def write(scheme: Scheme, before: Any, after: Any) -> None:
            if out_dir is not None:
                name = f"partners-{scheme.name}.{table_format}"
                written.append(write_partners(scheme, before, after, Path(out_dir) / name))

        runs = on.replicates * (1 + len(variants))
        found = compare(
            base, variants, on.draw(), until_day=on.until_day, each=write,
            progress=meter.stage("running", runs), assumptions=on.assumptions, notes=on.notes, runs=on.replicates,
        )  # fmt: skip
    if out_dir is not None:
        written = [*write_each(comparison_tables(found), out_dir, table_format), *written]
        written.append(_write_report(found, on, out_dir, lang, written))
    if as_json:
        print_json(document(found, on, written))
    else:
        _print(found, on, written)


def _write_report(found: Comparison, on: Ground, folder: str, lang: str, files: Sequence[Path]) -> Path:
    from loyalty.simulation.report import render_comparison

    programme = found.base.programme
    title = said("title.comparison", programme=programme.title or programme.id)
    page = render_comparison(found, title=title, parameters=on.parameters, texts=texts(lang))
    return write_page(page, folder, files)


def _schemes(paths: Sequence[str]) -> list[Scheme]:
    """Load the programmes, and call each by its file's name, or by its path where two files have one name."""
    stems = [Path(path).stem for path in paths]
    names = [stem if stems.count(stem) == 1 else path for stem, path in zip(stems, paths, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WrongUseError(f"{twice} is given twice; a comparison with itself says nothing")
    return [Scheme(name=name.replace("/", "-"), programme=load(path)) for name, path in zip(names, paths, strict=True)]


def _print(found: Comparison, on: Ground, written: Sequence[Path]) -> None:
    out = stdout()
    print_line(out, f"{found.base.name} against {', '.join(each.scheme.name for each in found.variants)}", style="bold")
    print_line(out, f"  {on.words}; {count_words(found.partners, 'partner')} and {found.events:,} events"
                    f"{' in the first replicate' if len(found.seeds) > 1 else ''}")  # fmt: skip
    if found.method:
        print_line(out, f"  intervals: {float(found.confidence) * 100:g} %, {found.method}")
    for note in found.notes:
        print_line(out, f"- {texts('en').tell(note)}")
    for variant in found.variants:
        _print_variant(found, variant)
    if found.assumptions:
        print_line(out)
        print_line(out, "Assumed, not measured:", style="bold")
        for assumption in found.assumptions:
            print_line(out, f"- {texts('en').tell(assumption)}")
    if written:
        print_line(out, f"Tables: {written[0].parent} ({', '.join(path.name for path in written[:-1])})")
        print_line(out, f"Report: {written[-1]}", style="bold")


def _print_variant(found: Comparison, variant: Variant) -> None:
    out, tell, name = stdout(), LANGUAGES["en"].tell, variant.scheme.name
    print_line(out)
    print_line(out, f"{name}: what is declared otherwise", style="bold cyan")
    for one in variant.told:
        thing = f"{tell(one.thing)}: " if one.thing is not None else ""
        print_line(out, f"  {thing}{tell(one.text)}{'' if one.difference.posts else ' (changes no posting)'}")
    if not variant.told:
        print_line(out, "  nothing")
    columns = (("", False), (found.base.name, True), (name, True), ("difference", True), ("interval", True))
    print_table(out, columns, ((one.name, *_cells(one)) for one in variant.estimates if _is_shown(one)))
    shifts = variant.shifts
    unit = f" {found.unit}" if found.unit else ""
    many = found.replicates > 1
    winners = count_words(int(shifts.winners), "partner") if shifts.winners.denominator == 1 else (
        f"{count(shifts.winners)} partners")  # fmt: skip
    print_line(out, f"{winners} gain {number(shifts.gained)}{unit}, {count(shifts.losers)} "
                    f"lose {number(shifts.lost)}{unit}, {count(shifts.unchanged)} get the same"
                    f"{f' (means over {found.replicates} populations)' if many else ''}.")  # fmt: skip
    before_persons, after_persons = variant.persons
    if before_persons or after_persons:
        print_line(out, f"persons: {number(before_persons)} → {number(after_persons)}{unit} "
                        f"({_signed(after_persons - before_persons)}{unit}), in no group and among no winners: "
                        "they are of no partner")  # fmt: skip
    if many and (shifts.most or shifts.least):
        print_line(out, f"  of the first of {found.replicates} populations:")
    for label, changes in (("gain most", shifts.most[:3]), ("lose most", shifts.least[:3])):
        if changes:
            told = (f"{one.partner} ({one.base_tier}) {number(one.base)} → {number(one.variant)} "
                    f"({_signed(one.variant - one.base)})" for one in changes)  # fmt: skip
            print_line(out, f"  {label}: {'; '.join(told)}")
    _print_tiers(variant.migration, found.base.name, name)
    print_line(out, "By size (decile of revenue, 10 has most) and segment:", style="bold")
    print_table(out, (("", False), ("partners", True), ("revenue", True), (f"cost {found.base.name}", True),
                      (f"cost {name}", True), ("difference", True), ("gain", True), ("lose", True), ("rise", True),
                      ("fall", True)), (
        (f"{group.grouping} {group.name}", count(group.partners), number(group.revenue), number(group.base_cost),
         number(group.variant_cost), number(group.variant_cost - group.base_cost),
         *map(count, (group.winners, group.losers, group.up, group.down)))
        for group in variant.groups if group.grouping != "tier"
    ))  # fmt: skip
    before, after = found.base_fairness, variant.fairness
    print_line(out, f"Less revenue and more worth: {percent(before.reversals)} of pairs → {percent(after.reversals)}")
    for old in before.cliffs:
        new = next((one for one in after.cliffs if one.tier == old.tier), None)
        rates = [f"{percent(one.rate_below)} below, {percent(one.rate_above)} above" for one in (old, new) if one]
        print_line(out, f"Worth per revenue at the threshold of {old.tier}: {' → '.join(rates)}")


def _print_tiers(migration: Migration, base: str, variant: str) -> None:
    out = stdout()
    if len(migration.base_ladder) == 1 == len(migration.variant_ladder):
        return
    print_line(out, f"Tiers in the end: {base} down, {variant} across", style="bold")
    columns = (("", False), *((tier, True) for tier in migration.variant_ladder), ("together", True))
    rows = [
        (tier, *(count(cell) if cell else "·" for cell in row), count(sum(row, Fraction(0))))
        for tier, row in zip(migration.base_ladder, migration.final, strict=True)
    ]
    sums = [sum(column, Fraction(0)) for column in zip(*migration.final, strict=True)]
    print_table(out, columns, [*rows, ("together", *map(count, sums), count(sum(sums, Fraction(0))))])


def _is_shown(one: Estimate) -> bool:
    return one.differs_somewhere or one.name in _ALWAYS or (one.name.startswith("tiers.") and bool(one.base))


def _cells(one: Estimate) -> Iterator[str]:
    write = writing(one.name, one.unit, is_whole=one.is_whole)
    yield write(one.base)
    yield write(one.variant)
    yield ("+" if one.difference > 0 else "") + write(one.difference)
    interval = one.interval if one.differs_somewhere else None
    yield f"{write(Fraction(interval.low))} … {write(Fraction(interval.high))}" if interval else ""


def writing(name: str, unit: str, *, is_whole: bool = False) -> Callable[[Fraction], str]:
    """
    Give how a figure is written: shares in percent, but a Gini coefficient as a number of two digits.

    Args:
        is_whole: There is no part of a unit, so that a mean is rounded to whole ones, half to even.
    """
    if is_whole:
        return lambda value: f"{round(value):,}"
    if name.partition(".")[0] == "gini":
        return lambda value: _small(float(value))
    return percent if unit == "share" else number


def count(value: Fraction) -> str:
    """Write how many there are: with one digit behind the point where a mean is not whole."""
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):,.1f}"


def number(value: Fraction) -> str:
    """Write a number for people: without digits behind the point where it is large."""
    return f"{float(value):,.0f}" if abs(value) >= 1000 or value.denominator == 1 else _small(float(value))


def _signed(value: Fraction) -> str:
    return ("+" if value > 0 else "") + number(value)


def percent(value: Fraction) -> str:
    return f"{_small(float(value) * 100)} %"


def _small(value: float) -> str:
    """
    Write a number with two digits behind the point, or with as many, up to six, as show that it is not 0.

    >>> _small(1.5), _small(-0.00042), _small(-1e-9)
    ('1.50', '-0.0004', '0.00')
    """
    for digits in range(2, 7):
        text = f"{value:.{digits}f}"
        if float(text):
            return text
    return "0.00"


def document(found: Comparison, on: Ground, written: Sequence[Path]) -> dict[str, Any]:
    """Give a comparison as plain JSON types: every table, by its name, as rows with the names of their columns."""
    from loyalty.simulation.comparison_tables import comparison_tables

    return {
        "ok": True,
        "base": _scheme(found.base),
        "variants": [_scheme(variant.scheme) for variant in found.variants],
        "on": on.words,
        "until": format_day(found.until_day),
        "partners": found.partners,
        "events": found.events,
        "seeds": list(found.seeds),
        "replicates": found.replicates,
        "unit": found.unit,
        "confidence": str(found.confidence),
        "method": found.method,
        "assumptions": [texts("en").tell(one) for one in found.assumptions],
        "notes": [texts("en").tell(one) for one in found.notes],
        "shifts": {
            variant.scheme.name: {
                "winners": _mean(variant.shifts.winners), "losers": _mean(variant.shifts.losers),
                "unchanged": _mean(variant.shifts.unchanged), "gained": str(variant.shifts.gained),
                "lost": str(variant.shifts.lost),
            }
            for variant in found.variants
        },
        "persons": {
            variant.scheme.name: dict(zip(("base", "with_variant"), map(str, variant.persons), strict=True))
            for variant in found.variants
        },
        "tables": {table.name: table_rows(table) for table in comparison_tables(found)},
        "files": [str(path) for path in written],
    }  # fmt: skip


def _mean(value: Fraction) -> int | str:
    """Give a whole number as such, and another exactly, as a text."""
    return int(value) if value.denominator == 1 else str(value)


def table_rows(table: Any) -> list[dict[str, Any]]:
    """Give a table's rows as plain JSON types, decimals as texts."""
    names = [column.name for column in table.columns]
    return [
        {name: cell if cell is None or isinstance(cell, str | int) else format(cell, "f")
         for name, cell in zip(names, row, strict=True)}
        for row in table.rows
    ]  # fmt: skip


def _scheme(scheme: Scheme) -> dict[str, str]:
    return {"name": scheme.name, "id": scheme.programme.id, "revision": scheme.programme.revision}
