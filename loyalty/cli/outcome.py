"""What a backtest and a simulation leave: tables, the journal, the report, and a summary; the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import frozen

from loyalty.cli.book import Written
from loyalty.cli.folder import write_page
from loyalty.cli.printing import count_words, print_line, print_table, stdout
from loyalty.cli.running import print_json
from loyalty.core.calendar import format_day
from loyalty.core.events import Event
from loyalty.explaining.said import Value
from loyalty.programme.model import Programme
from loyalty.settlement.settle import Settlement
from loyalty.simulation.collecting import collect
from loyalty.simulation.flows import MOVED, STANDING
from loyalty.simulation.journal import write_journal
from loyalty.simulation.months import month_starts
from loyalty.simulation.report import render_report
from loyalty.simulation.report.summary import headlines, observations
from loyalty.simulation.report.texts import ENGLISH, texts
from loyalty.simulation.results import Results
from loyalty.simulation.tables import amount, write_tables


@frozen(kw_only=True)
class Run:
    """
    What was run, for the report and the summary.

    Args:
        title: The report's heading.
        notes: Sentences that a reader must see.
        parameters: What the run was given, for the report; those with a text ``parameter.NAME`` are told in its
            language.
        counts: What was counted on the way, for ``--json``.
        assumptions: Sentences that the report repeats.
        lang: The language of the report.
        digest: Of the figures, for ``--json``; equal ones are of equal runs. "" where it is not wanted.
        events: Where what happened was written, if it was.
    """

    title: Value
    notes: Sequence[Value]
    parameters: Mapping[str, Value]
    counts: Mapping[str, int]
    assumptions: Sequence[Value] = ()
    lang: str = "en"
    digest: str = ""
    events: Path | None = None


@frozen
class Outcome:
    """Results and where they were written; the report is the last file."""

    results: Results
    files: tuple[Path, ...]
    run: Run
    programme: Programme
    until_day: int

    def show(self, *, as_json: bool, written: Written | None = None) -> None:
        """
        Print the summary, ending with the path of the report.

        Args:
            written: The book in a database, where there is one; the report itself does not speak of it.
        """
        if as_json:
            print_json({**self._document(), **({} if written is None else {"book": written.document()})})
            return
        out = stdout()
        programme = self.programme
        print_line(out, ENGLISH.tell(self.run.title), style="bold")
        size = f"{count_words(self.results.entries, 'entry', 'entries')}, {self.results.postings:,} postings"
        print_line(out, f"  {programme.id}, revision {programme.revision[:12]}; {size}, until {self._until}")
        rows = [(line.label, line.value, line.remark) for line in headlines(self.results)]
        print_table(out, (("", False), ("", True), ("", False)), rows)
        for note in self._notes():
            print_line(out, f"- {note}")
        if written is not None:
            print_line(out, written.sentence())
        folder = self.files[-1].parent
        heading = "Tables and the journal" if any(path.stem == "journal" for path in self.files) else "Tables"
        print_line(out, f"{heading}: {folder} ({', '.join(path.name for path in self.files[:-1])})")
        if self.run.events is not None:
            print_line(out, f"Events: {self.run.events}")
        print_line(out, f"Report: {self.files[-1]}", style="bold")

    def _notes(self) -> list[str]:
        return [*map(ENGLISH.tell, self.run.notes), *observations(self.results, self.programme)]

    @property
    def _until(self) -> str:
        return format_day(self.until_day)

    def _document(self) -> dict[str, Any]:
        results = self.results
        currencies = {}
        for name in results.currencies:
            totals = results.totals(name)
            shown = (*MOVED, *STANDING, "outstanding")
            currencies[name] = {part: format(amount(results, name, getattr(totals, part)), "f") for part in shown}
        return {
            "ok": True,
            "programme": {"id": self.programme.id, "revision": self.programme.revision},
            "until": self._until,
            "counts": {**self.run.counts, "entries": results.entries, "postings": results.postings},
            "currencies": currencies,
            "tiers": dict(results.tiers[results.months[-1]]) if results.months else {},
            "notes": self._notes(),
            "files": [str(path) for path in self.files],
            "report": str(self.files[-1]),
            **({"digest": self.run.digest} if self.run.digest else {}),
            **({"events": str(self.run.events)} if self.run.events is not None else {}),
        }


def write_outcome(
    settlement: Settlement,
    events: Sequence[Event],
    run: Run,
    out_dir: str,
    table_format: str,
    until_day: int,
    *,
    wished: Iterable[tuple[str, int]] = (),
) -> Outcome:
    """
    Write the tables, the journal and the report of a settlement.

    Args:
        events: What was settled: partners who took part count even where nothing was posted.
        wished: The partners that wished to redeem, and when: they took part as well, whether it was granted or not.
    """
    programme = settlement.programme
    active: dict[str, int] = {}
    for partner, at in chain(((event.partner, event.occurred_at) for event in events if event.partner), wished):
        day = programme.calendar.day_of(at)
        active[partner] = min(day, active.get(partner, day))
    results = collect(settlement.entries, programme, until_day=until_day, active=active)
    return write_results(
        results, programme, run, out_dir, table_format, until_day,
        journal=lambda folder: write_journal(settlement.entries, programme, folder / "journal.csv"),
    )  # fmt: skip


def write_results(
    results: Results,
    programme: Programme,
    run: Run,
    out_dir: str,
    table_format: str,
    until_day: int,
    *,
    journal: Callable[[Path], Path] | None = None,
) -> Outcome:
    """
    Write the tables and the report of results.

    Args:
        journal: Writes the journal into a folder and gives its path, where there is one.
    """
    folder = Path(out_dir)
    files = write_tables(results, folder, table_format)
    if journal is not None:
        files.append(journal(folder))
    text = render_report(
        results, programme=programme, title=run.title, notes=run.notes, parameters=run.parameters,
        assumptions=run.assumptions, texts=texts(run.lang),
    )  # fmt: skip
    return Outcome(results, (*files, write_page(text, folder, files)), run, programme, until_day)


def end_of_month(day: int) -> int:
    """
    Give the last day of the month that a day lies in.

    >>> from loyalty.core.calendar import parse_day
    >>> format_day(end_of_month(parse_day("2026-02-03")))
    '2026-02-28'
    """
    return month_starts(day, 1)[1] - 1
