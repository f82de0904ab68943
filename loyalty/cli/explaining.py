"""What ``loyalty explain`` prints: explanations in a language, as lines for people or as a document for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loyalty.cli.printing import print_line, print_table, stdout
from loyalty.core.amounts import format_minor_units
from loyalty.core.calendar import NEVER, format_day
from loyalty.core.events import VOID, Event
from loyalty.engine import Engine
from loyalty.engine.answers import Answers
from loyalty.engine.declarations import Declarations
from loyalty.engine.refusing import why_not
from loyalty.explaining.languages import Language
from loyalty.explaining.reading import moment_of
from loyalty.explaining.said import Day, Value, said
from loyalty.explaining.steps import Explanation, LineKind
from loyalty.explaining.words import amount_of, unit_amount
from loyalty.ledger.store import Store
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.explaining import Explained, Fate

_STYLES = {LineKind.RULE: "bold cyan", LineKind.REFUSED: "dim"}


def answered(store: Store, programme: Programme | None, asked: str, rule: str | None) -> Explanation:
    """
    Have a book answer.

    Args:
        programme: What it is settled under, or None for what the book itself keeps.
        asked: An event's id or identity, an entry's key, or a command's.
        rule: Why this rule did not pay, or None for why what was posted was.
    """
    engine = Engine(programme, store) if programme is not None else None
    with store.transaction(read_only=True) as tx:
        if tx.find_event(asked) is None and tx.find_event(f"/{asked}") is not None:
            asked = f"/{asked}"
        if engine is None:
            answers = Answers(Declarations())
            return answers.why(tx, asked) if rule is None else why_not(answers, tx, asked, rule)
    return engine.why(asked) if rule is None else engine.why_not(asked, rule)


def print_answer(answer: Explanation, tongue: Language) -> None:
    """Print an explanation from a book."""
    out = stdout()
    head, *lines = answer.text(tongue.code).splitlines()
    print_line(out, head, style="bold")
    for line in lines:
        print_line(out, line)


def print_explained(programme: Programme, asked: Event, explained: Explained, tongue: Language) -> None:
    """Print why an event of a file was settled as it was, what it posts, and whether the one adds up to the other."""
    out = stdout()

    def tell(key: str, /, **values: Value) -> str:
        return tongue.tell(said(key, **values))

    event = explained.event
    for line in _fate_lines(programme, asked, explained, tongue):
        print_line(out, line, style="yellow")
    print_line(out, f"{event.kind} {event.identity}, {_when(programme, event, tongue)}", style="bold")
    for line in _inputs(programme, event, tongue):
        print_line(out, f"  {line}")
    for holder, tier in explained.tiers.items():
        print_line(out)
        is_partner = holder.startswith("partner:")
        print_line(out, tell("told.at_tier", holder=holder, tier=tier) if is_partner else holder, style="bold")
        lines = list(explained.explanation.lines(holder, tongue))
        if not lines:
            print_line(out, "  " + tell("told.nothing_moves"))
        for told in lines:
            print_line(out, f"  {told}", style=_STYLES.get(told.kind, ""))
    print_line(out)
    if explained.entry is None:
        print_line(out, tell("told.posts_nothing"))
        return
    key = "told.entry_without_void" if explained.fate is Fate.VOIDED else "told.entry"
    print_line(out, tell(key, key=explained.entry.key), style="bold")
    columns = (("from", False), ("to", False), ("amount", True), ("last_day", False), ("rule", False))
    headings = [(tell(f"told.{name}"), is_number) for name, is_number in columns]
    print_table(out, headings, _rows(programme, explained, tongue))
    differences = explained.differences()
    if not differences:
        print_line(out, tell("told.adds_up"), style="green")
    for (holder, rule, currency), amount in differences.items():
        more = amount_of(programme, currency, amount)
        print_line(out, tell("told.beyond", holder=holder, rule=rule, amount=more), style="bold red")


def _fate_lines(programme: Programme, asked: Event, explained: Explained, tongue: Language) -> Iterator[str]:
    event = explained.event
    if asked.kind == VOID and asked is event:
        yield tongue.tell(said("told.void_of_nothing", void=asked.identity, of=str(asked.origin)))
    elif explained.fate is Fate.VOIDED:
        void = asked if asked.kind == VOID else explained.voids[0]
        when = _when(programme, void, tongue)
        yield tongue.tell(said("told.voided_by", event=event.identity, void=void.identity, when=when))
        yield tongue.tell(said("told.without"))
    elif explained.fate is Fate.WAITING:
        yield tongue.tell(said("told.waits", of=str(event.origin)))


def _when(programme: Programme, event: Event, tongue: Language) -> str:
    calendar = programme.calendar
    local = calendar.local(event.occurred_at)
    if (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0):
        return tongue.tell(Day(calendar.day_of(event.occurred_at)))
    return f"{tongue.tell(moment_of(calendar, event.occurred_at))} {calendar.timezone}"


def _inputs(programme: Programme, event: Event, tongue: Language) -> Iterator[str]:
    named = (("partner", event.partner), ("person", event.person), ("of", event.of))
    yield ", ".join(tongue.tell(said(f"told.{key}", name=name)) for key, name in named if name)
    kind = programme.events.get(event.kind)
    texts = []
    for name, value in event.fields.items():
        spec = kind.fields.get(name) if kind else None
        shown: Value
        if isinstance(value, bool):
            shown = said("value.yes" if value else "value.no")
        elif isinstance(value, int):
            shown = unit_amount(programme, spec.unit if spec and spec.unit else "", value)
        else:
            shown = value
        texts.append(f"{name} {tongue.tell(shown)}")
    if texts:
        yield ", ".join(texts)


def _rows(programme: Programme, explained: Explained, tongue: Language) -> Iterator[tuple[str, ...]]:
    for debit, credit, amount in transfers(explained.entry.postings if explained.entry else ()):
        lots = [leg.lot_day for leg in (debit, credit) if leg.lot_day is not None and leg.lot_day < NEVER]
        known = debit.asset in currencies_of(programme)
        shown = tongue.tell(amount_of(programme, debit.asset, amount)) if known else debit.asset
        last_day = tongue.tell(Day(lots[0] - 1)) if lots else ""
        yield (debit.account.path, credit.account.path, shown, last_day, credit.rule or "")


def record_of(programme: Programme, asked: Event, explained: Explained, code: str) -> dict[str, Any]:
    """Give why an event of a file was settled as it was as plain JSON types, sentences in the language of a code."""
    differences = explained.differences()
    return {
        "ok": not differences,
        "event": explained.event.identity,
        "asked": asked.identity,
        "fate": explained.fate.value,
        "revision": programme.revision,
        "language": code,
        "tiers": dict(explained.tiers),
        "steps": [step.to_json(code) for step in explained.explanation.steps],
        "postings": [
            {
                "account": posting.account.path,
                "asset": posting.asset,
                "amount": format_minor_units(
                    posting.amount,
                    currencies_of(programme)[posting.asset].scale if posting.asset in currencies_of(programme) else 0,
                ),
                "lot_day": None if posting.lot_day is None else format_day(posting.lot_day),
                "rule": posting.rule,
            }
            for posting in (explained.entry.postings if explained.entry else ())
        ],
        "adds_up": not differences,
    }
