"""
The one step of a programme, as Python source, and as functions ready to run.

``step(e, s, m, o)`` settles one item of a holder's history: ``e`` the encoded item, ``s`` the holder's scalars, ``m``
its tables and the parameters, ``o`` the output. It reads nothing else, draws nothing and calls no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

from attrs import frozen

from loyalty.core.holders import Layer
from loyalty.programme.model import Programme, Role
from loyalty.programme.revisions import chain_of
from loyalty.rules.expressions import helpers
from loyalty.settlement import drawing, runtime
from loyalty.settlement.boundary import write_boundary
from loyalty.settlement.earning import write_earning
from loyalty.settlement.encode import Encoder
from loyalty.settlement.gifts import write_taking_back, write_tier_gifts
from loyalty.settlement.laying_out import layout_of
from loyalty.settlement.layout import (
    CARRY_ITEM,
    CLOSE_ITEM,
    DRAW_ITEM,
    GIVE_BACK_ITEM,
    OVERRIDE_ITEM,
    PAY_IN_ITEM,
    Layout,
    Names,
)
from loyalty.settlement.reversing import write_end, write_follow, write_refund
from loyalty.settlement.standing import write_after_event, write_revoking
from loyalty.settlement.texts import Texts
from loyalty.settlement.versions import by_revision
from loyalty.settlement.windows import month_of_day
from loyalty.settlement.writer import Writer

#: The helpers of expressions that generated source may call.
EXPRESSION_HELPERS = ("trunc_div", "trunc_mod", "mul_div")

Step = Callable[[Any, Any, Any, Any], None]


@frozen(eq=False)
class LayerStep:
    """One layer's step: its source, and the functions made of it (the traced one records why)."""

    layout: Layout
    encoder: Encoder
    source: str
    step: Step
    boundary: Step
    traced_step: Step
    traced_boundary: Step


@frozen(eq=False)
class Steps:
    """The steps of a programme, by layer, and the names behind their whole numbers."""

    programme: Programme
    names: Names
    layers: Mapping[Layer, LayerStep]


def steps_of(programme: Programme) -> Steps:
    """Generate the steps of a programme with all its revisions; the same chain is generated once a process."""
    return _cached(_ByChain(programme))


