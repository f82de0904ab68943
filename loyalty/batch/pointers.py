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
from numba.extending import intrinsic, lower_builtin, make_attribute_wrapper, register_model
from numba.np.arrayobj import make_array

from loyalty.batch.linking import PartCompiler, WholeCompiler

#: The words before each row of numbers: too small, room, length.
HEADER: Final = 3

_INT: Final = ir.IntType(64)


class IntsType(types.Type):
    """A pointer to whole numbers of so many bits, which are read as numbers of 64."""

    def __init__(self, bits: int = 64) -> None:
        self.bits = bits
        super().__init__(f"Ints({bits})")


class TableType(types.Type):
    """Rows of whole numbers, each with its header: a pointer and a stride."""

    def __init__(self) -> None:
        super().__init__("Table")


class RowsType(types.Type):
    """Records one after the other: a pointer, how many there is room for, and where it is noted that there is not."""

    def __init__(self, record: Any) -> None:
        self.record = record
        super().__init__(f"Rows({record})")


class KeysType(types.Type):
    """Tables of records: a pointer and a stride."""

    def __init__(self, record: Any) -> None:
        self.record = record
        super().__init__(f"Keys({record})")


INTS: Final = IntsType()
TABLE: Final = TableType()


@register_model(IntsType)
class _IntsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, ir.IntType(fe_type.bits).as_pointer())


@register_model(TableType)
class _TableModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", INTS), ("stride", types.int64)])


@register_model(RowsType)
class _RowsModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", fe_type.record), ("capacity", types.int64), ("flag", INTS)])


@register_model(KeysType)
class _KeysModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", fe_type.record), ("stride", types.int64)])


make_attribute_wrapper(RowsType, "capacity", "capacity")
make_attribute_wrapper(RowsType, "flag", "flag")


@infer_global(operator.getitem)
class _TypeOfItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index = args
        if not isinstance(index, types.Integer):
            return None
        if isinstance(values, IntsType):
            return signature(types.int64, values, types.int64)
        if isinstance(values, TableType):
            return signature(INTS, values, types.int64)
        if isinstance(values, RowsType):
            return signature(values.record, values, types.int64)
        if isinstance(values, KeysType):
            return signature(RowsType(values.record), values, types.int64)
        return None


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
    value = builder.load(builder.gep(args[0], [args[1]]))
    return value if sig.args[0].bits == 64 else builder.sext(value, _INT)


@lower_builtin(operator.setitem, IntsType, types.int64, types.int64)
def _set_int_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    bits = sig.args[0].bits
    value = args[2] if bits == 64 else builder.trunc(args[2], ir.IntType(bits))
    builder.store(value, builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


@lower_builtin(len, IntsType)
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    del context, sig
    return builder.load(builder.gep(args[0], [_INT(-1)]))


@lower_builtin(operator.getitem, TableType, types.int64)
def _row_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    table = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    offset = builder.add(builder.mul(args[1], table.stride), _INT(HEADER))
    return builder.gep(table.base, [offset])


@lower_builtin(operator.getitem, RowsType, types.int64)
def _record_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    rows = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    return builder.gep(rows.base, [args[1]])


@lower_builtin(operator.getitem, KeysType, types.int64)
def _keys_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    keys = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    rows = cgutils.create_struct_proxy(sig.return_type)(context, builder)
    rows.base = builder.gep(keys.base, [builder.mul(args[1], keys.stride)])
    return rows._getvalue()


@intrinsic
def flat(typing: Any, array: Any) -> Any:
    """Give a pointer to the first of an array of whole numbers."""
    del typing
    bits = array.dtype.bitwidth

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = make_array(sig.args[0])(context, builder, value=args[0]).data
        return builder.bitcast(data, ir.IntType(bits).as_pointer())

    return signature(IntsType(bits), array), code


@intrinsic
def headed(typing: Any, array: Any) -> Any:
    """Give a pointer to the first number of an array behind its header."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = make_array(sig.args[0])(context, builder, value=args[0]).data
        return builder.gep(builder.bitcast(data, _INT.as_pointer()), [_INT(HEADER)])

    return signature(INTS, array), code


@intrinsic
def table(typing: Any, array: Any) -> Any:
    """Give an array of rows, each with its header, as a table."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        found = make_array(sig.args[0])(context, builder, value=args[0])
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        made.base = builder.bitcast(found.data, _INT.as_pointer())
        made.stride = cgutils.unpack_tuple(builder, found.shape)[1]
        return made._getvalue()

    return signature(TABLE, array), code


@intrinsic
def rows(typing: Any, array: Any, capacity: Any, flag: Any) -> Any:
    """Give an array of records as rows; what wants more than *capacity* is noted at *flag*."""
    del typing, capacity

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        data = make_array(sig.args[0])(context, builder, value=args[0]).data
        made.base = builder.bitcast(data, context.get_value_type(sig.args[0].dtype))
        made.capacity, made.flag = args[1], args[2]
        return made._getvalue()

    return signature(RowsType(array.dtype), array, types.int64, flag), code


@intrinsic
def keys(typing: Any, array: Any) -> Any:
    """Give an array of tables of records."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        found = make_array(sig.args[0])(context, builder, value=args[0])
        made.base = builder.bitcast(found.data, context.get_value_type(sig.args[0].dtype))
        made.stride = cgutils.unpack_tuple(builder, found.shape)[1]
        return made._getvalue()

    return signature(KeysType(array.dtype), array), code


@intrinsic
def room(typing: Any, where: Any, count: Any) -> Any:
    """Make sure of a place at *count*: a record there is set to zeros; what is too small is noted."""
    del typing, count

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if isinstance(sig.args[0], IntsType):
            capacity = builder.load(builder.gep(args[0], [_INT(-2)]))
            flag = builder.gep(args[0], [_INT(-3)])
        else:
            found = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
            capacity, flag = found.capacity, found.flag
            cgutils.memset(builder, builder.gep(found.base, [args[1]]), _INT(sig.args[0].record.size), 0)
        with builder.if_then(builder.icmp_signed(">=", args[1], capacity), likely=False):
            builder.store(_INT(1), flag)
        return context.get_dummy_value()

    return signature(types.none, where, types.int64), code


@intrinsic
def words(typing: Any, record: Any) -> Any:
    """Give a record of whole numbers as a pointer to the first."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.bitcast(args[0], _INT.as_pointer())

    return signature(INTS, record), code


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


def records(fields: tuple[str, ...]) -> Any:
    """Give the type of a record of whole numbers; one without a field has an idle one."""
    return np.dtype([(name, np.int64) for name in fields or ("idle",)])


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


__all__ = [
    "HEADER", "entry", "flat", "headed", "inline", "inner", "keys", "records", "room", "rows", "table", "with_header",
    "words",
]  # fmt: skip
