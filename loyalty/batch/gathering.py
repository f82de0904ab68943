"""
What a named tuple holds, behind one pointer.

The functions of a kernel hand each other some forty pointers, in four tuples. A tuple is passed word by word, so that
each call copies them all; what is gathered is one word.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,no-any-return,override"

from __future__ import annotations

import hashlib
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr, signature
from numba.extending import intrinsic, register_model

from loyalty.batch.marking import INT, marked


class GatheredType(types.Type):
    """A pointer to what a named tuple holds, so that a call passes one word."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts
        name = parts.instance_class.__name__
        super().__init__(f"{name}({hashlib.sha256(str(parts).encode()).hexdigest()[:12]})")


@register_model(GatheredType)
class _GatheredModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, manager.lookup(fe_type.parts).get_value_type().as_pointer())


@infer_getattr
class _TypeOfPart(AttributeTemplate):
    key = GatheredType

    def generic_resolve(self, typ: Any, attr: str) -> Any:
        fields = typ.parts.instance_class._fields
        return typ.parts.types[fields.index(attr)] if attr in fields else None


@lower_getattr_generic(GatheredType)
def _part_of(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    del context
    place = typ.parts.instance_class._fields.index(attr)
    return _all_marked(builder, builder.gep(value, [INT(0), ir.IntType(32)(place)], inbounds=True))


def _all_marked(builder: Any, pointer: Any) -> Any:
    """Read a part, word by word where it has several, for a mark says what kind of word it is of."""
    kind = pointer.type.pointee
    if not isinstance(kind, ir.LiteralStructType):
        return marked(builder, builder.load(pointer), "gathered")
    made = ir.Constant(kind, ir.Undefined)
    for place in range(len(kind.elements)):
        part = _all_marked(builder, builder.gep(pointer, [INT(0), ir.IntType(32)(place)], inbounds=True))
        made = builder.insert_value(made, part, place)
    return made


@intrinsic
def gathered(typing: Any, parts: Any) -> Any:
    """Put what a named tuple holds into memory, where it stays until the function returns, and point at it."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return cgutils.alloca_once_value(builder, args[0])

    return signature(GatheredType(parts), parts), code
