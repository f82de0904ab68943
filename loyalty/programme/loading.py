"""
Loading a programme file: everything that is wrong with it is found at once.

>>> from loyalty.errors import ProgrammeError
>>> try:
...     loads("language: 1\\nprogrmme: {id: acme}", file="acme.yaml")
... except ProgrammeError as error:
...     print(error.findings[-1])
acme.yaml:2:1: unknown-key: got `progrmme`
  progrmme: {id: acme}
  ^^^^^^^^
  why: the programme file has no such key
  fix: did you mean `programme`?
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from attrs import evolve

from loyalty.core.calendar import Calendar
from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.frame import build_arrival, build_currencies, build_exchange, build_frame
from loyalty.programme.building.kinds import build_kinds
from loyalty.programme.building.linting import all_rules_known, lint
from loyalty.programme.building.metrics import build_metrics
from loyalty.programme.building.policies import build_examples, build_fairness, build_refunds
from loyalty.programme.building.rules import build_campaigns, build_groups, build_rules, finish_rules
from loyalty.programme.building.standing import build_allotments, build_badges, build_ladder, build_tiers
from loyalty.programme.building.totals import bound_balances
from loyalty.programme.building.wallets import build_wallets
from loyalty.programme.language import FILE, LANGUAGE_VERSION
from loyalty.programme.model import Programme
from loyalty.programme.notes import Notes
from loyalty.programme.revision import revision_of
from loyalty.programme.sections import Section
from loyalty.programme.yaml_reading import read_yaml


def load(path: str | PathLike[str]) -> Programme:
    """
    Load a programme file.

    Raises:
        ProgrammeError: with every finding, in the order of the file.
    """
    file = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        finding = Finding("no-file", Place(file), f"`{file}`", f"it cannot be read: {error.strerror}", "check the path")
        raise ProgrammeError([finding]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProgrammeError(
            [Finding("not-utf-8", Place(file, line, 1), "bytes that are no UTF-8", str(error), "save it as UTF-8")]
        ) from None
    return loads(text, file=file)


def loads(text: str, file: str = "<text>") -> Programme:
    """
    Load a programme from its text.

    Args:
        text: The whole file.
        file: Its name, for places.

    Raises:
        ProgrammeError: with every finding, in the order of the file.
    """
    notes = Notes(text, file)
    node = read_yaml(text, notes)
    if node is None:
        if not notes.findings:
            notes.add(
                "empty-file",
                Place(file, 1, 1),
                "there is no programme in it",
                "start with `language: 1`",
                got="an empty file",
            )
        raise ProgrammeError(notes.result())
    root = FILE.read(node, notes)
    if root is None:
        raise ProgrammeError(notes.result())
    draft = Draft(notes, root)
    programme = _build(draft)
    notes.raise_if_any()
    return programme


def _build(draft: Draft) -> Programme:
    """Build each part in the order in which they use each other; faults are noted and built around."""
    build_frame(draft)
    build_currencies(draft)
    exchange = build_exchange(draft)
    accept_late, accept_early = build_arrival(draft)
    build_kinds(draft)
    build_tiers(draft)
    build_wallets(draft)
    build_metrics(draft)
    campaigns, groups = build_campaigns(draft), build_groups(draft)
    drafts = build_rules(draft)
    allotments = build_allotments(draft)
    all_known = all_rules_known(draft, drafts)
    totals = bound_balances(drafts, allotments, draft)
    bounds = totals if all_known else None
    rules = finish_rules(drafts, bounds, draft)
    ladder = build_ladder(draft, bounds)
    badges = build_badges(draft, bounds)
    refunds = build_refunds(draft, rules if all_known else None, campaigns)
    groups = lint(draft, drafts, rules, campaigns, groups)
    head: Section | None = draft.root.get("programme")
    programme = Programme(
        id=head.value("id", "?") if head else "?",
        language=LANGUAGE_VERSION,
        revision="",
        calendar=draft.calendar or Calendar.of("UTC"),
        first_day=draft.first_day,
        last_day=draft.last_day,
        title=head.value("title", "") if head else "",
        year_starts_month=head.value("year_starts", 1) if head else 1,
        events_per_holder=draft.events_per_holder,
        currencies=draft.currencies,
        events=draft.kinds,
        rules=tuple(rules),
        metrics=draft.metrics,
        ladder=ladder,
        campaigns=campaigns,
        groups=groups,
        badges=badges,
        allotments=allotments,
        refunds=refunds,
        exchange=exchange,
        accept_late=accept_late,
        accept_early=accept_early,
        fairness=build_fairness(draft),
        source=draft.notes.text,
        file=draft.notes.file,
    )
    programme = evolve(programme, examples=build_examples(draft, programme))
    return evolve(programme, revision=revision_of(programme))
