"""The published benchmarks on meshes and point clouds: airfoil, pipe, elasticity and plasticity."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import thinned_size
from spectrax.data.pde.published import Layout, Published

_CITATION = "Z. Li et al., Fourier neural operator with learned deformations for PDEs on general geometries, 2022"
_CODE = 42  # numbers that describe the void of an elastic cell


@dataclasses.dataclass(frozen=True, kw_only=True)
class _PublishedMesh(Published):
    """A mesh of points to one of the quantities of a flow there; "input" (n1, n2, 2), "target" (n1, n2, 1).

    Attributes:
        file_grid: of the files.
        strides: along both axes of the mesh.
        channels: quantities in the file.
    """

    file_grid: Sequence[int]
    strides: Sequence[int] = (1, 1)
    channels: int

    prefix: ClassVar[str]
    channel: ClassVar[int]
    quantity: ClassVar[str]
    places = True
    citation = _CITATION

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        grid = tuple(map(thinned_size, self.file_grid, self.strides))
        return {
            "input": FieldSpec((*grid, 2), "float32", "x and y of the mesh's points"),
            "target": FieldSpec((*grid, 1), "float32", self.quantity),
        }

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        grid, strides = tuple(self.file_grid), tuple(self.strides)
        place = {axis: Layout(f"{self.prefix}_{axis}.npy", (None, *grid), strides=strides) for axis in "XY"}
        values = Layout(f"{self.prefix}_Q.npy", (None, f">={self.channels}", *grid), strides=(1, *strides))
        return {**place, "Q": values}

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        return {
            "input": np.stack([arrays["X"], arrays["Y"]], -1),
            "target": arrays["Q"][:, self.channel, ..., None],
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedAirfoil(_PublishedMesh):
    """Transonic flow around airfoils: C-grid to Mach number."""

    file_grid: Sequence[int] = (221, 51)
    channels: int = 5

    name = "airfoil_published"
    option = "airfoil_published"
    prefix = "naca/NACA_Cylinder"
    channel = 4  # density, two velocities, pressure, Mach number
    quantity = "Mach number"
    description = "Transonic flow around deformed NACA-0012 airfoils: mesh to Mach number."
    units = "chords; the far field has Mach number 0.8"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedPipe(_PublishedMesh):
    """Laminar flow through bent pipes: mesh to horizontal velocity."""

    file_grid: Sequence[int] = (129, 129)
    channels: int = 1

    name = "pipe_published"
    option = "pipe_published"
    prefix = "pipe/Pipe"
    channel = 0
    quantity = "horizontal velocity"
    description = "Laminar flow through bent pipes: mesh to horizontal velocity."
    units = "widths of the pipe; the inlet's largest velocity is 1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedElasticityPoints(Published):
    """A stretched cell with a void: "input" points (points, 2), "code" (42,) that describes the void, "target" stress
    (points, 1).

    Attributes:
        points: in each cloud.
    """

    points: int = 972

    name = "elasticity_points_published"
    option = "elasticity_points_published"
    places = True
    description = "A stretched hyperelastic cell with a void: points to stress."
    units = "sides of the cell; stress as published"
    citation = _CITATION

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((self.points, 2), "float32", "x and y of the points"),
            "code": FieldSpec((_CODE,), "float32", "numbers that describe the void"),
            "target": FieldSpec((self.points, 1), "float32", "stress"),
        }

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        shapes = {"XY": (self.points, 2, None), "sigma": (self.points, None), "rr": (_CODE, None)}
        return {name: Layout(f"Meshes/Random_UnitCell_{name}_10.npy", shape) for name, shape in shapes.items()}

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        return {"input": arrays["XY"], "code": arrays["rr"], "target": arrays["sigma"][..., None]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedElasticityGrid(Published):
    """The same cells on a regular grid: "input" and "domain" are 1 outside the void, "target" the stress there.

    Attributes:
        file_grid: of the files.
        strides: along both axes.
    """

    file_grid: Sequence[int] = (41, 41)
    strides: Sequence[int] = (1, 1)

    name = "elasticity_grid_published"
    option = "elasticity_grid_published"
    description = "A stretched hyperelastic cell with a void: its shape to stress, both on a regular grid."
    units = "sides of the cell; stress as published"
    citation = _CITATION

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        shape = (*map(thinned_size, self.file_grid, self.strides), 1)
        outside = FieldSpec(shape, "float32", "1 outside the void, 0 in it")
        return {"input": outside, "domain": outside, "target": FieldSpec(shape, "float32", "stress")}

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        shape, strides = (*self.file_grid, None), tuple(self.strides)
        files = {name: f"Interp/Random_UnitCell_{name}_10_interp.npy" for name in ("mask", "sigma")}
        return {name: Layout(file, shape, strides=strides) for name, file in files.items()}

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        outside = arrays["mask"][..., None]
        return {"input": outside, "domain": outside, "target": arrays["sigma"][..., None]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedPlasticity(Published):
    """A block forged by a die: "input" (n1, n2, times, 1), the die's shape along the first axis, repeated; "target"
    (n1, n2, times, 4), position and displacement of the block's points.

    Attributes:
        file_grid: [n1, n2, times] of the file.
    """

    file_grid: Sequence[int] = (101, 31, 20)

    name = "plasticity_published"
    option = "plasticity_published"
    description = "A block of metal forged by a die of random shape: the die to the block's deformation in time."
    units = "as published: millimetres"
    citation = _CITATION

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        return {
            "input": FieldSpec((*self.file_grid, 1), "float32", "height of the die along the first axis"),
            "target": FieldSpec((*self.file_grid, 4), "float32", "position x, y and displacement x, y"),
        }

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        file = "plas_N987_T20.mat"
        return {
            "input": Layout(file, (None, self.file_grid[0]), "input"),
            "output": Layout(file, (None, *self.file_grid, 4), "output"),
        }

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        die = arrays["input"][:, :, None, None, None]
        return {"input": np.broadcast_to(die, (*arrays["output"].shape[:-1], 1)), "target": arrays["output"]}
