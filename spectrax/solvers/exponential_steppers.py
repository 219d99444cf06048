"""One-dimensional periodic equations by exponential time differencing, with the steppers of exponax.

The scheme is ETDRK4 of Cox & Matthews (2002), its coefficients evaluated on a contour as by Kassam & Trefethen (2005),
in Fourier space with the two thirds rule. Needs the optional extra `pde`.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from spectrax.core.errors import ConfigError
from spectrax.solvers.optional_packages import require
from spectrax.solvers.precision import computing_in

if TYPE_CHECKING:
    import exponax


def trajectories(
    equation: str,
    initial: ArrayLike,
    *,
    length: float,
    frames: int,
    interval: float,
    time_step: float,
    **coefficients: Any,
) -> np.ndarray:
    """Batched trajectories of an equation named as in `exponax.stepper`.

    Args:
        initial: samples at i length / points, (batch, points).
        length: period in space.
        frames: how many frames are returned, at the times interval, 2 interval ...
        interval: time between frames.
        time_step: longest step taken; an interval is divided into equal ones.
        coefficients: of the equation, as exponax names them.

    Returns:
        float64 (batch, frames, points), computed on the CPU; the initial fields are not among the frames.

    Raises:
        ConfigError: when exponax is missing, an argument is out of range, or a solution does not stay finite.
    """
    require("exponax")
    initial = np.asarray(initial, np.float64)
    if initial.ndim != 2:
        raise ConfigError(f"Initial fields have the shape (batch, points), not {initial.shape}.")
    if min(length, interval, time_step) <= 0 or frames < 1:
        raise ConfigError("length, interval and time_step are positive and frames at least 1.")
    substeps = max(1, int(np.ceil(interval / time_step * (1 - 1e-12))))
    constants = tuple(sorted(coefficients.items()))
    with computing_in("float64"):
        advance = _compiled(equation, initial.shape[1], length, frames, interval / substeps, substeps, constants)
        result = np.asarray(advance(initial))
    if not np.isfinite(result).all():
        raise ConfigError(
            f"{equation} did not stay finite: take a shorter time_step than {time_step:g} or more points."
        )
    return result


@functools.lru_cache(maxsize=8)
def stepper(
    equation: str, points: int, length: float, step: float, constants: tuple[tuple[str, Any], ...]
) -> "exponax.BaseStepper":
    """The stepper of an equation named as in `exponax.stepper`, with constants as exponax names them; where float64 is
    computed in. Its `step_fourier` takes complex (1, points // 2 + 1). Raises `ConfigError` when exponax is missing."""
    require("exponax")
    import exponax

    with jax.ensure_compile_time_eval():
        return getattr(exponax.stepper, equation)(1, length, points, step, order=4, **dict(constants))


@functools.lru_cache(maxsize=8)
def _compiled(
    equation: str, points: int, length: float, frames: int, step: float, substeps: int, constants: tuple
) -> Callable[[np.ndarray], jax.Array]:
    """The function from initial fields to trajectories, compiled once for a set of parameters."""
    import exponax

    repeated = exponax.RepeatedStepper(stepper(equation, points, length, step, constants), substeps)

    def one(field: jax.Array) -> jax.Array:
        def advance(spectrum: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            spectrum = repeated.step_fourier(spectrum)
            return spectrum, exponax.ifft(spectrum, num_spatial_dims=1, num_points=points)[0]

        return jax.lax.scan(advance, exponax.fft(field[None], num_spatial_dims=1), None, frames)[1]

    return jax.jit(jax.vmap(one))
