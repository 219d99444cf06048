"""Compiled XLA programs as computations and instructions: what is to be known of them to count work and messages.

`hlo_text` reads them from text, `hlo_loops` says how often each computation runs.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator, Mapping

_BITS = {"pred": 8, "token": 0, "opaque": 0}
_LIBRARIES = re.compile(r"/(?:site|dist)-packages/(?:jax|flax|optax|einops)/")


@dataclasses.dataclass(frozen=True)
class Array:
    """The type of one array.

    Attributes:
        minor_to_major: its axes, the fastest first; () when the text does not say.
        tile: sizes to whose multiples the fastest axes are padded in memory, slowest of them first; () for none.
        space: number of the memory that holds it: 0 is the device's main memory, others lie on the chip or the host.
    """

    dtype: str
    shape: tuple[int, ...]
    minor_to_major: tuple[int, ...] = ()
    tile: tuple[int, ...] = ()
    space: int = 0

    @property
    def elements(self) -> int:
        """How many there are, without padding."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Without padding."""
        return self.elements * bits(self.dtype) // 8

    @property
    def padded_bytes(self) -> int:
        """As it lies in memory."""
        sizes = [self.shape[axis] for axis in reversed(self.minor_to_major)] or list(self.shape)
        for axis in range(1, min(len(self.tile), len(sizes)) + 1):
            sizes[-axis] = -(-sizes[-axis] // self.tile[-axis]) * self.tile[-axis]
        return math.prod(sizes) * bits(self.dtype) // 8


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One operation.

    Attributes:
        outputs: its array, or those of its tuple, nested ones in line.
        operands: names of the instructions of the same computation that it reads.
        literal: what stands between its parentheses, such as a constant's value.
        attributes: the rest of its line.
    """

    name: str
    opcode: str
    outputs: tuple[Array, ...]
    operands: tuple[str, ...]
    literal: str
    attributes: str
    is_root: bool

    def attribute(self, name: str) -> str | None:
        """The value of `name=value`: a word, or what stands in its braces."""
        found = re.search(rf"\b{name}=(?:\{{([^{{}}]*)\}}|([^,\s{{}}]+))", self.attributes)
        return None if found is None else (found[1] if found[1] is not None else found[2].strip('"'))

    @property
    def operation(self) -> str:
        """The JAX functions that made it, such as `jit(step)/transpose(jvp())/dot_general`; "" when not said."""
        found = re.search(r'\bop_name="([^"]*)"', self.attributes)
        return found[1] if found else ""


@dataclasses.dataclass(frozen=True)
class Computation:
    """A list of instructions that runs as one: the entry, the body of a loop, a fusion."""

    name: str
    instructions: Mapping[str, Instruction]

    @functools.cached_property
    def root(self) -> Instruction:
        """What it returns."""
        return next(one for one in reversed(self.instructions.values()) if one.is_root)

    def operands(self, instruction: Instruction) -> list[Instruction]:
        """The instructions that it reads."""
        return [self.instructions[name] for name in instruction.operands if name in self.instructions]


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled module.

    Attributes:
        frames: by number, where in the source an instruction came from: "file:line", callers last.
    """

    computations: Mapping[str, Computation]
    entry: Computation
    frames: Mapping[int, tuple[str, ...]]

    def fused(self, computation: Computation) -> Iterator[tuple[Computation, Instruction]]:
        """All instructions of a computation, and of the fusions in it the ones inside, each with where it stands."""
        for instruction in computation.instructions.values():
            inner = self.called(instruction, "calls") if instruction.opcode == "fusion" else None
            if inner is None:
                yield computation, instruction
            else:
                yield from self.fused(inner)

    def called(self, instruction: Instruction, attribute: str) -> Computation | None:
        """The computation that an attribute such as `calls` names."""
        return self.computations.get((instruction.attribute(attribute) or "").lstrip("%"))

    def source(self, instruction: Instruction) -> str:
        """ "file:line" of the innermost line outside of libraries; "" when the text does not say."""
        frame = instruction.attribute("stack_frame_id")
        if frame is not None:
            lines = self.frames.get(int(frame), ())
            return next((line for line in lines if not _LIBRARIES.search(line)), lines[0] if lines else "")
        file = re.search(r'source_file="([^"]*)"', instruction.attributes)
        return f"{file[1]}:{instruction.attribute('source_line')}" if file else ""


def bits(dtype: str) -> int:
    """Bits of an element: f32 has 32, bf16 16, s4 4."""
    if dtype in _BITS:
        return _BITS[dtype]
    number = re.search(r"\d+", dtype)
    return int(number[0]) if number else 8
