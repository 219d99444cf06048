"""The compiled functions of a run whose training step is `jax.pmap`'s."""

import functools
from typing import Any

import jax
import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.training.program import Program
from spectrax.training.step import train_steps


class Pmapped(Program):
    """The same step once per device, with explicit sums over devices where the batch as a whole is meant.

    Every device holds the whole state. What `jax.pmap` compiles is called directly, with arrays that know where they
    are: so a state can be saved, restored and evaluated like any other.

    Raises:
        ConfigError: when the layout splits parameters.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        split = [name for name in ("fsdp", "model") if self.layout.mesh.shape[name] > 1]
        if split:
            raise ConfigError(
                f"trainer.parallel=pmap keeps the whole state on every device, and mesh.{split[0]}="
                f"{self.layout.mesh.shape[split[0]]} would split it. Use mesh.{split[0]}=1, or trainer.parallel=jit."
            )

    def lower(self) -> jax.stages.Lowered:
        """Trace the training step for one device."""
        mesh = jax.sharding.Mesh(self.layout.mesh.devices.reshape(-1), ("data",))
        step = jax.pmap(
            functools.partial(train_steps, self._rule, self._loader),
            axis_name="data",
            in_axes=(None, None, 1, None, 0),
            out_axes=None,
            devices=list(mesh.devices),
            donate_argnums=0 if self._donate else (),
        )
        share = self.layout.process_share[1]
        feeds = jax.tree.map(self._apart, self._stacked(self._loader.example_feed((0, share))))
        arguments = (self.abstract_state, self._loader.resident_shapes, feeds, np.int32(1), self._stop_shapes(share))
        if jax.process_count() > 1:
            # `pmap` itself takes one process's part of everything, and asks it where it is.
            arguments = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), arguments)
        # The mesh in force would have to be the one that `pmap` makes for itself.
        with jax.set_mesh(mesh):
            return step.lower(*arguments)

    def _placed(self, stacked: Any) -> Any:
        return super()._placed(jax.tree.map(self._apart, stacked))

    def _apart(self, leaf: Any) -> Any:
        """(calls, examples, ...) -> (calls, devices, examples of each, ...)."""
        calls, count, *rest = leaf.shape
        each = self._batch_size // self.layout.batch_shards
        shape = (calls, count // each, each, *rest)
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(shape, leaf.dtype)
        return leaf.reshape(shape)
