"""The least time that a step can take on a chip: what it must compute, move and send, over the chip's peaks."""

import dataclasses
from collections.abc import Iterable

from spectrax.diagnostics.collectives import Collective
from spectrax.diagnostics.compiled_work import Work
from spectrax.parallel.accelerators import Accelerator


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Seconds for each kind of work by itself; at best they overlap wholly, and the longest counts.

    Attributes:
        compute: products in the matrix units, in bfloat16 passes. No elementwise work, for which no peak is published.
        memory: traffic to the main memory.
        links: messages to other chips, all links of a chip in use.
    """

    compute: float
    memory: float
    links: float

    @property
    def seconds(self) -> float:
        """The bound."""
        return max(self.compute, self.memory, self.links)


def roofline(work: Work, collectives: Iterable[Collective], chip: Accelerator) -> Roofline:
    """The bound for one chip. The table of accelerators must hold all peaks of it."""
    if chip.memory_bandwidth is None or chip.link_bandwidth is None:
        raise ValueError(f"The bandwidths of {chip.kind} are not known.")
    return Roofline(
        compute=work.pass_flops / chip.flops["bfloat16"],
        memory=work.memory_bytes / chip.memory_bandwidth,
        links=sum(map(sent_bytes, collectives)) / (chip.link_bandwidth / 2),
    )


def sent_bytes(collective: Collective) -> float:
    """Bytes that a device must send at least, in one call of the program; the ring algorithms reach it."""
    others = 1.0 if collective.group is None else (collective.group - 1) / max(collective.group, 1)
    rounds = {"all-reduce": 2.0 * others, "collective-permute": 1.0, "collective-broadcast": 1.0}
    return collective.total_bytes * rounds.get(collective.kind, others)
