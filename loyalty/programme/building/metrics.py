"""The metrics: what they measure, of whom, and over which days."""

from __future__ import annotations

from loyalty.core.amounts import INT64_MAX
from loyalty.core.calendar import Duration, Period
from loyalty.core.holders import Layer
from loyalty.programme.building.draft import Draft, layer_words
from loyalty.programme.building.scopes import event_symbols, measured_symbols
from loyalty.programme.model import EventKind, FieldType, Role
from loyalty.programme.nodes import Scalar
from loyalty.programme.notes import did_you_mean
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import KeyPart, Subject
from loyalty.rules.expressions import BOOL, Expression
from loyalty.tiers.declaration import Measure, Metric, Window, WindowKind

_SUBJECTS = {subject.value: subject for subject in Subject}
_NOW = Window(kind=WindowKind.NOW)

#: An event that can be corrected later keeps one bit for each metric of a layer.
MOST_METRICS = 62

#: Keys that only some measures have.
_ONLY = {
    "of": ("sum", "distinct"),
    "when": ("count", "sum", "distinct"),
    "while": ("count", "distinct"),
}


def build_metrics(draft: Draft) -> None:
    """Read all metrics; their expressions see only the event."""
    for key, section in draft.root.get("metrics") or ():
        if section is not None and (metric := _metric(key, section, draft)) is not None:
            draft.metrics[key.text] = metric
    for layer in Layer:
        _check_number(layer, draft)


def _check_number(layer: Layer, draft: Draft) -> None:
    """Note the first metric beyond those that an event which can be corrected later can remember."""
    metrics = [metric for metric in draft.metrics.values() if metric.layer is layer]
    corrected = {kind.origin_kind for kind in draft.kinds.values() if kind.origin_kind is not None}
    if len(metrics) > MOST_METRICS and any(metric.kind in corrected for metric in metrics):
        draft.notes.add(
            "too-many-metrics", metrics[MOST_METRICS].place,
            f"each event that can be refunded, ended or followed remembers which metrics of {layer_words([layer])} "
            f"counted it, and has room for {MOST_METRICS}",
            "leave out metrics that nothing reads",
            got=f"metric {MOST_METRICS + 1} of {len(metrics)}, `{metrics[MOST_METRICS].name}`",
        )  # fmt: skip


def _metric(key: Scalar, section: Section, draft: Draft) -> Metric | None:
    measure = next((m for m in Measure if section.has(m.value)), None)
    if measure is None or section.get(measure.value) is None or not section.is_clear("holder"):
        return None
    word = measure.value
    for stray in [name for name, measures in _ONLY.items() if section.has(name) and word not in measures]:
        draft.notes.add(
            "conflicting-keys", section.names[stray], f"`{stray}` has no meaning beside `{word}`", "leave it out"
        )
    window = _window(measure, section, draft)
    layer: Layer = section.value("holder", Layer.PARTNER)
    if measure in (Measure.EARNED, Measure.BALANCE):
        currency = draft.currency(section.get(word).node)
        if currency is None or window is None:
            return None
        return Metric(
            name=key.text, layer=layer, measure=measure, window=window, currency=currency.name, place=key.place
        )
    kind = _kind(measure, section, draft)
    if kind is None:
        return None
    by = _distinct(section.get(word), kind, draft) if measure is Measure.DISTINCT else None
    if by is not None and section.has("while"):
        _check_key(by, section.get(word), kind, draft)
    when = _expression("when", section, kind, draft)
    of = _expression("sum", section, kind, draft) if measure is Measure.SUM else None
    if window is None or (measure is Measure.SUM and of is None) or (measure is Measure.DISTINCT and by is None):
        return None
    if section.has("when") and when is None:
        return None
    return Metric(
        name=key.text,
        layer=layer,
        measure=measure,
        window=window,
        kind=kind.name,
        when=when,
        of=of,
        by=by,
        while_not_ended=bool(section.value("while", False)),
        place=key.place,
    )


