"""An experiment's training step on a slice of TPUs that is not here: compiled, remembered, shown."""

import dataclasses
import functools
import math
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrax.core.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from spectrax.described.slice_step import SliceStep
    from spectrax.parallel.topology import Topology


@dataclasses.dataclass(frozen=True)
class Pending:
    """A step that is being compiled, or was compiled before.

    Attributes:
        topology: the slice.
        path: where it is remembered.
        compiling: what is under way; None when it was remembered.
        known: what was remembered.
    """

    topology: "Topology"
    path: Path
    compiling: "Future[SliceStep] | None"
    known: "SliceStep | None"

    @property
    def remembered(self) -> Path | None:
        """The file, when there was no need to compile."""
        return None if self.known is None else self.path

    def finish(self) -> "SliceStep":
        """Wait, showing the time. Raises `ConfigError` when the compiler refuses the step."""
        from spectrax.described import slice_cache, waiting

        if self.known is not None:
            return self.known
        name, chips = self.topology.name, self.topology.chips
        with waiting.shown(f"Compiling the training step for {name} ({chips:,} chips), which takes minutes"):
            step = self.compiling.result()
        slice_cache.write(self.path, step)
        return step


def begin(config: "DictConfig", topology: "Topology", effort: str) -> Pending:
    """Trace the step and begin to compile it, unless it is remembered.

    Raises:
        ConfigError: when the compiler is not installed, or experiment and slice do not go together.
    """
    from omegaconf import OmegaConf

    from spectrax.described import slice_cache, waiting
    from spectrax.parallel.topology import compiler_version, keep_to_cpu

    compiler_version()
    keep_to_cpu()
    path = slice_cache.location(OmegaConf.to_container(config, resolve=True), topology.name, effort)
    known = slice_cache.read(path)
    compiling = None if known else waiting.started(_compilation(config, topology, effort))
    return Pending(topology, path, compiling, known)


def as_json(step: "SliceStep", topology: "Topology") -> dict[str, Any]:
    """The step with what follows from it: estimates of time and speed, which are bounds at effort=full alone."""
    return {
        **dataclasses.asdict(step),
        "fits": step.memory.fits,
        "step_seconds_estimate": step.roofline and step.roofline.seconds,
        "examples_per_second_estimate": step.examples_per_second,
        "mfu_estimate": step.utilisation(topology.chip.flops["bfloat16"]),
        "activations_gathered": len(step.gathered_activations),
        "unknown_gathers": len(step.unknown_gathers),
    }


def show(step: "SliceStep", topology: "Topology", remembered: Path | None) -> None:
    """Print it."""
    from spectrax.core.screen import standard_output
    from spectrax.described import slice_text

    console = standard_output()
    how = f"remembered in {remembered}" if remembered else f"compiled in {step.compile_seconds:.0f} s"
    console.print(f"\nTraining step of {step.batch_size:,} examples on {step.topology}, {how}", markup=False)
    for name, text in slice_text.lines(step, topology.chip):
        console.print(f"  {name:<10} {text}", markup=False)
    if step.collectives:
        console.print(slice_text.table(step.collectives))
    if step.traffic:
        console.print(slice_text.traffic_table(step))


def _compilation(config: "DictConfig", topology: "Topology", effort: str) -> "Callable[[], SliceStep]":
    """The step traced for a slice; what is returned compiles it."""
    import jax

    from spectrax.assembly import assemble
    from spectrax.config.build import build
    from spectrax.described import waiting
    from spectrax.described.slice_step import compile_step
    from spectrax.parallel import topology as topologies
    from spectrax.training.state import abstract_weights

    trainer = build(config.trainer)
    if not hasattr(trainer, "lowered_step"):
        raise ConfigError(f"topology= is for trainers that take steps, and {type(trainer).__name__} takes none.")
    tell = functools.cache(lambda: print("Another process uses the TPU compiler; waiting for it ...", flush=True))
    experiment = assemble(config, topologies.devices(topology, tell))
    with waiting.shown(f"Tracing the training step for {topology.name}"):
        lowered = trainer.lowered_step(experiment)
    weights = jax.tree.leaves(abstract_weights(experiment.make_model, experiment.layout)[1])
    shapes = [shape for leaf in weights for shape in (leaf.shape, leaf.sharding.shard_shape(leaf.shape))]
    micro_batch = trainer.batch_size // trainer.accumulate
    return functools.partial(
        compile_step,
        lowered,
        topology,
        batch_size=trainer.batch_size,
        parameters={math.prod(shape) for shape in shapes},
        batch={micro_batch, micro_batch // experiment.layout.batch_shards},
        effort=effort,
    )
