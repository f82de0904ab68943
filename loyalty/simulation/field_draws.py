"""
How a scenario says what a field holds, by the field's declared type.

``5`` or ``2000.00 EUR`` is always that; ``1..4`` each number as likely; ``{median: 9000 EUR, sigma: 1.1}`` many small
and a few large; ``{empirical: [...]}`` as it was observed, from values or from quantiles; ``{cloud: 5, security: 3}``
one of these by weight; ``{label: region}`` what the partner's label says. Every value must be one that the field may
hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise

from loyalty.core.amounts import format_minor_units, parse_decimal
from loyalty.core.events import FieldValue
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.programme.nodes import Mapping, Node, Scalar, Sequence
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.programme.scalars import Number
from loyalty.programme.units import digits_of, split_money
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, OfLabel, Quantiles, Uniform

_SIGMA = Number("a sigma such as 1.1")
_MOST_SIGMA = 5
_NUMBERS = (FieldType.MONEY, FieldType.INT)
_TEXTS = (FieldType.TEXT, FieldType.ONE_OF)


def bounds(text: str) -> tuple[int, int]:
    """
    Read ``3`` or ``1..4`` as the lowest and the highest.

    Raises:
        ValueError: not whole numbers, or the first is above the second.

    >>> bounds("3"), bounds("1..4")
    ((3, 3), (1, 4))
    """
    match = re.fullmatch(r"\s*([+-]?[\d_]+)(?:\s*\.\.\s*([+-]?[\d_]+))?\s*", text)
    if not match:
        raise ValueError(f"{text!r} is no whole number and no range of them")
    lowest, highest = int(match[1]), int(match[2] or match[1])
    if lowest > highest:
        raise ValueError(f"{text!r} begins above its end")
    return lowest, highest


def read_draw(node: Node, spec: FieldSpec, notes: Notes) -> Distribution | None:
    """Read what a field holds; None where a finding was noted."""
    if isinstance(node, Mapping):
        if spec.type in _NUMBERS and {"median", "sigma"} & set(node.by_name):
            return _lognormal(node, spec, notes)
        if spec.type in _NUMBERS and "empirical" in node.by_name:
            return _quantiles(node, spec, notes)
        if spec.type in _TEXTS and _names_label(node):
            return OfLabel(_label(node).text)
        return _weights(node, spec, notes)
    if not isinstance(node, Scalar):
        notes.add("wrong-type", node, f"{spec.name} holds one value", "write weights as a mapping: {cloud: 5, data: 3}")
        return None
    if spec.type in _NUMBERS and ".." in node.text:
        return _range(node, spec, notes)
    value = _value(node, spec, notes)
    return None if value is None else Constant(value)


def _lognormal(node: Mapping, spec: FieldSpec, notes: Notes) -> LogNormal | None:
    for key, _ in node.entries:
        if key.text not in ("median", "sigma"):
            fix = did_you_mean(key.text, ("median", "sigma"), "keys")
            notes.add("unknown-key", key, "a lognormal draw has no such key", fix)
    if "median" not in node.by_name:
        notes.add("missing-key", node, "a lognormal draw needs the key `median`", "add `median:` with an amount")
        return None
    median_node = node.by_name["median"]
    median = _value(median_node, spec, notes) if isinstance(median_node, Scalar) else None
    sigma = Fraction(1)
    if "sigma" in node.by_name:
        item = _SIGMA.read(node.by_name["sigma"], notes)
        if item is None:
            return None
        sigma = item.value
        if sigma > _MOST_SIGMA:
            notes.add("out-of-range", item.node, f"a sigma lies between 0 and {_MOST_SIGMA}", "write about 1")
    if not isinstance(median, int):
        if not isinstance(median_node, Scalar):
            notes.add("wrong-type", median_node, "a median is one amount", "write for example 9000")
        return None
    return LogNormal(median, sigma, spec.lowest, spec.highest)


def _quantiles(node: Mapping, spec: FieldSpec, notes: Notes) -> Quantiles | None:
    """Read values that were observed, in any order, or the value of each share of all from 0 % to 100 %."""
    for key, _ in node.entries:
        if key.text != "empirical":
            notes.add("unknown-key", key, "an empirical draw has no such key", "leave it out")
    given = node.by_name["empirical"]
    if isinstance(given, Sequence):
        values = [_value(item, spec, notes) for item in given.items if isinstance(item, Scalar)]
        if len(values) < 2 or len(values) != len(given.items):
            notes.add("wrong-type", given, "an empirical draw needs two values or more", "write [900, 4000, 25000]")
            return None
        known = sorted(value for value in values if isinstance(value, int))
        last = len(values) - 1
        points = tuple((place / last, value) for place, value in enumerate(known))
        return Quantiles(points, spec.lowest, spec.highest) if len(known) == len(values) else None
    if not isinstance(given, Mapping):
        fix = "write {empirical: [900, 4000, 25000]} or {empirical: {0 %: 100, 50 %: 4000, 100 %: 90000}}"
        notes.add("wrong-type", given, "an empirical draw is a list of values, or values by share", fix)
        return None
    return _points(given, spec, notes)


def _points(given: Mapping, spec: FieldSpec, notes: Notes) -> Quantiles | None:
    points: list[tuple[float, int]] = []
    for key, node in given.entries:
        share = _share_of(key, notes)
        value = _value(node, spec, notes) if isinstance(node, Scalar) else None
        if not isinstance(node, Scalar):
            notes.add("wrong-type", node, f"{spec.name} holds one value", _fix(spec))
        if share is None or not isinstance(value, int):
            return None
        points.append((share, value))
    rises = all(before[0] < after[0] and before[1] <= after[1] for before, after in pairwise(points))
    if len(points) < 2 or points[0][0] != 0 or points[-1][0] != 1 or not rises:
        why = "the shares rise from 0 % to 100 %, and their values do not fall"
        notes.add("bad-value", given, why, "write {0 %: 100, 50 %: 4000, 100 %: 90000}")
        return None
    return Quantiles(tuple(points), spec.lowest, spec.highest)


def _share_of(key: Scalar, notes: Notes) -> float | None:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", key.text)
    if match and float(match[1]) <= 100:
        return float(Fraction(match[1]) / 100)
    notes.add("bad-value", key, f"{key.text!r} is no share from 0 % to 100 %", "write for example 50 %")
    return None


def _label(node: Mapping) -> Scalar:
    found = node.by_name["label"]
    assert isinstance(found, Scalar)
    return found


def _names_label(node: Mapping) -> bool:
    """Whether it is {label: region}; {label: 5} is the weight of a value of that name."""
    found = node.by_name.get("label")
    return len(node.entries) == 1 and isinstance(found, Scalar) and not found.text.isdigit()


def _weights(node: Mapping, spec: FieldSpec, notes: Notes) -> Choice | None:
    values: list[FieldValue] = []
    weights: list[int] = []
    for key, weight_node in node.entries:
        value = _value(key, spec, notes)
        text = weight_node.text if isinstance(weight_node, Scalar) else ""
        if not re.fullmatch(r"\d{1,9}", text):
            notes.add("not-whole", weight_node, "a weight is a whole number from 0", "write for example 3")
        elif value is not None:
            values.append(value)
            weights.append(int(text))
    if values and not sum(weights):
        notes.add("out-of-range", node, "all weights are 0, and nothing can be drawn", "give one a weight above 0")
        return None
    return Choice(tuple(values), tuple(weights)) if values else None


def _range(node: Scalar, spec: FieldSpec, notes: Notes) -> Uniform | None:
    lowest, _, highest = node.text.partition("..")
    if spec.type is FieldType.MONEY and spec.unit and spec.unit not in lowest:
        lowest = f"{lowest} {spec.unit}"
    ends = [_value(node, spec, notes, text=text) for text in (lowest, highest)]
    if not (isinstance(ends[0], int) and isinstance(ends[1], int)):
        return None
    if ends[0] > ends[1]:
        notes.add("bad-value", node, "the range begins above its end", "write the lower number first")
        return None
    return Uniform(ends[0], ends[1])


def _value(node: Scalar, spec: FieldSpec, notes: Notes, text: str | None = None) -> FieldValue | None:
    """Read one value of the field's type; None where a finding was noted."""
    written = (node.text if text is None else text).strip()
    try:
        value = _READERS[spec.type](written, spec)
    except ValueError as error:
        notes.add("bad-value", node, f"{spec.name} cannot hold it: {error}", _fix(spec))
        return None
    if spec.type is FieldType.ONE_OF and value not in spec.values:
        why = f"it is none of the values of {spec.name}"
        notes.add("unknown-name", node, why, did_you_mean(written, spec.values, "values"))
        return None
    if spec.type in _NUMBERS and not spec.lowest <= int(value) <= spec.highest:
        scale = digits_of(spec.unit) if spec.unit else 0
        low, high = (format_minor_units(bound, scale) for bound in (spec.lowest, spec.highest))
        notes.add("out-of-range", node, f"{spec.name} lies between {low} and {high}", "write a value within its range")
        return None
    return value


