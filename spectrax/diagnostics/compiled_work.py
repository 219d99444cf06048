"""What a compiled program does in one call on one device: products in its matrix units, traffic to its main memory.

XLA's own cost analysis counts the body of a loop once, whatever its number of rounds, and a float32 product at full
precision as one product, although a TPU takes six passes of bfloat16 for it. Here the compiled text is read instead.
"""

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from spectrax.diagnostics.hlo import Array, Computation, Instruction, Program
from spectrax.diagnostics.hlo_loops import runs

_PASSES = {"default": 1, "high": 3, "highest": 6}  # of bfloat16 products that make one of float32
# What a loop, a call or an `async-start` runs is counted where it stands.
_FREE = frozenset((
    "parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while", "conditional", "call", "after-all",
    "partition-id", "replica-id", "opt-barrier", "async-start",
))  # fmt: skip
_FREE_CALLS = ("AllocateBuffer", "ConcatBitcast")  # custom calls of the TPU compiler that only name memory
_SLICES = ("dynamic-slice", "slice", "gather")
_RECOMPUTED = "rematted_computation"  # how JAX calls what `jax.checkpoint` computes again


@dataclasses.dataclass(frozen=True)
class Work:
    """One call on one device.

    Attributes:
        flops: of matrix products and convolutions, two for each multiplication and addition.
        pass_flops: the same in bfloat16 passes of the matrix units: a full-precision float32 product counts six times.
        recomputed_flops: those of `flops` that the forward pass had done and that are done again, to save memory.
        memory_bytes: read from and written to the main memory, as the arrays lie there, padding included.
        unknown_loops: how many loops have a number of rounds that is not known; each counts as one round.
    """

    flops: float
    pass_flops: float
    recomputed_flops: float
    memory_bytes: float
    unknown_loops: int


def work(program: Program) -> Work:
    """Count a program's work."""
    flops = passes = recomputed = traffic = 0.0
    unknown = 0
    for run in runs(program):
        unknown += not run.exact
        for instruction in run.computation.instructions.values():
            traffic += run.times * memory_bytes(program, run.computation, instruction)
        for place, instruction in program.fused(run.computation):
            if instruction.opcode in ("convolution", "dot"):
                count = run.times * product_flops(place, instruction)
                flops += count
                passes += count * _passes(place, instruction)
                recomputed += count if _RECOMPUTED in instruction.operation else 0
    return Work(flops, passes, recomputed, traffic, unknown)


def traffic(program: Program) -> dict[str, float]:
    """Bytes that `Work.memory_bytes` counts, by the "file:line" that asked for them, most first; of a fusion, the line
    of its result."""
    found: dict[str, float] = {}
    for run in runs(program):
        for instruction in run.computation.instructions.values():
            moved = run.times * memory_bytes(program, run.computation, instruction)
            if moved:
                source = program.source(instruction)
                found[source] = found.get(source, 0) + moved
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def product_flops(computation: Computation, instruction: Instruction) -> int:
    """Floating-point operations of a `dot` or a `convolution`; taps that fall into padding do not count."""
    left, right = (operand.outputs[0] for operand in computation.operands(instruction)[:2])
    if instruction.opcode == "dot":
        contracted = _numbers(instruction.attribute("lhs_contracting_dims"))
        return 2 * instruction.outputs[0].elements * math.prod(left.shape[axis] for axis in contracted)
    left_axes, right_axes, out_axes = _axes(instruction.attribute("dim_labels") or "")
    windows = _windows(instruction, spatial=len(left_axes) - 2)
    out = instruction.outputs[0]
    taps = 1
    for number, window in enumerate(windows):
        axis = str(number)
        taps *= window.taps(left.shape[left_axes.index(axis)], out.shape[out_axes.index(axis)])
    others = out.shape[out_axes.index("b")] * out.shape[out_axes.index("f")]
    return 2 * taps * others * right.shape[right_axes.index("i")]


@dataclasses.dataclass(frozen=True)
class Window:
    """How a convolution slides along one axis; padding may be negative."""

    size: int = 1
    stride: int = 1
    before: int = 0
    left_dilation: int = 1
    right_dilation: int = 1

    def taps(self, inputs: int, outputs: int) -> int:
        """Pairs of an output position and a kernel position that meet an input sample."""
        out = np.arange(outputs)[:, None] * self.stride - self.before
        position = out + np.arange(self.size)[None] * self.right_dilation
        inside = (position >= 0) & (position <= (inputs - 1) * self.left_dilation)
        return int(np.count_nonzero(inside & (position % self.left_dilation == 0)))


