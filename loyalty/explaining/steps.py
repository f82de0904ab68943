"""Explanations: what was done, step by step, in numbers, and told in a language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen

from loyalty.explaining.languages import ENGLISH, Language, language
from loyalty.explaining.said import Noun, Said, said


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
    """

    name: str
    holder: str
    rule: str | None
    currency: str | None
    numbers: tuple[Any, ...]
    said: Said

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

    The amounts of its ``paid`` steps add up to what the entry issued, for each holder, rule and currency.
    """

    identity: str
    revision: str
    steps: tuple[Step, ...] = field(factory=tuple)
    of: str = "event"

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
        for holder in self.holders():
            lines.append(f"  {holder}")
            lines += [f"    {line}" for line in self.lines(holder, tongue)]
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
        if steps and steps[0].rule is None:
            yield ToldLine(LineKind.OTHER, tongue.tell(steps[0].said))
        for rule in dict.fromkeys(step.rule for step in steps if step.rule is not None):
            own = [step for step in steps if step.rule == rule]
            if len(own) == 1 and own[0].name == "skip":
                refused.append(said("rule.refused", rule=rule, why=own[0].said))
                continue
            yield ToldLine(LineKind.RULE, tongue.tell(said("rule", rule=rule)))
            for step in own:
                yield ToldLine(LineKind.STEP, tongue.tell(step.said))
        for step in steps[1:]:
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
            "steps": [step.to_json(code) for step in self.steps],
        }
