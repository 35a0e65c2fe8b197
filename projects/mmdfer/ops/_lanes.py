"""Memory and vectors of float32 for numba's code, written out: addresses, loads, stores, products.

Numba counts references to an array wherever one function hands it to another, inlined or not, which costs more than a
tap's reads; an address is a plain number. A loop over channels becomes vectors only if the compiler can prove that no
row overlaps another, and then in steps of 32 numbers: a row of 24 would be left to scalar code. Here a step is as wide
as its vector's type, and LLVM cuts it into what the processor has.

Whoever hands out an address keeps its memory alive and in bounds.
"""
from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

FREE = ('reassoc', 'contract')                  # another order of a sum; NaN and inf keep their meaning


class Lanes(types.Type):
    """``count`` numbers side by side."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f'Lanes({count})')


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):

    def __init__(self, manager, lanes: Lanes) -> None:
        super().__init__(manager, lanes, ir.VectorType(ir.FloatType(), lanes.count))


def _pointer(builder, address, place, kind, scale: int = 4):
    byte = builder.add(address, builder.mul(place, ir.IntType(64)(scale)))
    return builder.inttoptr(byte, kind.as_pointer())


def _reading(result, of, scale: int):
    """Types and code of a read at ``place``, in steps of ``scale`` bytes."""
    def write(context, builder, signature, given):
        kind = context.get_data_type(result)
        return builder.load(_pointer(builder, given[0], given[1], kind, scale), align=scale)

    return result(types.int64, types.int64, *of), write


@intrinsic
def single(typing, address, place):
    """The float32 at ``place``."""
    return _reading(types.float32, (), 4)


@intrinsic
def whole(typing, address, place):
    """The int64 at ``place``."""
    return _reading(types.int64, (), 8)


@intrinsic
def load(typing, address, place, like):
    """The vector of float32, of the type of ``like``, from ``place`` on."""
    return _reading(like, (like, ), 4)


@intrinsic
def store(typing, address, place, value):
    """Write a vector, a float32 or an int64 to ``place``."""
    scale = 8 if value == types.int64 else 4

    def write(context, builder, signature, given):
        builder.store(given[2], _pointer(builder, given[0], given[1], given[2].type, scale), align=scale)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value), write


@intrinsic(prefer_literal=True)
def zeros(typing, count):
    """A vector of ``count``, a literal, zeros."""
    lanes = Lanes(count.literal_value)

    def write(context, builder, signature, given):
        return ir.Constant(context.get_data_type(lanes), None)

    return lanes(count), write


@intrinsic
def spread(typing, number, like):
    """A vector of the type of ``like``, of the same number."""
    def write(context, builder, signature, given):
        nothing = ir.Constant(given[1].type, ir.Undefined)
        first = builder.insert_element(nothing, given[0], ir.IntType(32)(0))
        return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), like.count), None))

    return like(types.float32, like), write


@intrinsic
def times(typing, a, b):
    """a · b, number by number."""
    def write(context, builder, signature, given):
        return builder.fmul(*given, flags=FREE)

    return a(a, a), write


@intrinsic
def plus_product(typing, total, a, b):
    """total + a · b, number by number."""
    def write(context, builder, signature, given):
        return builder.fadd(given[0], builder.fmul(given[1], given[2], flags=FREE), flags=FREE)

    return total(total, total, total), write


@intrinsic
def sum_of(typing, vector):
    """The sum of a vector's numbers."""
    def write(context, builder, signature, given):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), given[0].type])
        reduce = cgutils.get_or_insert_function(builder.module, kind, f'llvm.vector.reduce.fadd.v{vector.count}f32')
        return builder.call(reduce, [ir.FloatType()(-0.0), given[0]], fastmath=('reassoc',))

    return types.float32(vector), write
