"""Explanations: what was done, step by step, in numbers, and told in a language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen

from loyalty.core.calendar import NEVER, format_day
from loyalty.explaining.languages import ENGLISH, Language, language
from loyalty.explaining.said import Noun, Said, said
from loyalty.ledger.entries import MIGRATION


@frozen
class Moved:
    """
    What a step moved of one asset, from one account to another.

    Args:
        source, target: Paths of accounts, as in the journal.
        asset: A currency, or a standing held as one unit.
        amount: Minor units, > 0.
        lot_day: The day at whose start it expires.
    """

    source: str
    target: str
    asset: str
    amount: int
    lot_day: int


@frozen
class Step:
    """
    One step of an explanation.

    Args:
        name: What was done: ``base``, ``multiply``, ``cap``, ``paid``, ``skip``, ``reverse``, ...
        holder: Whose wallet or standing.
        rule: The rule's name, or None.
        currency: The currency's name, or None.
        numbers: The recorded numbers; amounts are minor units.
        said: One sentence for people, in no language yet.
        moved: What of the entry's postings it stands for.
    """

    name: str
    holder: str
    rule: str | None
    currency: str | None
    numbers: tuple[Any, ...]
    said: Said
    moved: tuple[Moved, ...] = ()

    @property
    def text(self) -> str:
        """The sentence in English."""
        return self.told("en")

    def told(self, code: str) -> str:
        """Tell the step in the language of a code."""
        return language(code).tell(self.said)

    def to_json(self, code: str = "en") -> dict[str, Any]:
        """Give the step as plain JSON types, its sentence in the language of a code."""
        return {
            "name": self.name,
            "holder": self.holder,
            "rule": self.rule,
            "currency": self.currency,
            "numbers": list(self.numbers),
            "text": self.told(code),
            "moved": [
                {
                    "from": moved.source,
                    "to": moved.target,
                    "asset": moved.asset,
                    "amount": moved.amount,
                    "last_usable_day": format_day(moved.lot_day - 1) if moved.lot_day < NEVER else None,
                }
                for moved in self.moved
            ],
        }


class LineKind(Enum):
    """What a line of a told explanation is."""

    RULE = "rule"
    STEP = "step"
    REFUSED = "refused"
    OTHER = "other"


@frozen
class ToldLine:
    """One line of a told explanation."""

    kind: LineKind
    text: str

    def __str__(self) -> str:
        return f"  {self.text}" if self.kind is LineKind.STEP else self.text


@frozen
class Explanation:
    """
    Why one event, command or turn of the clock moved what it moved.

    What its steps moved adds up to what is posted, for each account and asset.

    Args:
        identity: The event's identity, the command's key, or the entry's.
        revision: The revision that it was settled under.
        steps: What was done, holder by holder.
        of: ``event``, ``command``, ``clock`` or ``correction``.
        late: Of a correction: the identity of the event that came late, or the name of the migration.
        corrected: Of a correction: each event that it corrects, with the steps before and now.
        tiers: The partner's tier just before, by holder, where it was recorded.
    """

    identity: str
    revision: str
    steps: tuple[Step, ...] = field(factory=tuple)
    of: str = "event"
    late: str | None = None
    corrected: tuple[Corrected, ...] = ()
    tiers: Mapping[str, str] = field(factory=dict, hash=False)

    def moved(self) -> Mapping[tuple[str, str], int]:
        """Give the minor units by (account path, asset) that all steps together moved; zeros are left out."""
        sums: dict[tuple[str, str], int] = {}
        for step in self.steps:
            for moved in step.moved:
                for path, amount in ((moved.source, -moved.amount), (moved.target, moved.amount)):
                    sums[path, moved.asset] = sums.get((path, moved.asset), 0) + amount
        return {key: amount for key, amount in sums.items() if amount}

    def paid(self) -> Mapping[tuple[str, str, str], int]:
        """Give the minor units that each (holder, rule, currency) was paid, by the explanation alone."""
        amounts: dict[tuple[str, str, str], int] = {}
        for step in self.steps:
            if step.name == "paid":
                key = (step.holder, str(step.rule), str(step.currency))
                amounts[key] = amounts.get(key, 0) + step.numbers[0]
        return amounts

    def __str__(self) -> str:
        return self.text()

    def text(self, code: str = "en") -> str:
        """Tell everything in the language of a code, a line for each step."""
        tongue = language(code)
        lines = [tongue.tell(self.head())]
        if self.late is not None:
            key = "migration" if self.late.startswith(MIGRATION) else "late"
            lines.append(f"  {tongue.tell(said(key, late=self.late))}")
        for holder in self.holders():
            lines.append(f"  {holder}")
            lines += [f"    {line}" for line in self.lines(holder, tongue)]
        for one in self.corrected:
            for key, explanation in (("corrected.before", one.before), ("corrected.now", one.now)):
                # What the clock moved has no event that would name it.
                lines.append(f"  {tongue.tell(said(key, cause=explanation.identity or said('corrected.clock')))}")
                for holder in explanation.holders():
                    lines.append(f"    {holder}")
                    lines += [f"      {line}" for line in explanation.lines(holder, tongue)]
        return "\n".join(lines)

    def head(self) -> Said:
        """Say what is explained, and the revision under which it was settled."""
        return said("head", what=Noun(f"head.{self.of}", 1), identity=self.identity, revision=self.revision[:12])

    def holders(self) -> list[str]:
        """Give the holders of the steps in order."""
        return list(dict.fromkeys(step.holder for step in self.steps))

    def lines(self, holder: str, tongue: Language = ENGLISH) -> Iterator[ToldLine]:
        """Tell one holder's steps: what moved, rule by rule, what followed, and the rules that did not apply."""
        steps = [step for step in self.steps if step.holder == holder]
        refused = []
        first = next((place for place, step in enumerate(steps) if step.rule is not None), len(steps))
        for step in steps[:first]:
            yield ToldLine(LineKind.OTHER, tongue.tell(step.said))
        for rule in dict.fromkeys(step.rule for step in steps if step.rule is not None):
            own = [step for step in steps if step.rule == rule]
            if len(own) == 1 and own[0].name == "skip":
                refused.append(said("rule.refused", rule=rule, why=own[0].said))
                continue
            yield ToldLine(LineKind.RULE, tongue.tell(_heading(rule)))
            for step in own:
                yield ToldLine(LineKind.STEP, tongue.tell(step.said))
        for step in steps[first:]:
            if step.rule is None:
                yield ToldLine(LineKind.OTHER, tongue.tell(step.said))
        for refusal in refused:
            yield ToldLine(LineKind.REFUSED, tongue.tell(refusal))

    def to_json(self, code: str = "en") -> dict[str, Any]:
        """Give the explanation as plain JSON types, its sentences in the language of a code."""
        return {
            "of": self.of,
            "identity": self.identity,
            "revision": self.revision,
            "language": code,
            "tiers": dict(self.tiers),
            "steps": [step.to_json(code) for step in self.steps],
            **({"late": self.late} if self.late is not None else {}),
            **(
                {
                    "corrected": [
                        {"before": one.before.to_json(code), "now": one.now.to_json(code)} for one in self.corrected
                    ]
                }
                if self.corrected
                else {}
            ),
        }


@frozen
class Corrected:
    """What one event's steps were before a correction, and what they are now; their difference is what it posts."""

    before: Explanation
    now: Explanation


def _heading(rule: str) -> Said:
    """Name a rule, or what else the postings name: the clock's reasons and the commands'."""
    if not rule.startswith("@"):
        return said("rule", rule=rule)
    kind, _, name = rule.removeprefix("@").partition(".")
    return said(f"label.{kind}", name=name) if name else said(f"label.{kind}")