def _money(text: str, spec: FieldSpec) -> int:
    value, unit = split_money(text) if re.search(r"[A-Za-z]", text) else (parse_decimal(text), spec.unit or "")
    if unit != (spec.unit or ""):
        raise ValueError(f"it is declared in {spec.unit} and not in {unit}")
    minor_units = Fraction(value * 10 ** digits_of(unit))
    if minor_units.denominator != 1:
        raise ValueError(f"{unit} has {digits_of(unit)} digits after the point")
    return int(minor_units)


def _int(text: str, spec: FieldSpec) -> int:  # noqa: ARG001
    if not re.fullmatch(r"[+-]?\d[\d_]*", text):
        raise ValueError("it is a whole number")
    return int(text)


def _bool(text: str, spec: FieldSpec) -> bool:  # noqa: ARG001
    if text not in ("true", "false"):
        raise ValueError("it is true or false")
    return text == "true"


def _text(text: str, spec: FieldSpec) -> str:  # noqa: ARG001
    return text


_READERS: dict[FieldType, Callable[[str, FieldSpec], FieldValue]] = {
    FieldType.MONEY: _money,
    FieldType.INT: _int,
    FieldType.BOOL: _bool,
    FieldType.TEXT: _text,
    FieldType.ONE_OF: _text,
}


def _fix(spec: FieldSpec) -> str:
    examples: dict[FieldType, Iterable[str]] = {
        FieldType.MONEY: ("9000.00 " + (spec.unit or ""), "{median: 9000.00, sigma: 1.1}"),
        FieldType.INT: ("3", "1..4"),
        FieldType.BOOL: ("true", "{true: 80, false: 20}"),
        FieldType.ONE_OF: spec.values,
        FieldType.TEXT: ("a text",),
    }
    return f"write for example {' or '.join(examples[spec.type])}"