def _kind(measure: Measure, section: Section, draft: Draft) -> EventKind | None:
    word = "count" if measure is Measure.COUNT else "of"
    name: Item[str] | None = section.get(word)
    if name is None:
        if not section.has(word):
            draft.notes.add("missing-key", section.node, f"`{measure.value}` is of events of a kind", "add `of: KIND`")
        return None
    kind = draft.kind(name.node)
    if kind is None:
        return None
    if (
        section.has("while")
        and not draft.unrelated
        and not any(other.role is Role.ENDS and other.origin_kind == kind.name for other in draft.kinds.values())
    ):
        draft.notes.add(
            "never-ends", section.at("while"), f"no kind of event ends {kind.name}",
            f"declare one, such as `{kind.name.split('.')[0]}.expired: {{ends: {kind.name}, by: [person]}}`",
        )  # fmt: skip
    return kind


def _distinct(name: Item[str], kind: EventKind, draft: Draft) -> KeyPart | None:
    if name.value in _SUBJECTS:
        return _SUBJECTS[name.value]
    spec = kind.fields.get(name.value)
    if spec is None and draft.is_unread(kind.name, name.value):
        return None
    if spec is None:
        fix = did_you_mean(name.value, [*_SUBJECTS, *kind.fields], "things to count")
        draft.notes.add("unknown-field", name.node, f"{kind.name} has no such field", fix)
        return None
    if spec.type is FieldType.MONEY:
        draft.notes.add(
            "wrong-type", name.node, "different amounts of money are not counted", "name a text, one_of or int field"
        )
        return None
    return spec.name


def _check_key(by: KeyPart, name: Item[str], kind: EventKind, draft: Draft) -> None:
    """Note a value of which could not be told whether it is still in force, because ends do not name it."""
    for ending in draft.kinds.values():
        if ending.role is not Role.ENDS or ending.origin_kind != kind.name or ending.name in draft.doubtful:
            continue
        if by not in ending.by:
            draft.notes.add(
                "not-in-key", name.node,
                f"{ending.name} does not say which {name.value} it ends, so that none could be counted as in force",
                f"add {name.value} to the `by` of {ending.name}, or count one of its parts",
            )  # fmt: skip
            return


def _expression(word: str, section: Section, kind: EventKind, draft: Draft) -> Expression | None:
    item: Item[str] | None = section.get(word)
    if item is None:
        return None
    history = draft.kind_in_history(kind)
    expression = draft.expression(
        item,
        event_symbols(history) if word == "when" else measured_symbols(history, draft),
        BOOL if word == "when" else None,
        kind,
    )
    if expression is None or word == "when":
        return expression
    if expression.interval is None:
        draft.notes.add(
            "wrong-result-type", item.node, f"a sum is of numbers, and this is a {expression.type}",
            "write a number or an amount, such as event.amount",
        )  # fmt: skip
        return None
    most = max(abs(expression.interval.lo), abs(expression.interval.hi)) * draft.most_events
    if most > INT64_MAX and draft.limits_read:
        draft.notes.add(
            "possible-overflow", item.node,
            f"{draft.most_events} events of up to {most // draft.most_events} leave 64 bits",
            "lower the field's `max`, or `limits.events_per_holder`",
        )  # fmt: skip
        return None
    return expression


def _window(measure: Measure, section: Section, draft: Draft) -> Window | None:
    counts_now = measure is Measure.BALANCE or section.has("while")
    read = section.get("window")
    if read is None:
        if section.has("window"):
            return None
        if counts_now:
            return _NOW
        draft.notes.add(
            "missing-key", section.node, "a metric needs its `window`",
            "add for example `window: calendar_year`, or `window: lifetime`",
        )  # fmt: skip
        return None
    if isinstance(read, Section):
        window = _trailing(read)
    elif read.value in ("lifetime", "now"):
        window = Window(kind=WindowKind(read.value))
    elif read.value == "anniversary_year":
        window = Window(kind=WindowKind.ANNIVERSARY)
    else:
        window = Window(kind=WindowKind.CALENDAR, period=Period(read.value.removeprefix("calendar_")))
    if window is not None and counts_now != (window.kind is WindowKind.NOW):
        what = "a balance" if measure is Measure.BALANCE else "what is in force"
        why = f"{what} is looked at now" if counts_now else "only a balance, or `while: not_ended`, is looked at now"
        if section.has_strays:
            return None
        draft.notes.add(
            "wrong-window", section.at("window"), why, "leave `window` out" if counts_now else "write a period"
        )
        return None
    return window


def _trailing(section: Section) -> Window | None:
    length: Duration | None = section.value("trailing")
    return None if length is None else Window(kind=WindowKind.TRAILING, length=length)
