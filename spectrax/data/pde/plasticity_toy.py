"""A pressed block made here by prescribed kinematics: it stands in for plastic forging, which is published only, and is
no mechanics."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.pde.generated import Generated


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlasticityToy(Generated):
    """The layout of the published forging, see `spectrax.solvers.plasticity_toy`: "input" (along, up, times, 1), the
    die's height along the first axis, repeated; "target" (along, up, times, 4), position and displacement.

    Attributes:
        grid: [along, up, times].
        rise: millimetres between the heights of the die's knots, at most.
        travel: millimetres that the die moves.

    Raises:
        ConfigError: when the grid has not three sizes, or a length makes no sense.
    """

    grid: Sequence[int]
    rise: float = 5.0
    travel: float = 6.0

    name = "plasticity_toy_generated"
    option = "plasticity_toy"
    solver = "spectrax.solvers.plasticity_toy"
    precision = "float64"
    description = (
        "A toy in the place of plastic forging: a block that a random die presses by prescribed, area-preserving "
        "kinematics; no mechanics is solved. The die to the block's deformation in time."
    )
    units = "millimetres"
    citation = "none: made up here in the layout of the plasticity of Z. Li et al., 2022"
    in_processes = False  # a block takes milliseconds

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.grid) != 3:
            raise ConfigError(f"dataset.source.grid={list(self.grid)} should be three sizes, as [101,31,20].")
        if min(self.rise, self.travel) <= 0:
            raise ConfigError("dataset.source: rise and travel of a die are positive.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((*self.grid, 1), "float32", "height of the die along the first axis"),
            "target": FieldSpec((*self.grid, 4), "float32", "position x, y and displacement x, y"),
        }

    def examples(self, split: str, first: int, count: int) -> dict[str, Any]:
        """Some examples of a split."""
        from spectrax.solvers import plasticity_toy

        along, up, times = self.grid
        dies = [plasticity_toy.random_die(self.seed, i, self.rise) for i in self.indices(split, first, count)]
        heights = [plasticity_toy.die_heights(die, np.linspace(0.0, plasticity_toy.LENGTH, along)) for die in dies]
        blocks = [plasticity_toy.pressed_block(die, grid=(along, up), times=times, travel=self.travel) for die in dies]
        given = np.stack(heights)[:, :, None, None, None]
        return {"input": np.broadcast_to(given, (count, *self.grid, 1)), "target": np.stack(blocks)}
