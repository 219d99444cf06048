"""A training step compiled for a slice of TPUs that is not here: what it needs and what bounds its speed."""

import dataclasses
import re
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from spectrax.core.errors import ConfigError
from spectrax.described.roofline import Roofline, roofline
from spectrax.diagnostics import hlo_text
from spectrax.diagnostics.collectives import Collective, collectives
from spectrax.diagnostics.compiled_work import Work, traffic, work
from spectrax.parallel.topology import Topology, first_line

if TYPE_CHECKING:
    import jax

# Of libtpu 0.0.42: low effort takes a sixth of the time; the memory needed differs by some per cent, mostly of code.
EFFORTS = {"low": {"exec_time_optimization_effort": -1.0}, "full": {}}
_LINES = 40  # of the source, those that move most
_GATHERS = ("all-gather", "all-to-all", "ragged-all-to-all", "collective-broadcast")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE, _LIMIT = r"(?P<needed>[\d.]+)(?P<unit>[KMGT]?)", r"(?P<there>[\d.]+)(?P<of>[KMGT]?)"
_OVERFLOWS = (
    rf"required for [\w ]+ \({_SIZE}\) exceeds available HBM \({_LIMIT}\)",
    rf"Used {_SIZE} of {_LIMIT} hbm",
)


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes of one chip's main memory.

    Attributes:
        arguments: state and batch.
        outputs: results that do not take the place of arguments.
        temporaries: what the step keeps in between, activations above all.
        code: the program.
        needed: all of these; where it is too much, what the compiler says is needed, and the others are None.
        available: to a program.
    """

    arguments: int | None
    outputs: int | None
    temporaries: int | None
    code: int | None
    needed: int
    available: int

    @property
    def fits(self) -> bool:
        """Whether the program can run."""
        return self.needed <= self.available


@dataclasses.dataclass(frozen=True)
class SliceStep:
    """One training step on a slice.

    Attributes:
        topology: such as "v5e:16x16".
        chips: how many it has.
        batch_size: examples over all of them.
        effort: of the compiler, one of `EFFORTS`.
        compile_seconds: how long the compiler took.
        work: of one chip; None where the program does not fit, like all that follows.
        roofline: of one chip; a bound where `effort` is "full", an estimate where a hasty compiler moves more than need
            be.
        collectives: in the order of the program.
        traffic: bytes of one chip's main memory by the line that moves them, the lines that move most, see `traffic`.
    """

    topology: str
    chips: int
    batch_size: int
    effort: str
    compile_seconds: float
    memory: Memory
    work: Work | None = None
    roofline: Roofline | None = None
    collectives: tuple[Collective, ...] = ()
    traffic: tuple[tuple[str, float], ...] = ()

    @property
    def gathered_activations(self) -> list[Collective]:
        """Collectives that bring together what should stay apart."""
        return [one for one in self._gathers if one.carries == "activations"]

    @property
    def unknown_gathers(self) -> list[Collective]:
        """Those of which it cannot be told what they bring together."""
        return [one for one in self._gathers if one.carries is None]

    @property
    def _gathers(self) -> list[Collective]:
        return [one for one in self.collectives if one.kind in _GATHERS]

    @property
    def examples_per_second(self) -> float | None:
        """Over all chips, in the time that `roofline` says."""
        return self.batch_size / self.roofline.seconds if self.roofline else None

    def utilisation(self, peak_flops: float) -> float | None:
        """The share of a chip's peak that goes into products which the network asks for (MFU), in the same time."""
        if self.roofline is None or self.work is None:
            return None
        return (self.work.flops - self.work.recomputed_flops) / (self.roofline.seconds * peak_flops)


def compile_step(
    lowered: "jax.stages.Lowered",
    topology: Topology,
    batch_size: int,
    parameters: Collection[int],
    batch: Collection[int],
    effort: str,
) -> SliceStep:
    """Compile a step and read what the compiler made of it; takes minutes.

    Args:
        parameters, batch: sizes by which to tell what collectives carry, see `collectives`.

    Raises:
        ConfigError: when the compiler refuses the program for another reason than its size.
    """
    from jax.errors import JaxRuntimeError

    begin = time.monotonic()
    try:
        compiled = lowered.compile(EFFORTS[effort] or None)
    except JaxRuntimeError as error:
        compiled, memory = None, overflow(str(error))
    else:
        memory = _memory(compiled, topology)
    seconds = time.monotonic() - begin
    step = SliceStep(topology.name, topology.chips, batch_size, effort, seconds, memory)
    if compiled is None:
        return step
    program = hlo_text.parse(compiled.as_text())
    found, messages = work(program), tuple(collectives(program, parameters, batch))
    bound = roofline(found, messages, topology.chip)
    lines = tuple(traffic(program).items())[:_LINES]
    return dataclasses.replace(step, work=found, roofline=bound, collectives=messages, traffic=lines)


def overflow(message: str) -> Memory:
    """What the compiler says where a program is too large. Raises `ConfigError` when it says something else."""
    for pattern in _OVERFLOWS:
        if found := re.search(pattern, message):
            needed, there = (float(found[n]) * _UNITS[found[u]] for n, u in (("needed", "unit"), ("there", "of")))
            return Memory(None, None, None, None, int(needed), int(there))
    raise ConfigError(f"The TPU compiler refuses this step: {first_line(message)}")


def _memory(compiled: Any, topology: Topology) -> Memory:
    found = compiled.memory_analysis()
    outputs = found.output_size_in_bytes - found.alias_size_in_bytes
    parts = (
        found.argument_size_in_bytes,
        outputs,
        found.temp_size_in_bytes,
        found.generated_code_size_in_bytes,
    )
    return Memory(*parts, needed=sum(parts), available=topology.chip.memory or 0)


def from_json(found: dict[str, Any]) -> SliceStep:
    """The inverse of `dataclasses.asdict`. Raises `TypeError` or `KeyError` when it is something else."""
    return SliceStep(
        **{
            **found,
            "memory": Memory(**found["memory"]),
            "work": Work(**found["work"]) if found["work"] else None,
            "roofline": Roofline(**found["roofline"]) if found["roofline"] else None,
            "collectives": tuple(Collective(**{**one, "shape": tuple(one["shape"])}) for one in found["collectives"]),
            "traffic": tuple((line, moved) for line, moved in found["traffic"]),
        }
    )
