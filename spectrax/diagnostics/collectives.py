"""What devices say to each other in a compiled program: which collectives, how large, how often, and from which line.

Works on the text that XLA's compilers for CPUs, GPUs and TPUs give. A collective that starts and ends in two
instructions is one; one in the body of a loop counts once for each round.
"""

import dataclasses
import math
import re
from collections.abc import Collection
from typing import Literal

from spectrax.diagnostics import hlo_text
from spectrax.diagnostics.hlo import Array, Computation, Instruction, Program
from spectrax.diagnostics.hlo_loops import Run, runs

KINDS = (
    "all-gather", "all-reduce", "all-to-all", "collective-broadcast", "collective-permute", "ragged-all-to-all",
    "reduce-scatter",
)  # fmt: skip
Carried = Literal["parameters", "activations"]


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective of a program.

    Attributes:
        kind: one of `KINDS`.
        dtype: of the largest array in it.
        shape: of that array on one device, as it goes in or comes out, whichever is larger.
        arrays: how many arrays travel together.
        bytes: of all of them on one device, the larger of what goes in and what comes out.
        group: how many devices take part together; None when the text does not say.
        times: how often it runs in one call of the program; None in a loop whose length is not known.
        source: "file:line" of the line that caused it, "" when it is not known; of the largest array.
        operation: the JAX functions that led there, likewise.
        carries: "parameters" (or their gradients or statistics), "activations", or None when that cannot be told.
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]
    arrays: int
    bytes: int
    group: int | None
    times: int | None
    source: str
    operation: str
    carries: Carried | None

    @property
    def rounds(self) -> int:
        """`times`, a loop of unknown length counted as one round."""
        return 1 if self.times is None else self.times

    @property
    def total_bytes(self) -> int:
        """In one call of the program; a loop of unknown length counts as one round."""
        return self.bytes * self.rounds


def collectives(text: str | Program, parameters: Collection[int] = (), batch: Collection[int] = ()) -> list[Collective]:
    """The collectives of a compiled program, in the order of their instructions.

    Args:
        text: of `jax.stages.Compiled.as_text()`, or what `hlo_text.parse` made of it.
        parameters: numbers of elements of the parameters, whole and as one device holds them: arrays of that size are
            taken for parameters, their gradients or statistics.
        batch: how many examples a batch has, whole and on one device: other arrays with an axis of that size are taken
            for activations.
    """
    program = hlo_text.parse(text) if isinstance(text, str) else text
    known = frozenset(parameters), frozenset(batch)
    found: dict[str, Collective] = {}
    for run in runs(program):
        for instruction in run.computation.instructions.values():
            # An `async-start` wraps a computation, in which the collective is met on its own.
            if instruction.opcode.removesuffix("-start") in KINDS:
                one = _collective(program, run, instruction, known)
                before = found.get(instruction.name)
                found[instruction.name] = one if before is None else _joined(before, one)
    return list(found.values())


def _collective(
    program: Program, run: Run, instruction: Instruction, known: tuple[frozenset[int], frozenset[int]]
) -> Collective:
    going_in = [array for operand in run.computation.operands(instruction) for array in operand.outputs[:1]]
    coming_out = _results(instruction, len(going_in))
    larger = max(going_in, coming_out, key=lambda arrays: sum(array.bytes for array in arrays))
    largest = max(larger, key=lambda array: array.bytes)
    origin = _origin(program, run.computation, instruction, larger.index(largest))
    return Collective(
        kind=instruction.opcode.removesuffix("-start"),
        dtype=largest.dtype,
        shape=largest.shape,
        arrays=len(larger),
        bytes=sum(array.bytes for array in larger),
        group=_group(instruction),
        times=run.times if run.exact else None,
        source=program.source(origin),
        operation=origin.operation,
        carries=_carried(largest, *known),
    )


def _results(instruction: Instruction, count: int) -> list[Array]:
    """What comes out: of a collective that starts only, the tuple holds what went in, what comes out, and marks."""
    outputs = list(instruction.outputs)
    if not instruction.opcode.endswith("-start") or len(outputs) < 2 * count:
        return outputs
    return outputs[count : 2 * count]


def _origin(program: Program, computation: Computation, instruction: Instruction, index: int) -> Instruction:
    """The instruction that tells where the array number `index` comes from: of several that travel together each keeps
    its own origin where it leaves, or enters."""
    if program.source(instruction) and len(instruction.operands) == 1:
        return instruction
    leaves = [
        other
        for other in computation.instructions.values()
        if other.opcode == "get-tuple-element"
        and other.operands == (instruction.name,)
        and other.attribute("index") == str(index)
    ]
    enters = computation.instructions.get(instruction.operands[index]) if index < len(instruction.operands) else None
    candidates = [*leaves, instruction, *([enters] if enters else [])]
    return next((one for one in candidates if program.source(one)), instruction)


def _group(instruction: Instruction) -> int | None:
    """Devices that take part together."""
    if "source_target_pairs" in instruction.attributes:
        return 2
    text = instruction.attributes
    if explicit := re.search(r"replica_groups=\{\{([\d,]+)\}", text):
        return len(explicit[1].split(","))
    if compact := re.search(r"replica_groups=\[\d+,(\d+)\]", text):
        return int(compact[1])
    if named := re.search(r"replica_groups=mesh\[([^\]]*)\](?:, device_ids=\([^)]*\))? \{([^}]*)\}", text):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
        return math.prod(int(sizes.get(axis, 1)) for axis in re.findall(r"'(\w+)'", named[2]))
    return None


def _carried(array: Array, parameters: frozenset[int], batch: frozenset[int]) -> Carried | None:
    """Sizes of parameters first, for a batch may be as long as a layer is wide."""
    if array.elements in parameters:
        return "parameters"
    return "activations" if batch.intersection(array.shape) else None


def _joined(one: Collective, other: Collective) -> Collective:
    """The same instruction, reached twice."""
    times = None if one.times is None or other.times is None else one.times + other.times
    return dataclasses.replace(one, times=times)