@frozen(hash=False, eq=False)
class _ByChain:
    programme: Programme

    def __hash__(self) -> int:
        return hash((self.programme.id, chain_of(self.programme)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByChain) and (
            (self.programme.id, chain_of(self.programme)) == (other.programme.id, chain_of(other.programme))
        )


@lru_cache(maxsize=64)
def _cached(key: _ByChain) -> Steps:
    programme = key.programme
    names = Names.of(programme)
    return Steps(programme, names, {layer: _layer_step(programme, layer, names) for layer in Layer})


def _layer_step(programme: Programme, layer: Layer, names: Names) -> LayerStep:
    layout = layout_of(programme, layer, names)
    texts = Texts.of(layout)
    source = step_source(layout, texts, traced=False)
    plain = _compile(source, layout.parameters, f"<step of {programme.id}, {layer.name.lower()}>")
    # The traced variant reads the same numbers, so it gets its own copy of the layout's vectors.
    traced_layout = layout_of(programme, layer, names)
    traced_source = step_source(traced_layout, texts, traced=True)
    traced = _compile(traced_source, traced_layout.parameters, f"<traced step of {programme.id}, {layer.name.lower()}>")
    if traced_layout.parameters != layout.parameters or traced_layout.keys != layout.keys:
        raise AssertionError("the traced step must number its parameters and keys as the plain one does")
    return LayerStep(
        layout,
        Encoder(layout, texts),
        source,
        plain["step"],
        plain["boundary"],
        traced["step"],
        traced["boundary"],
    )


def step_source(layout: Layout, texts: Texts, *, traced: bool) -> str:
    """Give the Python source of one layer's step."""
    w = Writer(traced)
    write_boundary(w, layout, texts)
    write_tier_gifts(w, layout)
    write_taking_back(w, layout)
    write_revoking(w, layout, texts)
    kinds = list(layout.programme.events.values())
    for kind in kinds:
        if kind.role is Role.REFUNDS:
            write_refund(w, layout, kind, texts)
        elif kind.role is Role.ENDS:
            write_end(w, layout, kind)
        elif kind.role is Role.FOLLOWS:
            write_follow(w, layout, kind)
    _write_step(w, layout, texts)
    legend = [f"# p[{index}] is {name}: {layout.parameters[index]}" for index, name in enumerate(layout.legend)]
    return "\n".join([*legend, "", w.text])


def namespace(primitives: Mapping[str, Any]) -> dict[str, Any]:
    """Give the names that generated source runs among: constants, runtime functions, and the primitives."""
    return {
        **runtime.CONSTANTS,
        **runtime.FUNCTIONS,
        **drawing.CONSTANTS,
        **drawing.FUNCTIONS,
        **{name: getattr(helpers, name) for name in EXPRESSION_HELPERS},
        **primitives,
    }


#: What the items of commands do.
_COMMANDS = {
    DRAW_ITEM: "draw(e, s, m, o)",
    PAY_IN_ITEM: "pay_in(e, s, m, o)",
    CARRY_ITEM: "carry(e, s, m, o)",
    GIVE_BACK_ITEM: "give_back(s, m, o, e.row, e.label, e.amount, day, -1)",
    CLOSE_ITEM: "close(e, s, m, o)",
}


def _compile(source: str, parameters: Sequence[int], name: str) -> dict[str, Any]:
    functions = namespace(runtime.PRIMITIVES)
    exec(compile(_with_numbers(source, parameters, functions), name, "exec"), functions)
    return functions


def _with_numbers(source: str, parameters: Sequence[int], known: Mapping[str, Any]) -> str:
    """
    Write parameters and constants as the numbers that they are, which Python need not look up.

    The kernel reads the source as it is, so that programmes of one form and other numbers share its machine code.

    >>> _with_numbers("put(o, (7, ISSUED, p[1] - x, p[0 + 2 * tier]))", [5, -3], {"ISSUED": 5})
    'put(o, (7, 5, (-3) - x, p[0 + 2 * tier]))'
    """

    def number(match: re.Match[str]) -> str:
        place, constant = match.groups()
        value = parameters[int(place)] if place else known.get(constant)
        if type(value) is not int:
            return match[0]
        return str(value) if value >= 0 else f"({value})"

    return _NUMBERED.sub(number, source)


#: A parameter, or a name that may be a constant's.
_NUMBERED: Final = re.compile(r"\bp\[(\d+)\]|\b([A-Z][A-Z_]+)\b")


def _write_step(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write the dispatch over kinds; effects on earlier events come before what the event itself earns."""
    partner = layout.layer is Layer.PARTNER
    with w.block("def step(e, s, m, o)"):
        w.line("day = e.day")
        with w.block("if day >= s.next_due"):
            w.line("boundary(s, m, o, day)")
        w.line("kind = e.kind")
        # The codes of commands lie below those of events.
        with w.block(f"if kind >= {OVERRIDE_ITEM}"):
            with w.block("if s.anchor < 0"):
                w.line("enrol(s, m, day)")
            if partner:
                # All events of one instant use the tier that stood before it, or cutting a deal in parts would pay.
                with w.block("if e.instant != s.instant"):
                    w.line("s.instant = e.instant")
                    w.line("s.before = s.effective")
        w.line("p = m.p")
        with month_of_day(w):
            head = "if"
            for code, kind in enumerate(layout.programme.events.values()):
                with w.block(f"{head} kind == {code}"):
                    verb = {Role.REFUNDS: "refund", Role.ENDS: "end", Role.FOLLOWS: "follow"}.get(kind.role)
                    is_refund = kind.role is Role.REFUNDS
                    if verb:
                        w.line(f"{'done = ' if is_refund else ''}{verb}_{code}(e, s, m, o)")
                    earn = partial(_write_earning, w, kind=kind.name, texts=texts, if_done="done" if is_refund else "")
                    by_revision(w, layout, "day", earn)
                head = "elif"
            for item, does in _COMMANDS.items():
                with w.block(f"{head} kind == {item}"):
                    w.line(does)
                head = "elif"
            if partner:
                with w.block(f"elif kind == {OVERRIDE_ITEM}"):
                    w.line("override(e, s, o)")
            by_revision(w, layout, "day", lambda view: write_after_event(w, view, texts.under(view)))


def _write_earning(w: Writer, view: Layout, *, kind: str, texts: Texts, if_done: str) -> None:
    write_earning(w, view, kind, texts.under(view), if_done=if_done)
