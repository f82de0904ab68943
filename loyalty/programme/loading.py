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
from loyalty.programme.building.revising import build_from_day, check_kept
from loyalty.programme.building.rules import build_campaigns, build_groups, build_rules, finish_rules
from loyalty.programme.building.standing import build_allotments, build_badges, build_ladder, build_tiers
from loyalty.programme.building.totals import bound_balances
from loyalty.programme.building.wallets import build_wallets
from loyalty.programme.language import FILE, LANGUAGE_VERSION
from loyalty.programme.model import Programme
from loyalty.programme.nodes import Node
from loyalty.programme.notes import Notes
from loyalty.programme.revision import revision_of
from loyalty.programme.revisions import revisions_of
from loyalty.programme.sections import Item, Section
from loyalty.programme.yaml_reading import read_yaml


def load(path: str | PathLike[str]) -> Programme:
    """
    Load a programme file, and those of the revisions before it.

    Raises:
        ProgrammeError: with every finding, those of earlier files first, in the order of each file.
    """
    return _load(Path(path), str(path), ())


def loads(text: str, file: str = "<text>", *, before: Programme | None = None, node: Node | None = None) -> Programme:
    """
    Load a programme from its text.

    Args:
        text: The whole file.
        file: Its name, for places.
        before: The revision before it, where it is a later one; what it says of its file is then not looked at.
        node: What the text says as YAML, where somebody knows.

    Raises:
        ProgrammeError: with every finding, in the order of the file.
    """
    notes = Notes(text, file)
    root = _read(notes, node)
    revision = root.node.by_name.get("revision")
    if before is None and revision is not None:
        notes.add(
            "no-earlier", revision, "it is a later revision, and the one before it was not given",
            "load it from its file, or give `before`",
        )  # fmt: skip
    if before is not None and revision is None:
        _note_no_day(notes, before)
    return _built(notes, root, before)


def _load(path: Path, file: str, following: tuple[Path, ...]) -> Programme:
    """
    Load a file.

    Args:
        following: The files of the revisions after it.
    """
    notes = Notes(_text_of(path, file), file)
    root = _read(notes)
    section: Section | None = root.get("revision")
    if section is None:
        return _built(notes, root, None)
    after: Item[str] | None = section.get("after")
    before: Programme | None = None
    found: tuple[Finding, ...] = ()
    if after is None:
        if not section.has("after") and not section.has_strays:
            notes.add(
                "no-earlier", section.node, "a revision with a `from` is a later one, and does not say of which file",
                "add `after: FILE`, the file of the revision before it, or leave `revision` out of a first one",
            )  # fmt: skip
    else:
        before, found = _earlier(path, file, after, (*following, path.resolve()), notes)
    try:
        programme = _built(notes, root, before)
    except ProgrammeError as error:
        raise ProgrammeError([*found, *error.findings]) from None
    if found:
        raise ProgrammeError(found)
    return programme


def _earlier(
    path: Path, file: str, after: Item[str], following: tuple[Path, ...], notes: Notes
) -> tuple[Programme | None, tuple[Finding, ...]]:
    """Load the revision before a file, or give what is wrong with it."""
    place = path.parent / after.value
    if place.resolve() in following:
        notes.add(
            "revision-cycle", after.node, "that file comes after this one, or is this one itself",
            "name the file of the revision before this one",
        )  # fmt: skip
        return None, ()
    if not place.is_file():
        notes.add("no-file", after.node, f"there is no file {place}", "mend the path, which is relative to this file")
        return None, ()
    try:
        return _load(place, str(Path(file).parent / after.value), following), ()
    except ProgrammeError as error:
        return None, error.findings


def _text_of(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        finding = Finding("no-file", Place(file), f"`{file}`", f"it cannot be read: {error.strerror}", "check the path")
        raise ProgrammeError([finding]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProgrammeError(
            [Finding("not-utf-8", Place(file, line, 1), "bytes that are no UTF-8", str(error), "save it as UTF-8")]
        ) from None


def _read(notes: Notes, node: Node | None = None) -> Section:
    """Read the shape of a file."""
    if node is None:
        node = read_yaml(notes.text, notes)
    if node is None:
        if not notes.findings:
            notes.add(
                "empty-file",
                Place(notes.file, 1, 1),
                "there is no programme in it",
                "start with `language: 1`",
                got="an empty file",
            )
        raise ProgrammeError(notes.result())
    root = None
    if not notes.is_another_file(node, expected="programme", found="scenario", fix="give the file with `language: 1`"):
        root = FILE.read(node, notes)
    if root is None:
        raise ProgrammeError(notes.result())
    return root


def _built(notes: Notes, root: Section, before: Programme | None) -> Programme:
    programme = _build(Draft(notes, root, before))
    notes.raise_if_any()
    return programme


def _note_no_day(notes: Notes, before: Programme) -> None:
    notes.add(
        "missing-key", Place(notes.file, 1, 1), f"it comes after {before.file}, and does not say from when",
        "add `revision: {from: 2027-01-01}`, its first day", got="a later revision without `revision`",
    )  # fmt: skip


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
    earned, held = bound_balances(drafts, allotments, draft)
    bounds = earned if all_known else None
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
        from_day=build_from_day(draft),
        earlier=revisions_of(draft.before) if draft.before is not None else (),
        most_earned=earned,
        most_held=held,
        source=draft.notes.text,
        file=draft.notes.file,
    )
    check_kept(draft, programme)
    programme = evolve(programme, examples=build_examples(draft, programme))
    return evolve(programme, revision=revision_of(programme))
