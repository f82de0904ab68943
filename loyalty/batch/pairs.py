"""
Bucket tables as the compiled step has them: pairs of a day and an amount, from the front of which one is taken at once.

The step names the days of a table and its amounts apart, as in the core, where they are two lists. Here they lie in
pairs, so that what moves the one moves the other.
"""

# What numba is extended with has no types that a checker could see.
# mypy: disable-error-code="no-untyped-call,misc,untyped-decorator,no-any-return,override"

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from loyalty.batch.marking import INT, load, store
from loyalty.batch.pointers import INTS, striding

#: The words before the pairs of a bucket table, and the memories of its days and amounts.
BUCKET_WORDS: Final = {
    name: place for place, name in enumerate(("head", "is_full", "capacity", "length", "sought", "idle"))
}
_PARTS: Final = ("days", "amounts")
_FIRST: Final = len(BUCKET_WORDS)


class BucketType(types.Type):
    """
    A pointer to a bucket table, as its days or as its amounts, which lie in pairs.

    Both have the same words: ``head`` is how many places before the first pair are free, so that the first is taken out
    without moving the others; ``is_full`` whether there was too little room, ``capacity`` how much there is, and
    ``length`` how many pairs there are, the closing one included; ``sought`` is the place that was looked for last,
    counted from the first free one. One word is idle, so that a pair lies in one line of the processor's memory.
    """

    def __init__(self, part: int) -> None:
        self.part = part
        super().__init__(f"Bucket({part})")


class BucketsType(types.Type):
    """The days or the amounts of bucket tables: a pointer and a stride."""

    def __init__(self, part: int) -> None:
        self.row = BucketType(part)
        super().__init__(f"Buckets({part})")


@register_model(BucketType)
class _BucketModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, INT.as_pointer())


@register_model(BucketsType)
class _BucketsModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("base", INTS), ("stride", types.int64)])


@infer_global(operator.getitem)
class _TypeOfPair(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index = args
        if not isinstance(index, types.Integer):
            return None
        if isinstance(values, BucketType):
            return signature(types.int64, values, types.int64)
        return signature(values.row, values, types.int64) if isinstance(values, BucketsType) else None


@infer_global(operator.setitem)
class _TypeOfSettingPair(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        assert not kws
        values, index, value = args
        if not isinstance(values, BucketType) or not isinstance(value, types.Integer):
            return None
        return signature(types.none, values, types.int64, types.int64) if isinstance(index, types.Integer) else None


@infer_getattr
class _TypeOfBucketWord(AttributeTemplate):
    key = BucketType

    def generic_resolve(self, typ: Any, attr: str) -> Any:
        del typ
        return types.int64 if attr in BUCKET_WORDS else None


def _bucket_word(builder: Any, bucket: Any, name: str) -> Any:
    return builder.gep(bucket, [INT(BUCKET_WORDS[name])])


def _paired(builder: Any, sig: Any, args: Any) -> Any:
    """Point at the day or the amount of a pair."""
    place = builder.add(load(builder, _bucket_word(builder, args[0], "head"), "buckets"), args[1])
    return builder.gep(args[0], [builder.add(builder.shl(place, INT(1)), INT(_FIRST + sig.args[0].part))])


@lower_builtin(operator.getitem, BucketType, types.int64)
def _bucket_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    del context
    return load(builder, _paired(builder, sig, args), _PARTS[sig.args[0].part])


@lower_builtin(operator.setitem, BucketType, types.int64, types.int64)
def _set_bucket_at(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    store(builder, _paired(builder, sig, args), args[2], _PARTS[sig.args[0].part])
    return context.get_dummy_value()


@lower_getattr_generic(BucketType)
def _bucket_getattr(context: Any, builder: Any, typ: Any, value: Any, attr: str) -> Any:
    del context, typ
    return load(builder, _bucket_word(builder, value, attr), "buckets")


@lower_setattr_generic(BucketType)
def _bucket_setattr(context: Any, builder: Any, sig: Any, args: Any, attr: str) -> None:
    value = context.cast(builder, args[1], sig.args[1], types.int64)
    store(builder, _bucket_word(builder, args[0], attr), value, "buckets")


@lower_builtin(operator.getitem, BucketsType, types.int64)
def _bucket_of(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    buckets = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    return builder.gep(buckets.base, [builder.mul(args[1], buckets.stride)])


@intrinsic
def bucket_days(typing: Any, array: Any) -> Any:
    """Give an array of bucket tables as their days."""
    del typing
    return striding(array, BucketsType(0))


@intrinsic
def bucket_amounts(typing: Any, array: Any) -> Any:
    """Give an array of bucket tables as their amounts."""
    del typing
    return striding(array, BucketsType(1))


@intrinsic
def are_days(typing: Any, values: Any) -> Any:
    """Tell whether one side of a bucket table is that of its days, which the compiler folds."""
    del typing

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, builder, args
        return ir.Constant(ir.IntType(1), int(sig.args[0].part == 0))

    return signature(types.boolean, values), code


@intrinsic
def move_pair(typing: Any, values: Any, source: Any, target: Any) -> Any:
    """Copy a pair of a bucket table to another place."""
    del typing, source, target

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del sig
        for part, where in enumerate(_PARTS):
            own = signature(types.int64, BucketType(part), types.int64)
            value = load(builder, _paired(builder, own, (args[0], args[1])), where)
            store(builder, _paired(builder, own, (args[0], args[2])), value, where)
        return context.get_dummy_value()

    return signature(types.none, values, types.int64, types.int64), code


def buckets_of(count: int, capacity: int, end: int) -> Any:
    """Give so many bucket tables, of which each has the row of the day that closes it alone."""
    made = np.zeros((count or 1, _FIRST + 2 * (capacity + 2)), np.int64)
    made[:, BUCKET_WORDS["capacity"]], made[:, BUCKET_WORDS["length"]] = capacity, 1
    made[:, _FIRST] = end
    return made
