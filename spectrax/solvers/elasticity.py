"""A unit cell with a void, clamped below and pulled above: finite elasticity by mixed finite elements (scikit-fem).

Plane strain, displacement at the nodes of isoparametric Q2 elements and pressure at those of Q1 (Taylor-Hood), dead
traction on the upper side, Newton's method with load steps. The problem is that of Li et al. (2022), Geo-FNO, section
4.1, as recalled: a two-term Rivlin-Saunders solid with the moduli 1.863e5 and 9.79e3 and the traction 100. Taken in one
unit that traction would stretch the cell by some 0.0004. Read as moduli in pascal and traction in kilopascal it
stretches it by a fifth to a third, a finite deformation, and so it is done here: everything is in kilopascal.
The scalar is von Mises' stress (of Cauchy's tensor, at the undeformed nodes); which one was published is not on record.
Sets made here resemble the published one statistically and are no copy of it. Needs the extra `pde`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import splu

from spectrax.core.errors import ConfigError
from spectrax.solvers.elasticity_mesh import ACROSS, AROUND, on_image, unit_cell_nodes, void_code
from spectrax.solvers.optional_packages import require
from spectrax.solvers.rivlin_saunders import RivlinSaunders, cofactor, von_mises

if TYPE_CHECKING:
    from skfem import MeshQuad2

Base = Literal["clamped", "sliding"]  # "sliding": the lower side moves sideways, but for its left corner

RUBBER = RivlinSaunders()
TOLERANCE = 1e-8  # forces out of balance, relative to the load
NEWTON_STEPS = 12  # within one load step
SMALLEST_LOAD_STEP = 1 / 256
# places of an element's nodes, in scikit-fem's order, as steps around and outwards in the grid of all nodes
NODES_OF_AN_ELEMENT = ((0, 0), (0, 2), (2, 2), (2, 0), (0, 1), (1, 2), (2, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class UnitCell:
    """A void, and the stress around it in float64; stresses in kilopascal, lengths in sides of the cell."""

    points: np.ndarray  # (points, 2): undeformed nodes, those of a ray from the void outwards one after the other
    stress: np.ndarray  # (points,): von Mises
    displacement: np.ndarray  # (points, 2)
    code: np.ndarray  # (42,): radius of the void at 42 angles
    image_mask: np.ndarray  # (size, size): 1 outside the void, x first
    image_stress: np.ndarray  # (size, size): 0 in the void


@dataclass(frozen=True)
class Deformation:
    """A deformed mesh."""

    displacement: np.ndarray  # (2, nodes of the Q2 elements), as scikit-fem numbers them
    pressure: np.ndarray  # (vertices,)
    stress: np.ndarray  # (vertices,): von Mises
    reaction: np.ndarray  # (2,): force that holds the lower side, per thickness
    imbalance: float  # largest force at a free node, relative to the load


def solve_unit_cell(
    void: ArrayLike,
    *,
    around: int = AROUND,
    across: int = ACROSS,
    traction: float = 100.0,
    material: RivlinSaunders = RUBBER,
    image_size: int = 41,
) -> UnitCell:
    """The stress around one void, see `elasticity_mesh.random_void`.

    Args:
        void: amplitudes (waves + 1, 2).
        around, across: vertices of the structured mesh; their product is the number of points, 972 by default.
        traction: upward force per undeformed area of the upper side, kilopascal.

    Raises:
        ConfigError: when scikit-fem is missing, an argument is out of range, or no equilibrium is found.
    """
    require("skfem")
    mesh, vertices = _polar_mesh(void, around, across), around * across
    deformed = deform(mesh, traction=traction, material=material)
    mask, image = on_image(void, deformed.stress.reshape(around, across), image_size)
    displacement = deformed.displacement[:, :vertices].T
    return UnitCell(mesh.doflocs[:, :vertices].T, deformed.stress, displacement, void_code(void), mask, image)


def deform(
    mesh: "MeshQuad2",
    *,
    traction: float = 100.0,
    base: Base = "clamped",
    material: RivlinSaunders = RUBBER,
) -> Deformation:
    """A body with its lower side at y = 0 held and its upper side, at the largest y, pulled upwards.

    `traction` is per undeformed area. Raises ConfigError where no equilibrium is found.
    """
    body = _Body(mesh, base, material)
    unknowns, load, step = np.zeros(body.unknowns), 0.0, 0.5
    while load < 1.0:
        following = min(1.0, load + step)
        found = body.equilibrium(unknowns, following * traction)
        if found is None:
            step /= 2
            if step < SMALLEST_LOAD_STEP:
                raise ConfigError(f"No equilibrium was found beyond {load * traction:g} kPa: take a smaller traction.")
        else:
            unknowns, load = found, following
    return body.describe(unknowns, traction)


def _polar_mesh(void: ArrayLike, around: int, across: int) -> "MeshQuad2":
    """The mesh around a void; its first nodes are the vertices, in the order (around, across)."""
    from skfem import MeshQuad1, MeshQuad2

    fine = unit_cell_nodes(void, 2 * around, 2 * across - 1)  # of the Q2 elements
    ray, level = (index.ravel() for index in np.meshgrid(np.arange(around), np.arange(across - 1), indexing="ij"))
    corners = np.stack([(ray + step) % around * across + level + out for step, out in ((0, 0), (0, 1), (1, 1), (1, 0))])
    mesh = MeshQuad2.from_mesh(MeshQuad1(fine[::2, ::2].reshape(-1, 2).T.copy(), corners))
    positions = mesh.doflocs.copy()
    for nodes, (step, out) in zip(mesh.dofs.element_dofs, NODES_OF_AN_ELEMENT, strict=True):
        positions[:, nodes] = fine[(2 * ray + step) % (2 * around), 2 * level + out].T
    return MeshQuad2(positions, mesh.t)


class _Body:
    """The discrete equations of one body; unknowns are displacements in x, in y, and the pressure."""

    def __init__(self, mesh: "MeshQuad2", base: Base, material: RivlinSaunders):
        from skfem import Basis, BilinearForm, ElementQuad1, ElementQuad2, FacetBasis, LinearForm

        self.material = material
        self.basis = Basis(mesh, ElementQuad2(), intorder=5)
        self.pressures = self.basis.with_element(ElementQuad1())
        self.nodes, self.unknowns = self.basis.N, 2 * self.basis.N + self.pressures.N
        self.mass = BilinearForm(lambda p, q, w: p * q).assemble(self.pressures)
        height = mesh.p[1].max()
        top = FacetBasis(mesh, ElementQuad2(), facets=mesh.facets_satisfying(lambda x: np.isclose(x[1], height)))
        self.unit_load = np.zeros(self.unknowns)
        self.unit_load[self.nodes : 2 * self.nodes] = LinearForm(lambda v, w: v).assemble(top)
        self.held = self._held(base)
        self.free = np.setdiff1d(np.arange(self.unknowns), self.held)

    def _held(self, base: Base) -> np.ndarray:
        x, y = self.basis.doflocs
        low = np.flatnonzero(np.isclose(y, 0))
        sideways = low if base == "clamped" else low[[np.argmin(x[low])]]
        return np.concatenate([sideways, low + self.nodes])

    def equilibrium(self, unknowns: np.ndarray, traction: float) -> np.ndarray | None:
        """Newton's method from `unknowns`; None where it does not converge."""
        unknowns, load = unknowns.copy(), traction * self.unit_load
        for _ in range(NEWTON_STEPS):
            with np.errstate(invalid="ignore", over="ignore"):
                forces = self._forces(unknowns)
            residual = (load - forces)[self.free]
            if not np.isfinite(residual).all():
                return None
            if np.abs(residual).max() <= TOLERANCE * np.abs(load).max():
                return unknowns
            unknowns[self.free] += self._solve(self._stiffness(unknowns)[self.free][:, self.free], residual)
        return None

    def _state(self, unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deformation gradient (2, 2, elements, points) and pressure (elements, points) where forms are integrated."""
        components = [self.basis.interpolate(part).grad for part in unknowns[: 2 * self.nodes].reshape(2, -1)]
        pressure = np.asarray(self.pressures.interpolate(unknowns[2 * self.nodes :]))
        return np.stack(components) + np.eye(2)[..., None, None], pressure

    def _forces(self, unknowns: np.ndarray) -> np.ndarray:
        """Internal forces, the volume constraint among them."""
        from skfem import LinearForm
        from skfem.helpers import grad

        gradient, pressure = self._state(unknowns)
        stress = self.material.nominal_stress(gradient, pressure)
        force = LinearForm(lambda v, w: w["s0"] * grad(v)[0] + w["s1"] * grad(v)[1])
        volume = gradient[0, 0] * gradient[1, 1] - gradient[0, 1] * gradient[1, 0]
        excess = volume - 1 - pressure / self.material.bulk
        forces = [force.assemble(self.basis, s0=row[0], s1=row[1]) for row in stress]
        forces.append(LinearForm(lambda q, w: w["excess"] * q).assemble(self.pressures, excess=excess))
        return np.concatenate(forces)

    def _stiffness(self, unknowns: np.ndarray) -> sparse.csr_matrix:
        """The derivative of the internal forces."""
        from skfem import BilinearForm
        from skfem.helpers import grad

        gradient, pressure = self._state(unknowns)
        tangent, minor = self.material.tangent(gradient, pressure), cofactor(gradient)
        constraint = BilinearForm(lambda u, q, w: (w["c0"] * grad(u)[0] + w["c1"] * grad(u)[1]) * q)
        constraints = [constraint.assemble(self.basis, self.pressures, c0=row[0], c1=row[1]) for row in minor]
        stiffness = [[self._block(tangent[i, :, k]) for k in (0, 1)] for i in (0, 1)]
        rows: list[list[Any]] = [[*stiffness[i], constraints[i].T] for i in (0, 1)]
        return sparse.bmat([*rows, [*constraints, -self.mass / self.material.bulk]], format="csr")

    def _block(self, tangent: np.ndarray) -> sparse.csr_matrix:
        """Stiffness between two components of the displacement, from the tangent (2, 2, elements, points)."""
        from skfem import BilinearForm
        from skfem.helpers import grad

        def stiffness(u: Any, v: Any, w: Any) -> Any:
            return (w["t00"] * grad(u)[0] + w["t01"] * grad(u)[1]) * grad(v)[0] + (
                w["t10"] * grad(u)[0] + w["t11"] * grad(u)[1]
            ) * grad(v)[1]

        parts = {f"t{a}{b}": tangent[a, b] for a in (0, 1) for b in (0, 1)}
        return BilinearForm(stiffness).assemble(self.basis, **parts)

    def _solve(self, matrix: sparse.csr_matrix, force: np.ndarray) -> np.ndarray:
        """The solution by factors that keep the symmetric pattern, a tenth of the time of SuperLU's default here.

        With pressures in units of the shear modulus diagonal pivots are large enough.
        """
        scale = sparse.diags_array(np.where(self.free < 2 * self.nodes, 1.0, 2 * self.material.first))
        factors = splu(
            (scale @ matrix @ scale).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-6,
            options={"SymmetricMode": True},
        )
        return scale @ factors.solve(scale @ force)

    def describe(self, unknowns: np.ndarray, traction: float) -> Deformation:
        """Stresses are projected on the Q1 elements component by component, so that von Mises' is never negative."""
        from skfem import LinearForm

        gradient, _ = self._state(unknowns)
        deviator = self.material.deviatoric_stress(gradient)
        project = LinearForm(lambda q, w: w["s"] * q)
        moments = [project.assemble(self.pressures, s=deviator[i, j]) for i, j in ((0, 0), (0, 1), (1, 1))]
        xx, xy, yy = splu(self.mass.tocsc()).solve(np.stack(moments, -1)).T
        load = traction * self.unit_load
        imbalance = self._forces(unknowns) - load
        held = imbalance[self.held]
        low = self.held >= self.nodes
        return Deformation(
            displacement=unknowns[: 2 * self.nodes].reshape(2, -1),
            pressure=unknowns[2 * self.nodes :],
            stress=von_mises(np.array([[xx, xy], [xy, yy]])),
            reaction=np.array([held[~low].sum(), held[low].sum()]),
            imbalance=float(np.abs(imbalance[self.free]).max() / np.abs(load).max()),
        )
