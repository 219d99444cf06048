"""TPU slices: which there are, and of how many machines they are.

From Google's documentation, as of 2026: topologies, chips and accelerator types from cloud.google.com/tpu/docs/v4,
/v5e, /v5p and /v6e, versions of the machines' software from /tpu/docs/runtimes, labels and chips per node from
cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus.
"""

import dataclasses
import math
import re
from collections.abc import Sequence

from programs import Mistake

_SUGGESTED = 3


@dataclasses.dataclass(frozen=True)
class Generation:
    """A kind of TPU.

    Attributes:
        accelerator: how the accelerator types of Cloud TPU begin: v5litepod-16.
        units_per_chip: what the number in an accelerator type counts: chips, or TensorCores, of which a chip has two.
        runtime: version of the machines' software.
        label: value of the node label cloud.google.com/gke-tpu-accelerator.
        single_host: slices of at most so many chips are one machine; in larger ones each machine has four.
        topologies: all that there are, smallest first.
    """

    name: str
    accelerator: str
    units_per_chip: int
    runtime: str
    label: str
    single_host: int
    topologies: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Slice:
    """Chips that are connected to each other, in one or several machines (hosts)."""

    generation: Generation
    topology: str

    @property
    def chips(self) -> int:
        """Of all hosts together."""
        return _chips(self.topology)

    @property
    def hosts(self) -> int:
        """Machines; on each runs one process."""
        return 1 if self.chips <= self.generation.single_host else self.chips // 4

    @property
    def chips_per_host(self) -> int:
        """The same on all hosts."""
        return self.chips // self.hosts

    @property
    def accelerator(self) -> str:
        """The accelerator type with so many chips, such as v5p-16."""
        return f"{self.generation.accelerator}-{self.chips * self.generation.units_per_chip}"


def _chips(topology: str) -> int:
    return math.prod(map(int, topology.split("x")))


def _cubes(largest: int) -> tuple[str, ...]:
    """Topologies in three dimensions: parts of a cube of 64 chips, and what is put together from such cubes."""
    shapes = [
        (a, b, c)
        for a in range(4, round(largest ** (1 / 3)) + 1, 4)
        for b in range(a, math.isqrt(largest // a) + 1, 4)
        for c in range(b, largest // (a * b) + 1, 4)
    ]
    # Of the same number of chips the most compact first: it is the one that an accelerator type stands for.
    shapes.sort(key=lambda shape: (math.prod(shape), max(shape)))
    return ("2x2x1", "2x2x2", "2x2x4", "2x4x4", *("x".join(map(str, shape)) for shape in shapes))


_FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
GENERATIONS = {
    generation.name: generation
    for generation in (
        Generation("v4", "v4", 2, "tpu-ubuntu2204-base", "tpu-v4-podslice", 4, _cubes(2048)),
        Generation("v5e", "v5litepod", 1, "v2-alpha-tpuv5-lite", "tpu-v5-lite-podslice", 8, _FLAT),
        Generation("v5p", "v5p", 2, "v2-alpha-tpuv5", "tpu-v5p-slice", 4, _cubes(6144)),
        Generation("v6e", "v6e", 1, "v2-alpha-tpuv6e", "tpu-v6e-slice", 8, _FLAT),
    )
}


def by_topology(name: str, topology: str) -> Slice:
    """The slice of a generation with a topology such as 4x4; raises `Mistake` where there is none."""
    generation = GENERATIONS[name]
    if topology in generation.topologies:
        return Slice(generation, topology)
    sides = re.findall(r"\d+", topology)
    turned = [known for known in generation.topologies if sorted(known.split("x")) == sorted(sides)]
    nearest = turned or _nearest(generation.topologies, [_chips(known) for known in generation.topologies], sides)
    raise Mistake(f"There is no {name} slice of topology {topology}. The nearest: {', '.join(nearest)}.")


def by_accelerator(accelerator: str) -> Slice:
    """The slice that an accelerator type such as v5litepod-16 names; raises `Mistake` where there is none."""
    beginning, _, number = accelerator.partition("-")
    generation = next((known for known in GENERATIONS.values() if known.accelerator == beginning), None)
    if generation is None:
        begin = GENERATIONS[beginning].accelerator if beginning in GENERATIONS else None
        known = f"{begin}-{number}" if begin else ", ".join(f"{known.accelerator}-16" for known in GENERATIONS.values())
        raise Mistake(f"There is no accelerator type {accelerator}. Did you mean {known}?")
    slices = {found.accelerator: found for found in _compact(generation)}
    if accelerator in slices:
        return slices[accelerator]
    nearest = _nearest(list(slices), [int(name.partition("-")[2]) for name in slices], [number])
    raise Mistake(f"There is no accelerator type {accelerator}. The nearest: {', '.join(nearest)}.")


def require_compact(asked: Slice) -> None:
    """Raise `Mistake` where an accelerator type cannot name the topology, since another has as many chips."""
    named = by_accelerator(asked.accelerator)
    if named != asked:
        raise Mistake(
            f"Cloud TPU gives {asked.accelerator} the topology {named.topology}, not {asked.topology}. "
            f"Ask for --topology {named.topology}, or use GKE, where nodes can have either."
        )


def _compact(generation: Generation) -> list[Slice]:
    slices: dict[int, Slice] = {}
    for topology in generation.topologies:
        slices.setdefault(_chips(topology), Slice(generation, topology))
    return list(slices.values())


def _nearest(names: Sequence[str], sizes: Sequence[int], numbers: Sequence[str]) -> list[str]:
    """The names whose sizes are nearest to the product of the numbers, the smallest first."""
    wanted = math.prod(int(number) for number in numbers if number.isdecimal()) or 1
    nearest = sorted(zip(names, sizes, strict=True), key=lambda known: abs(math.log(known[1] / wanted)))[:_SUGGESTED]
    return [name for name, _ in sorted(nearest, key=lambda known: known[1])]
