"""
Loads and stores of the compiled step, each marked with the memory that it is of.

The compiler takes it that a number in one memory is none in another, so that it need not read a scalar of the holder
again after a table was written. Tables of one type are one memory, and so are records of one layout.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,no-any-return"

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir

INT: Final = ir.IntType(64)

#: Memory that is written and read as numbers; that may also be read as another kind; and that is never written here.
TABLES: Final = "tables"
ANY: Final = "any"
FIXED: Final = "fixed"


def marked(builder: Any, instruction: Any, where: str) -> Any:
    """Say of a load or store which memory it is of, and give it; what is fixed stays as it is while kernels run."""
    module = builder.module
    if where == FIXED:
        instruction.set_metadata("invariant.load", module.add_metadata([]))
        return instruction
    kind = module.add_metadata([ANY, module.add_metadata(["loyalty"]), INT(0)])
    if where != ANY:
        kind = module.add_metadata([where, kind, INT(0)])
    instruction.set_metadata("tbaa", module.add_metadata([kind, kind, INT(0)]))
    return instruction


def load(builder: Any, pointer: Any, where: str, *, is_aligned: bool = True) -> Any:
    """Read a number as one of 64 bits."""
    value = marked(builder, builder.load(pointer, align=None if is_aligned else 1), where)
    return value if value.type.width == 64 else builder.sext(value, INT)


def store(builder: Any, pointer: Any, value: Any, where: str, *, is_aligned: bool = True) -> None:
    """Write a number of 64 bits as one of so many as there is room for."""
    kind = pointer.type.pointee
    value = value if kind.width == value.type.width else builder.trunc(value, kind)
    marked(builder, builder.store(value, pointer, align=None if is_aligned else 1), where)
