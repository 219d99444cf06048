"""Burgers' equation u_t + (u^2 / 2)_x = viscosity u_xx on a circle, and the random fields from which it starts."""

import numpy as np
from numpy.typing import ArrayLike

from spectrax.solvers.exponential_steppers import trajectories
from spectrax.solvers.periodic_functions import periodic_function
from spectrax.solvers.random_fields import noise

MODES = 64  # of the initial fields: the amplitude of the last is 2500 times below that of the first


def burgers_initial(seed: int, index: int, points: int, *, mean: bool = False, modes: int = MODES) -> np.ndarray:
    """The initial field (points,) of example `index`, Gaussian with covariance 625 (-Laplacian + 25)^(-2).

    The covariance is stated on the unit circle, whatever length the circle has on which the equation is solved. Samples
    lie at i / points of it, and the same function is sampled at every resolution that holds `modes` waves. `mean`:
    whether the constant mode, of variance 1, is part of it (without, as far as is known, in the released generator).

    Source: Li et al., "Fourier neural operator for parametric partial differential equations" (2021), A.3.1.
    """
    amplitudes = noise(seed, index, (modes + 1, 2))  # a shorter series is the beginning of a longer one
    positions = np.arange(points) / points
    return periodic_function(amplitudes, positions, length=1.0, scale=625.0, shift=25.0, power=2.0, mean=mean)


def burgers(
    initial: ArrayLike,
    *,
    viscosity: float = 0.1,
    length: float = 1.0,
    frames: int = 1,
    interval: float = 1.0,
    time_step: float = 1e-3,
) -> np.ndarray:
    """Trajectories of Burgers' equation from initial fields (batch, points), periodic with period `length`.

    Returns float64 (batch, frames, points), at the times interval, 2 interval ... (the initial fields are not among
    them). `time_step` is the longest step taken. By default u at time 1 at the viscosity 0.1, as in Li et al. (2021).
    Fronts are about viscosity / max|u| wide and need several points each. Raises ConfigError where exponax is missing
    or a solution does not stay finite.
    """
    return trajectories(
        "Burgers",
        initial,
        length=length,
        frames=frames,
        interval=interval,
        time_step=time_step,
        diffusivity=viscosity,
        conservative=True,
    )
