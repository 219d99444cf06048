"""The published benchmarks on regular grids, in MATLAB files: Darcy flow and the Navier-Stokes equation."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from spectrax.core.errors import ConfigError
from spectrax.core.protocols import FieldSpec
from spectrax.data.field_source import thinned_size
from spectrax.data.pde.published import Layout, Published

_CITATION = "Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedDarcy(Published):
    """Darcy flow as published: permeability to pressure, both (size, size, 1). Training examples are the first ones of
    one file, test examples the first ones of another.

    Attributes:
        file_grid: of the files.
        strides: along both axes, of which every such point is kept: 421 and 5 give 85.
        train_file, test_file: their names.
    """

    file_grid: Sequence[int] = (421, 421)
    strides: Sequence[int] = (5, 5)
    train_file: str = "piececonst_r421_N1024_smooth1.mat"
    test_file: str = "piececonst_r421_N1024_smooth2.mat"

    name = "darcy_published"
    option = "darcy_published"
    description = "Steady flow through a random medium of two permeabilities: permeability to pressure."
    units = "dimensionless: the square has side 1, the source strength 1"
    citation = _CITATION

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        shape = (*map(thinned_size, self.file_grid, self.strides), 1)
        return {
            "input": FieldSpec(shape, "float32", "permeability a"),
            "target": FieldSpec(shape, "float32", "pressure p"),
        }

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        file, shape = getattr(self, f"{split}_file"), (None, *self.file_grid)
        return {name: Layout(file, shape, name, tuple(self.strides)) for name in ("coeff", "sol")}

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        return {"input": arrays["coeff"][..., None], "target": arrays["sol"][..., None]}

    def first_row(self, split: str, rows: int) -> int:
        """Both splits begin with the first example of their file."""
        return 0

    def wanted_rows(self, split: str) -> int:
        """As many as the split has."""
        return self.splits[split]

    @property
    def split_rule(self) -> str:
        """For people."""
        return f"the first {self.train:,} of {self.train_file}, the first {self.test:,} of {self.test_file}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedNavierStokes(Published):
    """Vorticity on the unit torus as published: `frames_in` frames to the `frames_out` after them.

    Attributes:
        file: its name; those of other viscosities have the same form.
        file_grid: of the file.
        strides: along both axes.
        frames_in, frames_out: of the times that are kept, from the first on.
        every: of the file's times, which are 1, 2 and so on, each so many-th is kept.
        from_start: whether the vorticity at time 0, the file's `a`, is the first frame.

    Raises:
        ConfigError: when a count is not positive.
    """

    file: str = "NavierStokes_V1e-5_N1200_T20.mat"
    file_grid: Sequence[int] = (64, 64)
    strides: Sequence[int] = (1, 1)
    frames_in: int = 10
    frames_out: int = 10
    every: int = 1
    from_start: bool = False

    name = "navier_stokes_published"
    option = "navier_stokes_published"
    description = "Forced flow on a torus: vorticity of some times to that of the times after them."
    units = "dimensionless: the torus has side 1; vorticity is per unit of time"
    citation = _CITATION

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.frames_in, self.frames_out, self.every) < 1:
            raise ConfigError("dataset.source: frames_in, frames_out and every of a flow are at least 1.")

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Of an example."""
        grid = tuple(map(thinned_size, self.file_grid, self.strides))
        return {
            "input": FieldSpec((*grid, self.frames_in), "float32", "vorticity of the first times"),
            "target": FieldSpec((*grid, self.frames_out), "float32", "vorticity of the times after them"),
        }

    def layouts(self, split: str) -> Mapping[str, Layout]:
        """The arrays of a split."""
        times = (self.frames_in + self.frames_out - self.from_start) * self.every
        frames = Layout(self.file, (None, *self.file_grid, f">={times}"), "u", tuple(self.strides))
        start = Layout(self.file, (None, *self.file_grid), "a", tuple(self.strides))
        return {"u": frames, "a": start} if self.from_start else {"u": frames}

    def example_fields(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The fields of some examples."""
        frames = arrays["u"][..., self.every - 1 :: self.every]
        if self.from_start:
            frames = np.concatenate([arrays["a"][..., None], frames], -1)
        end = self.frames_in + self.frames_out
        return {"input": frames[..., : self.frames_in], "target": frames[..., self.frames_in : end]}
