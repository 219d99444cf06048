"""Energy of fields by radial wavenumber, and what flows conserve.

Fields are (batch, *space, channels) on a uniform grid of a box whose sides are 1. On periodic grids waves are complex
exponentials; elsewhere they are cosines of type II, which no jump at the edges leaks into. Wavenumbers count periods
along a side, so that those of cosines are halves.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.ops import cosine, fourier


def energy(fields: jax.Array, periodic: bool) -> jax.Array:
    """Energy of each wave, (batch, *modes, channels) float32; over all modes it adds up to the mean of the square.

    On periodic grids the last axis of modes holds the frequencies from zero up, each with the energy of its negative.
    """
    sizes = fields.shape[1:-1]
    if not periodic:
        return cosine.dctn(fields, norm="ortho") ** 2 / np.prod(sizes)
    spectrum = fourier.rfftn(fields, norm="forward")
    half = np.arange(sizes[-1] // 2 + 1)
    twice = np.where(2 * half % sizes[-1] == 0, 1.0, 2.0).astype(np.float32)[:, None]
    return (spectrum.real**2 + spectrum.imag**2) * twice


def wavenumbers(sizes: Sequence[int], periodic: bool) -> np.ndarray:
    """Squared radial wavenumber of each mode that `energy` gives, (*modes) float64."""
    *others, last = sizes
    axes = [np.arange(size) / 2 for size in sizes]
    if periodic:
        axes = [np.fft.fftfreq(size, 1 / size) for size in others] + [np.arange(last // 2 + 1.0)]
    return functools.reduce(np.add.outer, [axis**2 for axis in axes])


@dataclasses.dataclass(frozen=True)
class Shells:
    """Modes of a grid sorted by their radial wavenumber: shell i holds those from i - 1/2 up to i + 1/2.

    Attributes:
        sizes: of the grid.
        periodic: see `energy`.
    """

    sizes: tuple[int, ...]
    periodic: bool

    @property
    def count(self) -> int:
        """How many shells there are."""
        return int(self._numbers.max()) + 1

    def sums(self, energies: jax.Array) -> jax.Array:
        """Energy of each shell: (batch, *modes, channels) -> (batch, shells, channels)."""
        places, there = self._members
        flat = energies.reshape(energies.shape[0], -1, energies.shape[-1])
        # Neither a scatter nor a product with a matrix: the batch stays where it is, and little is held.
        return jnp.sum(flat[:, places] * there[..., None], 2)

    @property
    def _numbers(self) -> np.ndarray:
        return np.floor(np.sqrt(wavenumbers(self.sizes, self.periodic)) + 0.5).astype(np.int64).ravel()

    @property
    def _members(self) -> tuple[np.ndarray, np.ndarray]:
        """Flat places of each shell's modes (shells, most), and 1.0 where there is one."""
        numbers = self._numbers
        sizes = np.bincount(numbers)
        order, first = np.argsort(numbers, kind="stable"), np.cumsum(sizes) - sizes
        within = np.arange(sizes.max())
        there = within < sizes[:, None]
        places = order[np.where(there, first[:, None] + within, 0)]
        return places, there.astype(np.float32)


def radial_spectrum(fields: jax.Array, periodic: bool) -> jax.Array:
    """Energy by radial wavenumber, (batch, shells, channels), see `Shells`; over the shells it adds up to the mean of
    the square."""
    return Shells(fields.shape[1:-1], periodic).sums(energy(fields, periodic))


def gradient_energy(fields: jax.Array, periodic: bool) -> jax.Array:
    """Mean over space of the squared gradient, summed over channels: (batch,).

    On a periodic grid of the spectral derivative; elsewhere of differences, central inside and one-sided at the edges,
    where the outermost samples lie on the sides of the box.
    """
    if periodic:
        weights = ((2 * np.pi) ** 2 * wavenumbers(fields.shape[1:-1], True)).astype(np.float32)
        return _sum(energy(fields, True) * weights[..., None])
    slopes = [_differences(fields, axis) for axis in range(1, fields.ndim - 1) if fields.shape[axis] > 1]
    return sum(_sum(jnp.mean(slope**2, tuple(range(1, slope.ndim - 1)))) for slope in slopes)


def scalar_quantities(fields: jax.Array) -> dict[str, jax.Array]:
    """What transport of a scalar conserves: "mean" and "energy", half the mean square; (batch, channels) each."""
    space = tuple(range(1, fields.ndim - 1))
    return {"mean": jnp.mean(fields, space), "energy": jnp.mean(fields**2, space) / 2}


def vorticity_quantities(fields: jax.Array) -> dict[str, jax.Array]:
    """What a plane flow without viscosity or forcing conserves, of its vorticity on a periodic grid.

    Args:
        fields: (batch, height, width, channels); each channel is a vorticity.

    Returns:
        (batch, channels) each: "mean"; "energy", half the mean square of the velocity, whose stream function solves
        `laplace psi = -vorticity`; "enstrophy", half the mean square of the vorticity.
    """
    squared = (2 * np.pi) ** 2 * wavenumbers(fields.shape[1:-1], True)
    inverse = np.where(squared > 0, 1 / np.maximum(squared, 1e-12), 0.0).astype(np.float32)
    scalar = scalar_quantities(fields)
    kinetic = jnp.sum(energy(fields, True) * inverse[..., None], tuple(range(1, fields.ndim - 1))) / 2
    return {"mean": scalar["mean"], "energy": kinetic, "enstrophy": scalar["energy"]}


def _differences(fields: jax.Array, axis: int) -> jax.Array:
    """Slopes along an axis of length 1."""
    size = fields.shape[axis]
    cut = functools.partial(jax.lax.slice_in_dim, fields, axis=axis)
    first, last = cut(1, 2) - cut(0, 1), cut(size - 1, size) - cut(size - 2, size - 1)
    inside = [(cut(2, size) - cut(0, size - 2)) / 2] if size > 2 else []
    return jnp.concatenate([first, *inside, last], axis) * (size - 1)


def _sum(x: jax.Array) -> jax.Array:
    return jnp.sum(x, tuple(range(1, x.ndim)))
