"""How often each computation of a compiled program runs."""

import dataclasses
import re
from collections.abc import Iterator

from spectrax.diagnostics.hlo import Computation, Instruction, Program


@dataclasses.dataclass(frozen=True)
class Run:
    """A computation that runs instruction by instruction.

    Attributes:
        times: in one call of the program, loops of unknown length counted as one round; 0 in a loop of no rounds.
        exact: whether all loops around it are of known length.
    """

    computation: Computation
    times: int
    exact: bool


def runs(program: Program) -> Iterator[Run]:
    """The entry and what it calls: bodies of loops once for each round, of a conditional all branches.

    A computation that is called from several places comes several times. What is inside a fusion is left out: see
    `Program.fused`.
    """
    yield from _runs(program, Run(program.entry, 1, True))


def trip_count(program: Program, loop: Instruction, computation: Computation) -> int | None:
    """Rounds of a `while`: as the compiler states them, or as a counter says that goes from a constant, in steps of a
    constant, to a constant; None where neither does, nothing being guessed.

    Args:
        computation: where the loop stands.
    """
    stated = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', loop.attributes)
    if stated:
        return int(stated[1])
    condition, body = program.called(loop, "condition"), program.called(loop, "body")
    if condition is None or body is None:
        return None
    return _counted(condition, body, _start_values(loop, computation))


def _runs(program: Program, run: Run) -> Iterator[Run]:
    yield run
    for instruction in run.computation.instructions.values():
        names = [name for name in _runs_inside(instruction) if name in program.computations]
        rounds = trip_count(program, instruction, run.computation) if instruction.opcode == "while" else 1
        for name in names:
            times = run.times * (1 if rounds is None else rounds)
            yield from _runs(program, Run(program.computations[name], times, run.exact and rounds is not None))


def _runs_inside(instruction: Instruction) -> list[str]:
    """Names of the computations that an instruction runs, itself being no arithmetic."""
    attributes = {
        "while": ("body",),
        "call": ("to_apply",),
        "async-start": ("calls",),
        "conditional": ("branch_computations", "true_computation", "false_computation"),
    }
    values = [instruction.attribute(name) or "" for name in attributes.get(instruction.opcode, ())]
    return [name.strip().lstrip("%") for value in values for name in value.split(",") if name.strip()]


def _start_values(loop: Instruction, computation: Computation) -> list[Instruction | None]:
    """What a loop's state is before the first round, where it is built by a tuple."""
    state = computation.instructions.get(loop.operands[0])
    if state is None or state.opcode != "tuple":
        return []
    return [_copied(computation, name) for name in state.operands]


def _counted(condition: Computation, body: Computation, start: list[Instruction | None]) -> int | None:
    """Rounds of a loop that counts up, in steps of a constant, from a constant to below another; else None."""
    test = condition.root
    sides = [_copied(condition, name) for name in test.operands]
    if test.opcode != "compare" or test.attribute("direction") != "LT" or len(sides) != 2:
        return None
    counter, limit = sides
    if counter is None or counter.opcode != "get-tuple-element" or (end := _constant(limit)) is None:
        return None
    index = int(counter.attribute("index") or 0)
    step = _step(body, index)
    first = _constant(start[index]) if index < len(start) else None
    if first is None or step is None or step < 1:
        return None
    return max(0, -(-(end - first) // step))


def _step(body: Computation, index: int) -> int | None:
    if body.root.opcode != "tuple" or index >= len(body.root.operands):
        return None
    added = _copied(body, body.root.operands[index])
    if added is None or added.opcode != "add":
        return None
    return next((value for name in added.operands if (value := _constant(_copied(body, name))) is not None), None)


def _copied(computation: Computation, name: str) -> Instruction | None:
    """The instruction behind copies."""
    found = computation.instructions.get(name)
    while found is not None and found.opcode in ("copy", "bitcast", "copy-done", "copy-start") and found.operands:
        found = computation.instructions.get(found.operands[0])
    return found


def _constant(instruction: Instruction | None) -> int | None:
    if instruction is None or instruction.opcode != "constant":
        return None
    return int(instruction.literal) if re.fullmatch(r"-?\d+", instruction.literal) else None
