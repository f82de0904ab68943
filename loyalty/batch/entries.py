"""
Records of whole numbers as the compiled step has them: scalars, items, rows of tables, cells of keys.

They are bare pointers as :mod:`loyalty.batch.pointers` are. Numbers of any width are read as such of 64 bits.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,no-any-return,override"

from __future__ import annotations

import hashlib
import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import intrinsic, lower_builtin, make_attribute_wrapper, register_model
from numba.np.arrayobj import make_array

from loyalty.batch.marking import ANY, FIXED, INT, load, store
from loyalty.batch.pointers import INTS, IntsType, base_of

_BYTE: Final = ir.IntType(8)


class EntryType(types.Type):
    """A pointer to a record of whole numbers, each of which is read as a number of 64 bits."""

    def __init__(self, record: Any, where: str = "") -> None:
        self.record = record
        # Records of one layout are of one memory; those whose numbers have 64 bits each lie as these want to lie.
        self.where = where or hashlib.sha256(str(record).encode()).hexdigest()[:12]
        self.is_aligned = all(record.typeof(name).bitwidth == 64 for name in record.fields)
        super().__init__(f"Entry({record}, {self.where})")


class RowsType(types.Type):
    """Records one after the other: a pointer, how many there is room for, and where it is noted that there is not."""

    def __init__(self, record: Any, where: str = "") -> None:
        self.entry = EntryType(record, where)
        super().__init__(f"Rows({record}, {where})")


class KeysType(types.Type):
    """Tables of records: a pointer and a stride."""

    def __init__(self, record: Any) -> None:
        self.entry = EntryType(record)
        super().__init__(f"Keys({record})")


@register_model(EntryType)
class _EntryModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _BYTE.as_pointer())


@register_model(RowsType)
class _RowsModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", fe_type.entry), ("capacity", types.int64), ("flag", INTS)])


@register_model(KeysType)
class _KeysModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", fe_type.entry), ("stride", types.int64)])


make_attribute_wrapper(RowsType, "capacity", "capacity")
make_attribute_wrapper(RowsType, "flag", "flag")


@infer_global(operator.getitem)
class _TypeOfRecord(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index = args
        if not isinstance(index, types.Integer):
            return None
        if isinstance(values, RowsType):
            return signature(values.entry, values, types.int64)
        return signature(RowsType(values.entry.record), values, types.int64) if isinstance(values, KeysType) else None


@infer_getattr
class _TypeOfField(AttributeTemplate):
    key = EntryType

    def generic_resolve(self, typ: Any, attr: str) -> Any:
        return types.int64 if attr in typ.record.fields else None


def _field(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    """Point at a number of a record."""
    kind = context.get_data_type(typ.record.typeof(attr)).as_pointer()
    return builder.bitcast(builder.gep(value, [INT(typ.record.offset(attr))]), kind)


@lower_getattr_generic(EntryType)
def _entry_getattr(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    return load(builder, _field(context, builder, typ, value, attr), typ.where, is_aligned=typ.is_aligned)


@lower_setattr_generic(EntryType)
def _entry_setattr(context: Any, builder: Any, sig: Any, args: Any, attr: str) -> None:
    typ, number = sig.args
    value = context.cast(builder, args[1], number, types.int64)
    store(builder, _field(context, builder, typ, args[0], attr), value, typ.where, is_aligned=typ.is_aligned)


def _nth(builder: Any, base: Any, index: Any, entry: Any) -> Any:
    """Point at a record among those that begin at *base*."""
    return builder.gep(base, [builder.mul(index, INT(entry.record.size))])


@lower_builtin(operator.getitem, RowsType, types.int64)
def _record_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    rows = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    return _nth(builder, rows.base, args[1], sig.args[0].entry)


@lower_builtin(operator.getitem, KeysType, types.int64)
def _keys_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    keys = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    rows = cgutils.create_struct_proxy(sig.return_type)(context, builder)
    rows.base = _nth(builder, keys.base, builder.mul(args[1], keys.stride), sig.args[0].entry)
    return rows._getvalue()


@intrinsic
def rows(typing: Any, array: Any, capacity: Any, flag: Any) -> Any:
    """Give an array of records as rows; what wants more than *capacity* is noted at *flag*."""
    del typing, capacity

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        made.base, made.capacity, made.flag = base_of(context, builder, sig, args, _BYTE), args[1], args[2]
        return made._getvalue()

    return signature(RowsType(array.dtype), array, types.int64, flag), code


@intrinsic
def fixed_rows(typing: Any, array: Any) -> Any:
    """Give an array of records that stay as they are while kernels run as rows."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        made.base = base_of(context, builder, sig, args, _BYTE)
        return made._getvalue()

    return signature(RowsType(array.dtype, FIXED), array), code


@intrinsic
def keys(typing: Any, array: Any) -> Any:
    """Give an array of tables of records."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(sig.return_type)(context, builder)
        made.base = base_of(context, builder, sig, args, _BYTE)
        made.stride = cgutils.unpack_tuple(builder, make_array(sig.args[0])(context, builder, value=args[0]).shape)[1]
        return made._getvalue()

    return signature(KeysType(array.dtype), array), code


@intrinsic
def room(typing: Any, where: Any, count: Any) -> Any:
    """Make sure of a place at *count*: a record there is set to zeros; what is too small is noted."""
    del typing, count

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if isinstance(sig.args[0], IntsType):
            capacity = builder.load(builder.gep(args[0], [INT(-2)]))
            flag = builder.gep(args[0], [INT(-3)])
        else:
            found = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
            capacity, flag = found.capacity, found.flag
            entry = sig.args[0].entry
            cgutils.memset(builder, _nth(builder, found.base, args[1], entry), INT(entry.record.size), 0)
        with builder.if_then(builder.icmp_signed(">=", args[1], capacity), likely=False):
            builder.store(INT(1), flag)
        return context.get_dummy_value()

    return signature(types.none, where, types.int64), code


@intrinsic
def words(typing: Any, record: Any) -> Any:
    """Give a record of whole numbers as a pointer to the first."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.bitcast(args[0], INT.as_pointer())

    return signature(IntsType(where=ANY), record), code


def records(fields: tuple[str, ...]) -> Any:
    """Give the type of a record of whole numbers; one without a field has an idle one."""
    return np.dtype([(name, np.int64) for name in fields or ("idle",)])
