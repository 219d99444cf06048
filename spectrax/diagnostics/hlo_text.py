"""The text of a compiled XLA program, as `jax.stages.Compiled.as_text()` gives it for CPUs, GPUs and TPUs alike.

A parser of our own, since JAX's public interface has none, and its cost analysis sums a program up without saying which
instructions are collectives, from which line they come, or how often a loop runs them.
"""

import re
from collections.abc import Iterator

from spectrax.diagnostics.hlo import Array, Computation, Instruction, Program

_ARRAY = re.compile(r"\b([a-z]+\d*[a-z0-9]*)\[([\d,<=]*)\](?:\{([^{}]*)\})?")
_NAME = re.compile(r"([A-Za-z_][\w.\-]*)(?=,|$)")
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+)(?: \(.*\) -> .*)? \{$")
_INSTRUCTION = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = ")


def parse(text: str) -> Program:
    """Read the text of a compiled program. Raises `ValueError` when it has no entry."""
    computations, entry, lines = {}, None, text.splitlines()
    name, instructions = "", {}
    for line in lines:
        header = _HEADER.match(line)
        if header:
            name, instructions = header[2], {}
            computations[name] = Computation(name, instructions)
            entry = computations[name] if header[1] else entry
        elif name and (one := _instruction(line)) is not None:
            instructions[one.name] = one
    if entry is None:
        raise ValueError("The text holds no entry computation.")
    return Program(computations, entry, _frames(lines))


def _instruction(line: str) -> Instruction | None:
    start = _INSTRUCTION.match(line)
    if start is None:
        return None
    type_end = _type_end(line, start.end())
    opcode, opened, _ = line[type_end:].lstrip().partition("(")
    if not opened:
        return None
    begin = line.index("(", type_end)
    end = _closing(line, begin)
    literal = line[begin + 1 : end]
    return Instruction(
        name=start[2],
        opcode=opcode.strip(),
        outputs=tuple(arrays(line[start.end() : type_end])),
        operands=tuple(_NAME.findall(literal)),
        literal=literal,
        attributes=line[end + 1 :],
        is_root=bool(start[1]),
    )


def arrays(text: str) -> Iterator[Array]:
    """The types of arrays in a piece of text such as `(f32[2,3]{1,0}, s32[])`."""
    for dtype, shape, layout in _ARRAY.findall(text):
        order, _, details = layout.partition(":")
        tile = re.search(r"T\(([\d,]+)\)", details)
        space = re.search(r"S\((\d+)\)", details)
        yield Array(
            dtype=dtype,
            shape=tuple(int(size.lstrip("<=")) for size in shape.split(",") if size),
            minor_to_major=tuple(int(axis) for axis in order.split(",") if axis),
            tile=tuple(int(size) for size in tile[1].split(",")) if tile else (),
            space=int(space[1]) if space else 0,
        )


def _type_end(line: str, start: int) -> int:
    return _closing(line, start) + 1 if line[start] == "(" else line.index(" ", start)


def _closing(line: str, start: int) -> int:
    """Where the parenthesis that opens at `start` closes."""
    depth = 0
    for found in re.finditer(r"[()]", line[start:]):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return start + found.start()
    return len(line)


def _frames(lines: list[str]) -> dict[int, tuple[str, ...]]:
    """The tables behind `stack_frame_id`, joined."""
    tables: dict[str, dict[int, str]] = {}
    table: dict[int, str] | None = None
    for line in lines:
        if line in ("FileNames", "FunctionNames", "FileLocations", "StackFrames"):
            table = tables.setdefault(line, {})
        elif table is not None and (row := re.match(r"(\d+) (.*)", line)):
            table[int(row[1])] = row[2]
        elif line:
            table = None
    locations = {number: _numbers(row) for number, row in tables.get("FileLocations", {}).items()}
    frames = {number: _numbers(row) for number, row in tables.get("StackFrames", {}).items()}
    files = tables.get("FileNames", {})

    def line_of(frame: int) -> str:
        location = locations[frames[frame]["file_location_id"]]
        return f"{files[location['file_name_id']].strip(chr(34))}:{location['line']}"

    def stack(frame: int) -> Iterator[str]:
        while frame in frames:
            yield line_of(frame)
            frame = frames[frame].get("parent_frame_id", 1) - 1  # counted from 1, and 1 more, so that 0 can mean none

    return {frame: tuple(stack(frame)) for frame in frames}


def _numbers(row: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", row)}
