"""
The memory of the compiled step: bare pointers to whole numbers and records, as numba types of our own.

A numpy array in numba carries a counter of references and wraps negative indexes; a view of a row of a table moves the
counter with two locked instructions. The step reads tables many times an event, so here a table is a pointer and a
stride, and a row of it a pointer. Nothing here checks bounds: :func:`room` and the driver do, before anything is
written.

Each row of a table has three words before it: whether it was too small, how many numbers it has room for, and how many
it has. So ``values[-1]`` is the length, the closing number included.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,call-overload,no-any-return,arg-type,attr-defined"

from __future__ import annotations

import operator
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model
from numba.np.arrayobj import make_array

from loyalty.batch.linking import PartCompiler, WholeCompiler
from loyalty.batch.marking import FIXED, INT, TABLES, load, store

#: The words before each row of numbers: too small, room, length.
HEADER: Final = 3


class IntsType(types.Type):
    """
    A pointer to whole numbers of so many bits, which are read as numbers of 64.

    Args:
        where: What memory it is of, see :func:`loyalty.batch.marking.marked`.
    """

    def __init__(self, bits: int = 64, where: str = TABLES) -> None:
        self.bits, self.where = bits, where
        super().__init__(f"Ints({bits}, {where})")


class TableType(types.Type):
    """Rows of whole numbers, each with its header: a pointer and a stride."""

    def __init__(self, where: str = TABLES) -> None:
        self.row = IntsType(where=where)
        super().__init__(f"Table({where})")


INTS: Final = IntsType()


@register_model(IntsType)
class _IntsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, ir.IntType(fe_type.bits).as_pointer())


@register_model(TableType)
class _TableModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", INTS), ("stride", types.int64)])


@infer_global(operator.getitem)
class _TypeOfItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index = args
        if not isinstance(index, types.Integer):
            return None
        if isinstance(values, IntsType):
            return signature(types.int64, values, types.int64)
        return signature(values.row, values, types.int64) if isinstance(values, TableType) else None


@infer_global(operator.setitem)
class _TypeOfSettingItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index, value = args
        if not isinstance(values, IntsType) or not isinstance(value, types.Integer | types.Boolean):
            return None
        return signature(types.none, values, types.int64, types.int64) if isinstance(index, types.Integer) else None


@infer_global(len)
class _TypeOfLength(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        return signature(types.int64, *args) if isinstance(args[0], IntsType) else None


@lower_builtin(operator.getitem, IntsType, types.int64)
def _int_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    del context
    return load(builder, builder.gep(args[0], [args[1]]), sig.args[0].where)


@lower_builtin(operator.setitem, IntsType, types.int64, types.int64)
def _set_int_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    store(builder, builder.gep(args[0], [args[1]]), args[2], sig.args[0].where)
    return context.get_dummy_value()


@lower_builtin(len, IntsType)
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    del context
    return load(builder, builder.gep(args[0], [INT(-1)]), sig.args[0].where)


@lower_builtin(operator.getitem, TableType, types.int64)
def _row_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    table = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    offset = builder.add(builder.mul(args[1], table.stride), INT(HEADER))
    return builder.gep(table.base, [offset])


def base_of(context: Any, builder: Any, sig: Any, args: Any, kind: Any) -> Any:
    """Point at the first of an array."""
    return builder.bitcast(make_array(sig.args[0])(context, builder, value=args[0]).data, kind.as_pointer())


@intrinsic
def flat(typing: Any, array: Any) -> Any:
    """Give a pointer to the first of an array of whole numbers."""
    del typing
    bits = array.dtype.bitwidth

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return base_of(context, builder, sig, args, ir.IntType(bits))

    return signature(IntsType(bits, TABLES if bits == 64 else f"tables of {bits}"), array), code


@intrinsic
def fixed(typing: Any, array: Any) -> Any:
    """Give a pointer to the first of an array of whole numbers that stay as they are while kernels run."""
    del typing
    bits = array.dtype.bitwidth

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return base_of(context, builder, sig, args, ir.IntType(bits))

    return signature(IntsType(bits, FIXED), array), code


@intrinsic
def headed(typing: Any, array: Any) -> Any:
    """Give a pointer to the first number of an array behind its header."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(base_of(context, builder, sig, args, INT), [INT(HEADER)])

    return signature(INTS, array), code


@intrinsic
def fixed_headed(typing: Any, array: Any) -> Any:
    """Do as :func:`headed` with an array that stays as it is while kernels run."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(base_of(context, builder, sig, args, INT), [INT(HEADER)])

    return signature(IntsType(where=FIXED), array), code


def striding(array: Any, kind: Any) -> Any:
    """Give the code that makes an array of rows into a table of a kind."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        made.base = base_of(context, builder, sig, args, INT)
        made.stride = cgutils.unpack_tuple(builder, make_array(sig.args[0])(context, builder, value=args[0]).shape)[1]
        return made._getvalue()

    return signature(kind, array), code


@intrinsic
def table(typing: Any, array: Any) -> Any:
    """Give an array of rows, each with its header, as a table."""
    del typing
    return striding(array, TableType())


@intrinsic
def fixed_table(typing: Any, array: Any) -> Any:
    """Give an array of rows, each with its header, as a table that stays as it is while kernels run."""
    del typing
    return striding(array, TableType(FIXED))


def inner(function: Any, *, forced: bool = False) -> Any:
    """
    Compile a function into its callers: once for all whole numbers, however wide, written out in a call or not.

    Without this numba makes a copy for each number; the compiler folds them anyway, where it puts the function in line,
    which it does everywhere where it is *forced*.
    """
    made = numba.njit(
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        forceinline=forced,
        _nrt=False,
        pipeline_class=PartCompiler,
    )(function)
    template = made.get_call_template

    def of_any_number(args: Any, kws: Any) -> Any:
        return template(tuple(map(_of_any_width, args)), {name: _of_any_width(arg) for name, arg in kws.items()})

    made.get_call_template = of_any_number
    return made


def _of_any_width(argument: Any) -> Any:
    whole = isinstance(argument, types.Integer | types.IntegerLiteral)
    return types.int64 if whole else types.unliteral(argument)


def inline(function: Any) -> Any:
    """Compile a function into its callers, in line: one that is called for each item, or is folded by its numbers."""
    return inner(function, forced=True)


#: Compiles a function that is called from Python: without the interpreter's lock, and kept on disk.
entry: Final = numba.njit(
    error_model="numpy", nogil=True, cache=True, no_cfunc_wrapper=True, _nrt=False, pipeline_class=WholeCompiler
)


def with_header(values: Any, capacity: int | None = None) -> Any:
    """Give rows of numbers with the words before each; *capacity* is that of an empty table."""
    array = np.asarray(values, np.int64)
    lone = array.ndim == 1
    array = np.atleast_2d(array)
    width = array.shape[1]
    made = np.zeros((array.shape[0], HEADER + width), np.int64)
    made[:, 1] = width if capacity is None else capacity
    made[:, 2] = width
    made[:, HEADER:] = array
    return made[0] if lone else made