def memory_bytes(program: Program, computation: Computation, instruction: Instruction) -> int:
    """Bytes that an instruction moves between main memory and the chip."""
    if instruction.opcode in _FREE or instruction.opcode.endswith("-done"):
        return 0
    if instruction.opcode == "custom-call" and instruction.attribute("custom_call_target") in _FREE_CALLS:
        return 0
    if instruction.opcode.endswith("-start"):
        # Its tuple holds source and destination; a slice reads what it writes.
        ends = [array for array in instruction.outputs if array.shape]
        size = min((array.padded_bytes for array in ends), default=0)
        return size * sum(array.space == 0 for array in ends[:2])
    inputs = [array for operand in computation.operands(instruction) for array in operand.outputs[:1]]
    inner = program.called(instruction, "calls") if instruction.opcode == "fusion" else None
    if inner is not None:
        return _fusion_bytes(inner, inputs, instruction.outputs)
    if instruction.opcode in _SLICES:
        return 2 * _stored(instruction.outputs)
    if instruction.opcode == "dynamic-update-slice":
        return 2 * _stored(inputs[1:2])
    return _stored(inputs) + _stored(instruction.outputs)


def _fusion_bytes(inner: Computation, inputs: list[Array], outputs: tuple[Array, ...]) -> int:
    """A fusion reads of an operand that it slices the slices alone, and writes of one that it updates the update."""
    users: dict[str, list[Instruction]] = {}
    for one in inner.instructions.values():
        for name in one.operands:
            users.setdefault(name, []).append(one)
    parameters = {int(one.literal): one for one in inner.instructions.values() if one.opcode == "parameter"}
    total = 0
    for number, array in enumerate(inputs):
        using = users.get(parameters[number].name, []) if number in parameters else []
        slices = [one for one in using if one.opcode in _SLICES and one.operands[0] == parameters[number].name]
        updates = [one for one in using if one.opcode == "dynamic-update-slice"]
        if using and len(slices) == len(using):
            total += 0 if array.space else min(array.padded_bytes, sum(one.outputs[0].padded_bytes for one in slices))
        elif updates and updates[0].operands[0] == parameters[number].name:
            continue
        else:
            total += _stored([array])
    roots = inner.operands(inner.root) if inner.root.opcode == "tuple" else [inner.root]
    for array, root in zip(outputs, roots, strict=False):
        updated = inner.instructions.get(root.operands[1]) if root.opcode == "dynamic-update-slice" else None
        if updated is not None and array.space == 0:
            total += updated.outputs[0].padded_bytes
        else:
            total += _stored([array])
    return total


def _stored(found: Iterable[Array]) -> int:
    """Bytes of those that lie in the main memory."""
    return sum(array.padded_bytes for array in found if array.space == 0)


def _passes(computation: Computation, instruction: Instruction) -> int:
    operands = computation.operands(instruction)
    if all(operand.outputs[0].dtype != "f32" for operand in operands):
        return 1
    precisions = (instruction.attribute("operand_precision") or "default").split(",")
    return max(_PASSES.get(precision.strip(), 1) for precision in precisions)


def _axes(labels: str) -> tuple[str, str, str]:
    """ "b01f_01io->b01f" in its three parts."""
    inputs, _, output = labels.partition("->")
    left, _, right = inputs.partition("_")
    return left, right, output


def _windows(instruction: Instruction, spatial: int) -> list[Window]:
    text = instruction.attribute("window") or ""
    given = dict(part.split("=", 1) for part in text.split() if "=" in part)

    def sizes(name: str, default: str) -> list[str]:
        return given[name].split("x") if name in given else [default] * spatial

    names = (("size", "1"), ("stride", "1"), ("pad", "0_0"), ("lhs_dilate", "1"), ("rhs_dilate", "1"))
    rows = zip(*[sizes(name, default) for name, default in names], strict=True)
    return [Window(int(s), int(t), int(p.split("_")[0]), int(a), int(b)) for s, t, p, a, b in rows]


def _numbers(text: str | None) -> list[int]:
    return [int(number) for number in (text or "").split(",") if number.strip()]
