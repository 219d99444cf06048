"""Steady incompressible flow through a curved pipe, by finite elements of Taylor and Hood (scikit-fem).

    (u . grad) u - viscosity Laplacian u + grad p = 0,    div u = 0

The inlet's profile is parabolic, walls hold the fluid, and the outlet is free (viscosity du/dn = p n). Elements are
isoparametric Q2-Q1, and their velocity nodes are the grid points of `pipe_mesh`. With the default viscosity 0.005 and
largest inlet velocity 1 this is the pipe problem of Li et al. (2022), Geo-FNO, section 4.4, as far as it is on record;
the prior of the shapes is recalled, and sets made here are approximations of the published one. Needs the extra `pde`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import splu

from spectrax.core.errors import ConfigError
from spectrax.solvers.optional_packages import require
from spectrax.solvers.pipe_mesh import LENGTH, WIDTH, centreline, pipe_mesh

PICARD_UNTIL = 0.1  # relative change of the velocity at which Newton's method takes over
COARSE = 65  # points from which the iteration starts with the flow on a grid half as fine
ITERATIONS = 60


@dataclass(frozen=True)
class PipeFlow:
    """A flow at the grid points (along, across) of a pipe, x first, in float64."""

    points: np.ndarray  # (along, across, 2)
    velocity: np.ndarray  # (along, across, 2): horizontal, vertical
    changes: tuple[float, ...]  # relative change of the velocity in each iteration


def solve_pipe(
    shape: ArrayLike,
    *,
    size: tuple[int, int] = (129, 129),
    viscosity: float = 0.005,
    inlet_velocity: float = 1.0,
    tolerance: float = 1e-6,
) -> PipeFlow:
    """The flow through the pipe `shape` (10,), see `pipe_mesh.pipe_shape`.

    Args:
        size: grid points along and across, at least 3 each. Elements have three nodes a side; for an even number of
            points the flow is computed on the grid twice as fine.
        viscosity: kinematic, with the width 1 and `inlet_velocity` 1 a Reynolds number of 1 / viscosity.
        inlet_velocity: the largest of the parabola at the inlet.
        tolerance: relative change of the velocity at which the iteration ends; Newton's is quadratic, so that the
            error left is about its square.

    Raises:
        ConfigError: when scikit-fem is missing, an argument is out of range, or the iteration does not converge.
    """
    require("skfem")
    if min(size) < 3 or min(viscosity, inlet_velocity) <= 0:
        raise ConfigError("A pipe has at least 3 points a side, and its viscosity and velocity are positive.")
    system = _System(np.asarray(shape, np.float64), size, viscosity, inlet_velocity)
    velocity, changes = np.zeros((2, system.nodes)), []
    if min(size) >= COARSE:
        coarse = tuple(points // 2 + 1 for points in size)
        velocity = system.from_grid(solve_pipe(shape, size=coarse, viscosity=viscosity, inlet_velocity=inlet_velocity))
    while not changes or changes[-1] > tolerance:
        newton = changes[-1] < PICARD_UNTIL if changes else min(size) >= COARSE
        following = system.iterate(velocity, newton)
        changes.append(float(np.linalg.norm(following - velocity) / np.linalg.norm(following)))
        velocity = following
        if len(changes) == ITERATIONS or not np.isfinite(changes[-1]):
            raise ConfigError(f"The flow at viscosity {viscosity:g} did not converge: raise the viscosity or the size.")
    return PipeFlow(pipe_mesh(shape, size), system.at_grid_points(velocity), tuple(changes))


class _System:
    """The discrete equations of one pipe; unknowns are both velocities at Q2 nodes and the pressure at Q1 nodes."""

    def __init__(self, shape: np.ndarray, size: tuple[int, int], viscosity: float, inlet_velocity: float):
        from skfem import Basis, BilinearForm, ElementQuad1, ElementQuad2, MeshQuad1, MeshQuad2
        from skfem.helpers import dot, grad

        self.size, self.strides = size, tuple(1 + (points - 1) % 2 for points in size)
        elements = [(points - 1) * stride // 2 for points, stride in zip(size, self.strides, strict=True)]
        straight = MeshQuad2.from_mesh(
            MeshQuad1.init_tensor(
                np.linspace(0, LENGTH, elements[0] + 1), np.linspace(-WIDTH / 2, WIDTH / 2, elements[1] + 1)
            )
        )
        x, y = straight.doflocs
        bent = MeshQuad2(np.stack([x, y + centreline(shape, x)]), straight.t)
        self.basis = Basis(bent, ElementQuad2(), intorder=5)
        pressure = self.basis.with_element(ElementQuad1())
        self.nodes = self.basis.N
        self.diffusion = viscosity * BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(self.basis)
        self.divergence = [
            BilinearForm(lambda u, q, w, axis=axis: -grad(u)[axis] * q).assemble(self.basis, pressure)
            for axis in (0, 1)
        ]
        position = Basis(straight, ElementQuad2(), intorder=1).doflocs  # of the nodes in the straight pipe
        self._number_nodes(position, elements)
        self._prescribe(position, inlet_velocity, pressure.N)

    def _number_nodes(self, position: np.ndarray, elements: list[int]) -> None:
        """Where each node lies in the grid of nodes (2 elements + 1 a side)."""
        rows = np.rint(position[0] / LENGTH * 2 * elements[0]).astype(int)
        columns = np.rint((position[1] / WIDTH + 0.5) * 2 * elements[1]).astype(int)
        self.grid = np.empty((2 * elements[0] + 1, 2 * elements[1] + 1), int)
        self.grid[rows, columns] = np.arange(self.nodes)

    def _prescribe(self, position: np.ndarray, inlet_velocity: float, pressures: int) -> None:
        """Velocities at inlet and walls, as values of all unknowns and the unknowns left free."""
        self.prescribed = np.zeros(2 * self.nodes + pressures)
        inlet = self.grid[0]
        self.prescribed[inlet] = inlet_velocity * (1 - (2 * position[1, inlet] / WIDTH) ** 2)
        held = np.unique(np.concatenate([inlet, self.grid[:, 0], self.grid[:, -1]]))
        self.free = np.setdiff1d(np.arange(len(self.prescribed)), np.concatenate([held, held + self.nodes]))

    def iterate(self, velocity: np.ndarray, newton: bool) -> np.ndarray:
        """The next velocity (2, nodes): convection is linearised around this one, by Picard or by Newton.

        Newton's method for a quadratic term: w . grad u + u . grad w = w . grad w.
        """
        convection, gradients = self._convection(velocity, newton)
        flow = self.diffusion + convection
        blocks: list[list[Any]] = [[flow, None], [None, flow]]
        force = np.zeros_like(self.prescribed)
        if newton:
            blocks = [[flow + gradients[0][0], gradients[0][1]], [gradients[1][0], flow + gradients[1][1]]]
            force[: 2 * self.nodes] = (convection @ velocity.T).T.ravel()
        blocks = [[*row, constraint.T] for row, constraint in zip(blocks, self.divergence, strict=True)]
        matrix = sparse.bmat([*blocks, [*self.divergence, None]], format="csr")
        return self._solve(matrix, force)[: 2 * self.nodes].reshape(2, -1)

    def _convection(self, velocity: np.ndarray, newton: bool) -> tuple[Any, list[list[Any]] | None]:
        """Matrices of w . grad u and, for Newton, of (dw_a / dx_b) u."""
        from skfem import BilinearForm
        from skfem.helpers import grad

        fields = [self.basis.interpolate(component) for component in velocity]
        convection = BilinearForm(lambda u, v, w: (w["a"] * grad(u)[0] + w["b"] * grad(u)[1]) * v).assemble(
            self.basis, a=fields[0], b=fields[1]
        )
        if not newton:
            return convection, None
        reaction = BilinearForm(lambda u, v, w: w["rate"] * u * v)
        return convection, [
            [reaction.assemble(self.basis, rate=field.grad[axis]) for axis in (0, 1)] for field in fields
        ]

    def _solve(self, matrix: sparse.csr_matrix, force: np.ndarray) -> np.ndarray:
        solution = self.prescribed.copy()
        rows = matrix[self.free]
        # minimum degree on the symmetric pattern: a fifth of the time and a third of the memory of the default
        factors = splu(
            rows[:, self.free].tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-3,
            options={"SymmetricMode": True},
        )
        solution[self.free] = factors.solve(force[self.free] - rows @ self.prescribed)
        return solution

    def from_grid(self, flow: PipeFlow) -> np.ndarray:
        """Velocity (2, nodes) interpolated from a flow on another grid of the same pipe."""
        axes = [np.linspace(0, 1, points) for points in flow.velocity.shape[:2]]
        fine = np.stack(np.meshgrid(*(np.linspace(0, 1, nodes) for nodes in self.grid.shape), indexing="ij"), -1)
        velocity = np.empty((2, self.nodes))
        velocity[:, self.grid] = np.moveaxis(RegularGridInterpolator(axes, flow.velocity)(fine), -1, 0)
        return velocity

    def at_grid_points(self, velocity: np.ndarray) -> np.ndarray:
        """Velocity (along, across, 2) at the points asked for."""
        return np.moveaxis(velocity[:, self.grid[:: self.strides[0], :: self.strides[1]]], 0, -1)
